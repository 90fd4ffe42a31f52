"""The only way out over HTTP: one client with time-outs, a guard against requests into private networks, and redaction."""
