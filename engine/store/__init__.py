"""Where everything is kept: one protocol, an embedded store in one file. No SQL anywhere else."""
