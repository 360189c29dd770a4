"""The references in `docs/` that are made from the program itself: `make docs`."""
