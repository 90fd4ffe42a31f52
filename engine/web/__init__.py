"""What the outside reaches over HTTP."""
