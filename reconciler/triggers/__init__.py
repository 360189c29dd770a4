"""Event sources: each only says which fabric to look at, and why."""
