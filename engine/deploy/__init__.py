"""Deployed versions: what was applied, and the compiled rules of each version that something still follows."""
