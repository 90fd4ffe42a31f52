"""Customer databases: what they tell us (hooks) and how the object behind a hook is fetched. One module a system."""
