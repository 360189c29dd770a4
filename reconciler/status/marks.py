"""Marks of progress: whether the passes that run get on."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.reconcile.observer import Observer
from reconciler.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.model.passes import Phase
    from reconciler.ports import Clock

HUNG_AFTER = 2400.0
"""Seconds without a mark after which a pass hangs. A mark is left by each phase, each action, and each call of an
outside system that came back; all calls are bounded. The longest is the first fetch of a repository, 600 s. Before it
the pass may have waited for another one in the same mirror, which leaves marks of its own: a first fetch, one into a
new mirror and a look at the branches, 1,260 s. Together 1,860 s; the rest is for what only the machine bounds.
"""


@dataclass(slots=True)
class Mark:
    """The last mark of a pass that runs: of whom, in which phase, and when (wall clock, and monotonic)."""

    worker: str
    fabric: str
    since: datetime
    at: float
    phase: Phase | None = None

    def __str__(self) -> str:
        phase = f"phase {self.phase.value}" if self.phase else "no phase"
        return f"the pass over {self.fabric} has made no progress since {rfc3339(self.since)}, in {phase}"


class Marks(Observer):
    """The marks of all passes that run. Written by the threads of passes, read by any."""

    def __init__(self, clock: Clock, hung_after: float = HUNG_AFTER) -> None:
        self._clock = clock
        self._hung_after = hung_after
        self._marks: dict[str, Mark] = {}
        self._mine: ContextVar[Mark | None] = ContextVar("mark", default=None)
        """That of the pass for which the calling code runs, in whatever thread."""

    @contextmanager
    def running(self, worker: str, fabric: str) -> Iterator[None]:
        """The worker makes a pass over the fabric until the end of the block."""
        mark = Mark(worker, fabric, self._clock.now(), self._clock.monotonic())
        self._marks[worker] = mark
        token = self._mine.set(mark)
        try:
            yield
        finally:
            self._mine.reset(token)
            self._marks.pop(worker, None)

    def here(self) -> None:
        """The pass that the caller works for, if any, gets on."""
        mark = self._mine.get()
        if mark is not None:
            mark.since, mark.at = self._clock.now(), self._clock.monotonic()

    def entered(self, fabric: str, phase: Phase) -> None:  # noqa: ARG002 - the context knows it
        mark = self._mine.get()
        if mark is not None:
            mark.phase = phase
        self.here()

    def left(self, fabric: str, phase: Phase, seconds: float, *, has_failed: bool) -> None:  # noqa: ARG002
        self.here()

    def stepped(self, fabric: str) -> None:  # noqa: ARG002 - the context knows it
        self.here()

    def last(self) -> dict[str, Mark]:
        """The last marks of passes that run, by worker."""
        return dict(self._marks)

    def hung(self) -> list[Mark]:
        """The last marks of passes that hang."""
        now = self._clock.monotonic()
        return [mark for mark in list(self._marks.values()) if now - mark.at >= self._hung_after]
