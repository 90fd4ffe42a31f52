"""The language: YAML text to typed definitions, or findings with a place. Only `source` reads files."""
