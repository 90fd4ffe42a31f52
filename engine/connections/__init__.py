"""Connections as configured: secrets resolved at the start, adapters made once."""
