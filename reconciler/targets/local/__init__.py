"""Embedded implementations of the ports, for demonstrations, rehearsals and tests."""
