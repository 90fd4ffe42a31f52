"""Messages: templates rendered at the moment of sending, never stored."""
