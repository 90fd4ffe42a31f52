"""Documents → typed definitions, or findings. Each kind of document has a module."""
