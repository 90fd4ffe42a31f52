"""The laboratory: the runtime on a virtual clock, against systems that only behave like the real ones."""
