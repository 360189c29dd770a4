"""Progress lines for whoever waits."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress:
    """Writes one line per step with the seconds since it was made; safe to share between threads."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Lines go to `stream`, by default to standard error as it is when the line is written."""
        self._stream = stream
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Seconds since this was made."""
        return self._clock() - self._begin

    def say(self, message: str) -> None:
        stream = self._stream or sys.stderr
        with self._lock:
            stream.write(f"[{self.elapsed():6.1f} s] {message}\n")
            stream.flush()
