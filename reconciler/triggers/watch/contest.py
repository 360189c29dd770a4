"""Objects that somebody else changes back as often as passes heal them: healed ever more slowly."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.queue import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.objects import ObjectKey

FREE = 30
"""So often within a `WINDOW` an object is healed at once: more than people do, less than programs that fight."""

WINDOW = 60.0
"""Seconds; after as many without a change an object is contested no more."""

DELAYS = Backoff(base=5.0, factor=2.0, cap=60.0, jitter=0.0)
"""How long a contested object waits each further time."""

FORGOTTEN_AFTER = WINDOW + DELAYS.cap


@dataclass(slots=True)
class _Asked:
    """When an object's last passes were due, and how many of them in a row were delayed."""

    moments: deque[float] = field(default_factory=lambda: deque(maxlen=FREE))
    delayed: int = 0

    def delay(self, now: float) -> float:
        if self.moments and now - self.moments[-1] > WINDOW:
            self.delayed = 0
        if not self.delayed and (len(self.moments) < FREE or now - self.moments[0] > WINDOW):
            self.moments.append(now)
            return 0.0
        self.delayed += 1
        seconds = DELAYS.delay(self.delayed, 0.0)
        self.moments.append(now + seconds)
        return seconds


class Contests:
    """Counts how often each object of each fabric is asked for. `monotonic` is the clock, in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._asked: OrderedDict[tuple[str, ObjectKey], _Asked] = OrderedDict()
        """The one that was asked for last comes last."""

    def delay(self, fabric: str, key: ObjectKey) -> float:
        """How long a pass over this object, which changed once more, should wait (seconds)."""
        now = self._monotonic()
        self._forget(now)
        asked = self._asked.setdefault((fabric, key), _Asked())
        self._asked.move_to_end((fabric, key))
        return asked.delay(now)

    def _forget(self, now: float) -> None:
        while self._asked:
            oldest = next(iter(self._asked))
            if now - self._asked[oldest].moments[-1] <= FORGOTTEN_AFTER:
                return
            del self._asked[oldest]
