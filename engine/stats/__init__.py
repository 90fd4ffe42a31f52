"""Survey statistics: pure functions over counts, each with its formula's source. No I/O, no randomness, standard library only."""
