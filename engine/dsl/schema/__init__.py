"""The JSON Schema of each kind, and what it says of a document: a fast gate, and a slow explanation of what the gate stopped."""
