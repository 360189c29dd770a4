"""Values. Frozen, typed, and free of I/O, clocks and randomness: everything else speaks in these."""
