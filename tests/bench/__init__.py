"""Figures on the lab's real servers, beside a baseline in the same run: `make bench`."""
