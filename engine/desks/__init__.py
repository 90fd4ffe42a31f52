"""Help desks, where a closed-loop case becomes a ticket: one module a desk, each an Adapter of `engine.model.delivery`."""
