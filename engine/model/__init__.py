"""The nouns that every room shares: definitions (what YAML declares) and what exists at run time (events, people, answers)."""
