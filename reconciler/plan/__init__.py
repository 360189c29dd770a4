"""Decisions: pure functions from values to values. What will change, why, and what must not."""
