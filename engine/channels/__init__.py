"""Ways to reach people and programs: one module a channel, each an Adapter of `engine.model.delivery`."""
