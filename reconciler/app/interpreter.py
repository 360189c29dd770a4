"""How the interpreter divides its time among the threads of a service: none of them may keep the event loop waiting."""

from __future__ import annotations

import gc
import sys

SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread that computes keeps all others from running. A delivery goes from the event loop to a
thread that stores it and back, and each of these turns may have to wait for passes that parse or plan: with Python's
5 ms, answers queue behind each other while thousands of documents are parsed, and so do the threads that apply.
"""

FULL_COLLECTIONS = 200
"""How many collections of younger objects go before one of all objects; by default 10. That one holds up all threads,
by some 150 ms where a cluster has 5,000 objects and half a second where it has 50,000, and finds next to nothing: what
passes keep and let go of has no cycles.
"""


def share_time() -> None:
    """For the whole process, from now on."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTIONS)
