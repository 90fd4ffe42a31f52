"""Servers that behave like the documented systems, for `sounding demo` and for tests: each keeps what it got and fails on request."""
