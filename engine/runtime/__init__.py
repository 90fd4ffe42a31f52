"""The engine at work: events in, decisions, effects out — each promise kept by one transaction."""
