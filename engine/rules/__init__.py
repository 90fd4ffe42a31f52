"""The rule graph: what happens for an event, why, and what could ever happen. Pure: no clock, no file, no network."""
