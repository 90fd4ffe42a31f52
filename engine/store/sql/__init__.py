"""Conditions of the language as SQL, for whatever database is behind the store."""
