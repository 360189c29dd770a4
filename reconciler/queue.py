"""The coalescing work queue: one entry a fabric, however often it is added; never the same fabric twice at once.

After client-go's workqueue: `add` while waiting joins the entry, `add` while processing makes exactly one more
pass. The queue holds keys and why they were added, never what to do. It belongs to one event loop; only `depth`,
`oldest` and `is_active` may be asked from other threads.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.requests import Work

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Taken:
    """What `get` hands out: a key, why it was added, and how long it waited while it was ready (seconds)."""

    key: str
    work: Work
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What follows a pass: `failures` in a row (0 after a success), whether trying again by itself may help, and the
    requests that still have no answer. `is_defect`: the pass ended by an error that nobody foresaw.
    """

    failures: int = 0
    is_retryable: bool = False
    unanswered: tuple[str, ...] = ()
    is_defect: bool = False


@dataclass(slots=True)
class _Entry:
    work: Work
    ready_at: float
    order: int


class WorkQueue:
    """Keys with their work. `monotonic` is the clock, in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: dict[str, _Entry] = {}
        """Added and not taken. A key may be here and in `_processing`: it was added again while taken."""
        self._processing: set[str] = set()
        """Taken and not done. Such a key is never handed out."""
        self._added = 0
        self._draining = False
        self._changed = asyncio.Event()

    def add(self, key: str, work: Work) -> bool:
        """Add work for a key; whether it joined an entry that waits already.

        An entry that backs off keeps its time, unless the new work is urgent: then it is ready at once.
        """
        entry = self._waiting.get(key)
        if entry is None:
            self._insert(key, work, self._monotonic())
            return False
        entry.work = entry.work.union(work)
        if work.is_urgent:
            entry.ready_at = min(entry.ready_at, self._monotonic())
        self._changed.set()
        return True

    def add_after(self, key: str, work: Work, delay: float) -> None:
        """Add work that becomes ready in `delay` seconds, and hold back what waits already, unless that is urgent:
        what arrived during a failed pass only marks the key dirty.
        """
        ready_at = self._monotonic() + delay
        entry = self._waiting.get(key)
        if entry is None:
            self._insert(key, work, ready_at)
            return
        if not entry.work.is_urgent:
            entry.ready_at = ready_at
        # Also beside urgent work: the requests that come with a retry have nobody else to answer them.
        entry.work = entry.work.union(work)
        self._changed.set()

    def _insert(self, key: str, work: Work, ready_at: float) -> None:
        self._added += 1
        self._waiting[key] = _Entry(work, ready_at, self._added)
        self._changed.set()

    async def get(self) -> Taken | None:
        """The next key that is ready and not processing; None once the queue drains."""
        while not self._draining:
            taken = self._take()
            if taken is not None:
                return taken
            await self._wait()
        return None

    def _take(self) -> Taken | None:
        now = self._monotonic()
        ready = [
            (entry.work.priority, entry.order, key)
            for key, entry in self._waiting.items()
            if entry.ready_at <= now and key not in self._processing
        ]
        if not ready:
            return None
        key = min(ready)[2]
        entry = self._waiting.pop(key)
        self._processing.add(key)
        return Taken(key, entry.work, now - entry.ready_at)

    async def _wait(self) -> None:
        """Until something was added or done, or the next delayed entry is ready."""
        self._changed.clear()
        now = self._monotonic()
        delays = [e.ready_at - now for key, e in self._waiting.items() if key not in self._processing]
        try:
            async with asyncio.timeout(min(delays, default=None)):
                await self._changed.wait()
        except TimeoutError:
            return

    def done(self, key: str) -> None:
        """The pass over a taken key ended; if the key was added meanwhile, it is handed out again."""
        self._processing.remove(key)
        self._changed.set()

    def discard(self, key: str) -> Work:
        """Take a waiting key out without processing it; its work, for whoever has to answer for it."""
        entry = self._waiting.pop(key, None)
        return entry.work if entry else Work()

    def drain(self) -> None:
        """Hand out nothing more. What waits stays where it is stored: with the requests."""
        self._draining = True
        self._changed.set()

    @property
    def is_draining(self) -> bool:
        return self._draining

    def is_waiting(self, key: str) -> bool:
        return key in self._waiting

    def is_active(self, key: str) -> bool:
        """Whether the key is processing, or ready to be."""
        entry = self._waiting.get(key)
        return key in self._processing or (entry is not None and entry.ready_at <= self._monotonic())

    def depth(self) -> int:
        """Keys that are ready and wait to be taken."""
        now = self._monotonic()
        return sum(1 for entry in tuple(self._waiting.values()) if entry.ready_at <= now)

    def oldest(self) -> float:
        """How long the key that waits longest has been ready, in seconds."""
        now = self._monotonic()
        return max((now - entry.ready_at for entry in tuple(self._waiting.values())), default=0.0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential delays with jitter: `base * factor ** (failures - 1)`, at most `cap` seconds, shortened by up to
    `jitter` of itself so that fabrics that failed together do not retry together.
    """

    base: float = 5.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.2

    def delay(self, failures: int, chance: float) -> float:
        """Seconds to wait after this many failures in a row (from 1). `chance` is random, from 0 to 1."""
        exponent = min(failures - 1, 64)
        full = min(self.base * self.factor**exponent, self.cap)
        return full * (1 - self.jitter * chance)
