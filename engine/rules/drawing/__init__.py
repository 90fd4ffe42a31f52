"""The rule graph as a person reads it: what is shown of it, how that is laid out, and each form that it is drawn in."""
