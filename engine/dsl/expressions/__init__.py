"""Expressions: Jinja2's syntax with our meaning. Text → tree (`parse`) → typed term (`check`) → value (`interpret`, `to_python`)."""
