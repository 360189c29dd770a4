"""The coalescing work queue: one entry a fabric, however often it is added; never the same fabric twice at once.

After client-go's workqueue: `add` while waiting joins the entry, `add` while processing makes exactly one more
pass. The queue holds keys and why they were added, never what to do. It belongs to one event loop; `depth`, `oldest`,
`is_waiting`, `is_idle`, `is_active` and `has_others` may be asked from any thread.

The earliest deadline goes first: the moment at which an entry became ready plus the budget of its priority. So manual
requests go before events, and events before polls; but what has waited for its budget is overtaken by nothing that
comes later, however much that is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from reconciler.model.requests import Collected, Trigger, Work

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGETS = (0.0, 5.0, 30.0)
"""Seconds for which work of each `Work.priority` lets more urgent work that comes later go first."""

REMAINDER_BUDGET = 60.0
"""The same for the rest of a pass that yielded. More than any other, so that it stands behind all that wait."""


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


@dataclass(frozen=True, slots=True)
class Allowance:
    """A token bucket: so many passes of a key are made for pushes as soon as they come (`burst`), and then one each
    `seconds`. Whoever pushes now and then never waits; a hundred pushes within a minute share a third as many passes.
    """

    burst: float = 20.0
    seconds: float = 6.0

    def left(self, tokens: float, elapsed: float) -> float:
        """The tokens that there are after some time (seconds)."""
        return min(self.burst, tokens + elapsed / self.seconds)

    def wait(self, tokens: float) -> float:
        """How long until there is one (seconds)."""
        return max(0.0, (1.0 - tokens) * self.seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """What `get` hands out: a key, why it was added, and how long it waited while it was ready (seconds)."""

    key: str
    work: Work
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What follows a pass: whether trying again by itself may help, and the requests that still have no answer. A pass
    that is tried again is a full one, whatever the scope of the first was.

    `remainder` is what is left of a pass that yielded; there is nothing else to say of it yet. `is_defect`: the pass
    ended by an error that nobody foresaw.
    """

    is_retryable: bool = False
    unanswered: tuple[str, ...] = ()
    remainder: Work | None = None
    is_defect: bool = False


@dataclass(slots=True)
class _Entry:
    collected: Collected
    ready_at: float
    order: int
    budget: float
    """The least budget of all that was added."""
    deadline: float
    """The least of all that was added; never moved back, except when the key's own pass ends."""
    held_until: float = 0.0
    """From when on the allowance lets pushes have a pass, where nothing else asks for one."""

    @property
    def due(self) -> float:
        """From when on it may be taken."""
        return max(self.ready_at, self.held_until)

    def join(self, work: Work, now: float, held_until: float) -> None:
        if not _is_push(work):
            self.held_until = 0.0
        elif self.due > now:
            self.held_until = max(self.held_until, held_until)
        if work.is_urgent:
            self.ready_at = min(self.ready_at, now)
        budget = _budget(work)
        self.budget = min(self.budget, budget)
        self.deadline = min(self.deadline, max(self.due, now) + budget)
        self.collected.add(work)

    def queue_up(self, now: float, order: int) -> None:
        """Stand behind what waits already with the same budget."""
        self.deadline = max(self.due, now) + self.budget
        self.order = order


def _is_push(work: Work) -> bool:
    """Whether nothing but pushes asks for a pass, and none was begun."""
    return set(work.triggers) == {Trigger.PUSH} and work.remainder is None


def _budget(work: Work) -> float:
    return BUDGETS[work.priority] if work.remainder is None else REMAINDER_BUDGET


class WorkQueue:
    """Keys with their work. `monotonic` is the clock, in seconds; `on_joined` is told of each addition that causes no
    pass of its own, `on_changed` after each change of what waits or is processed.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_joined: Callable[[], None] = lambda: None,
        allowance: Allowance = Allowance(),
        on_changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._monotonic = monotonic
        self._on_joined = on_joined
        self._on_changed = on_changed
        self._allowance = allowance
        self._tokens: dict[str, tuple[float, float]] = {}
        """By key, the tokens that were left when the last pass for a push began, and when that was."""
        self._lock = Lock()
        """Held for every look at the entries and every change of them: other threads look too."""
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
        now = self._monotonic()
        with self._lock:
            entry = self._waiting.get(key)
            if entry is None:
                self._insert(key, work, now)
            else:
                entry.join(work, now, self._allowed_at(key, now))
        self._tell()
        if entry is not None:
            self._on_joined()
        return entry is not None

    def add_after(self, key: str, work: Work, delay: float) -> None:
        """Add work that becomes ready in `delay` seconds, and hold back what waits already, unless that is urgent:
        what arrived during a failed pass only marks the key dirty.
        """
        ready_at = self._monotonic() + delay
        with self._lock:
            entry = self._waiting.get(key)
            if entry is None:
                self._insert(key, work, ready_at)
            else:
                if not entry.collected.why().is_urgent:
                    entry.ready_at = ready_at
                    entry.queue_up(ready_at, entry.order)
                # Also beside urgent work: the requests that come with a retry have nobody else to answer them.
                entry.collected.add(work)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._on_changed()

    def _insert(self, key: str, work: Work, ready_at: float) -> None:
        held_until = self._allowed_at(key, ready_at) if _is_push(work) else 0.0
        budget, due = _budget(work), max(ready_at, held_until)
        self._waiting[key] = _Entry(Collected(work), ready_at, self._next_order(), budget, due + budget, held_until)

    def _allowed_at(self, key: str, now: float) -> float:
        """From when on a push may have a pass."""
        return now + self._allowance.wait(self._left(key, now))

    def _left(self, key: str, now: float) -> float:
        tokens, since = self._tokens.get(key, (self._allowance.burst, now))
        return self._allowance.left(tokens, now - since)

    def _next_order(self) -> int:
        self._added += 1
        return self._added

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
        with self._lock:
            ready = [
                (entry.deadline, entry.order, key)
                for key, entry in self._waiting.items()
                if entry.due <= now and key not in self._processing
            ]
            if not ready:
                return None
            key = min(ready)[2]
            entry = self._waiting.pop(key)
            self._processing.add(key)
            if Trigger.PUSH in entry.collected.why().triggers:
                self._tokens[key] = (max(self._left(key, now) - 1.0, 0.0), now)
        return Taken(key, entry.collected.work(), now - entry.due)

    async def _wait(self) -> None:
        """Until something was added or done, or the next delayed entry is ready."""
        self._changed.clear()
        now = self._monotonic()
        delays = [e.due - now for key, e in self._waiting.items() if key not in self._processing]
        try:
            async with asyncio.timeout(min(delays, default=None)):
                await self._changed.wait()
        except TimeoutError:
            return

    def done(self, key: str) -> None:
        """The pass over a taken key ended; if the key was added meanwhile, it is handed out again, behind the keys that
        waited while it had its turn.
        """
        now = self._monotonic()
        with self._lock:
            self._processing.remove(key)
            entry = self._waiting.get(key)
            if entry is not None:
                entry.queue_up(now, self._next_order())
        self._tell()

    def discard(self, key: str) -> Work:
        """Take a waiting key out without processing it; its work, for whoever has to answer for it."""
        with self._lock:
            entry = self._waiting.pop(key, None)
        self._on_changed()
        return entry.collected.work() if entry else Work()

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
        now = self._monotonic()
        with self._lock:
            entry = self._waiting.get(key)
            # Also while it is held: there is something to be done, and it will be.
            return key in self._processing or (entry is not None and entry.ready_at <= now)

    def is_pressed(self, key: str) -> bool:
        """Whether somebody waits for a pass over a key, more than for the one that is under way: a push came meanwhile,
        a person asked, or the configuration changed. What backs off or is held back by the allowance waits anyway.
        """
        now = self._monotonic()
        with self._lock:
            entry = self._waiting.get(key)
            return entry is not None and entry.due <= now and entry.collected.why().is_urgent

    def has_others(self, key: str) -> bool:
        """Whether another key is ready and waits for somebody to be free. The rest of a pass that yielded does not
        count: two long passes that yielded to each other at every occasion would both spend their time on beginning.
        """
        now = self._monotonic()
        with self._lock:
            return any(
                entry.due <= now and entry.budget < REMAINDER_BUDGET
                for other, entry in self._waiting.items()
                if other != key and other not in self._processing
            )

    def is_idle(self) -> bool:
        """Whether nothing is ready that somebody who is free could take. What is added again while its pass goes on
        nobody can.
        """
        now = self._monotonic()
        with self._lock:
            return all(entry.due > now or key in self._processing for key, entry in self._waiting.items())

    def depth(self) -> int:
        """Keys that are ready and wait to be taken."""
        now = self._monotonic()
        with self._lock:
            return sum(1 for entry in self._waiting.values() if entry.due <= now)

    def oldest(self) -> float:
        """How long the key that waits longest has been ready, in seconds."""
        now = self._monotonic()
        with self._lock:
            return max((now - entry.due for entry in self._waiting.values() if entry.due <= now), default=0.0)
