"""Scores over the store."""
