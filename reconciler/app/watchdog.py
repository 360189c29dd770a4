"""The watchdog: notices an event loop that does not come round any more, and workers that hang, in a pass or outside.

It has two halves. A task in the event loop beats; a thread beside it looks whether it does, for what blocks the loop
blocks every task in it too. What is found fails `/livez`, and keeps the signs of life from systemd: whoever runs the
service ends it then, and the next start does again what was cut off.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.status.health import ComponentState
from reconciler.status.marks import HUNG_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.app.systemd import Notifier
    from reconciler.status.health import Components
    from reconciler.status.marks import Marks
    from reconciler.status.metrics import Metrics

log = structlog.get_logger("watchdog")

WATCHDOG = "watchdog"
"""The name of its task."""

BEAT = 1.0
"""Seconds between two beats, and between two looks at them."""

BLOCKED_AFTER = 10.0
"""Seconds without a beat after which the event loop is blocked. Nothing in it may take longer than a few milliseconds,
and a full collection of garbage takes half a second.
"""


UNTAKEN_AFTER = 120.0
"""Seconds for which a fabric may be ready while no worker makes a pass. To take one is a matter of milliseconds, and of
a thread that has to start; the time of a pass, however long, does not count.
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which the event loop is blocked, a pass hangs, and workers that take nothing do."""

    blocked: float = BLOCKED_AFTER
    hung: float = HUNG_AFTER
    untaken: float = UNTAKEN_AFTER


class Queue(Protocol):
    """What the watchdog asks of the queue."""

    def depth(self) -> int: ...

    def is_idle(self) -> bool: ...


class Watchdog:
    """`passes` are the marks of those that run and the queue of those that wait; `workers` are names of tasks."""

    def __init__(
        self,
        passes: tuple[Marks, Queue],
        workers: Sequence[str],
        live: tuple[Components, Metrics],
        notifier: Notifier,
        monotonic: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.notifier = notifier
        self._marks, self._queue = passes
        self._workers = workers
        self._components, self._metrics = live
        self._monotonic = monotonic
        self._patience = patience or Patience()
        self._beaten: float | None = None
        """When the last beat was; None before the first."""
        self._loop_thread: int | None = None
        self._untaken = 0.0
        """Seconds for which a fabric has been ready now and no worker made a pass."""
        self._passive: tuple[str, ...] = ()
        """Workers that have taken nothing for too long although there was something."""
        self._told: set[tuple[str, str]] = set()
        """What hangs that the log knows of: names, and what is said of them."""
        self._is_blocked = False
        self._ending = threading.Event()
        self._guard: threading.Thread | None = None

    # In the event loop

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        while True:
            asked = loop.time()
            self.beat()
            await asyncio.sleep(BEAT)
            self._metrics.lag(max(loop.time() - asked - BEAT, 0.0))

    def beat(self) -> None:
        """The event loop came round."""
        now = self._monotonic()
        self._count_untaken(0.0 if self._beaten is None else now - self._beaten)
        self._beaten = now
        hanging = self.hanging()
        self._metrics.hung(len(hanging))
        self._tell_of_hung(hanging)
        self._speak_of_workers(hanging)
        self._components.progress(WATCHDOG)
        self._renew_guard()
        try:
            self.notifier.status(self._status(hanging))
        except Exception:
            # Words for people: for want of them nobody may take the service for dead.
            log.exception("the service manager cannot be told the status")

    def _speak_of_workers(self, hanging: Mapping[str, str]) -> None:
        """One that makes a pass was well at its last mark; one that waits is well while there is nothing to take."""
        marks, is_idle = self._marks.last(), self._queue.is_idle()
        for worker in self._workers:
            if worker in hanging:
                self._components.trouble(worker, hanging[worker])
            elif worker in marks:
                self._components.progress(worker, marks[worker].since)
            elif is_idle:
                self._components.progress(worker)

    def _count_untaken(self, elapsed: float) -> None:
        """A beat that came late counts as one in time: the process may have stood still, and its workers with it."""
        running = {name for name, one in self._components.all().items() if one.state is ComponentState.RUNNING}
        able = tuple(worker for worker in self._workers if worker in running)
        if self._marks.last() or not able or not self._queue.depth():
            self._untaken = 0.0
        else:
            self._untaken += min(elapsed, 2 * BEAT)
        self._passive = able if self._untaken >= self._patience.untaken else ()

    def hanging(self) -> dict[str, str]:
        """By name of the task, what does not get on any more. From any thread."""
        why = f"it takes no fabric, though one has been waiting for more than {self._patience.untaken:g} s"
        return dict.fromkeys(self._passive, why) | {mark.worker: str(mark) for mark in self._marks.hung()}

    def _tell_of_hung(self, hanging: Mapping[str, str]) -> None:
        marks = self._marks.last()
        for worker, message in hanging.items():
            if (worker, message) not in self._told:
                mark = marks.get(worker)
                phase = mark.phase.value if mark and mark.phase else None
                log.error("worker hangs", worker=worker, fabric=mark and mark.fabric, phase=phase, message=message)
        self._told = set(hanging.items())

    def _renew_guard(self) -> None:
        """The thread beside the loop must be there: without it nobody notices a blocked loop."""
        if self._guard is not None and not self._guard.is_alive() and not self._ending.is_set():
            log.error("the watchdog's thread ended, and is started again")
            self.guard()

    def _status(self, hanging: Mapping[str, str]) -> str:
        if hanging:
            return "Hanging: " + "; ".join(f"{name}: {why}" for name, why in hanging.items())
        missing = self._components.not_running()
        if missing:
            return "Not ready: " + "; ".join(f"{name}: {why}" for name, why in missing.items())
        return "Serving"

    # Beside it

    def guard(self) -> None:
        """Begin to look at the beats, in a thread, until `rest`."""
        self._guard = threading.Thread(target=self._keep_looking, name=WATCHDOG, daemon=True)
        self._guard.start()

    def rest(self) -> None:
        """Look no more: the service ends, and its parts with it."""
        self._ending.set()
        if self._guard is not None:
            self._guard.join()

    def _keep_looking(self) -> None:
        interval = self.notifier.interval
        pause = BEAT if interval is None else min(BEAT, interval)
        signed, waiting = -float("inf"), time.monotonic()
        while not self._ending.wait(pause):
            now = time.monotonic()
            self._forgive(now - waiting - pause)
            if self.look() and interval is not None and now - signed >= interval - pause:
                self.notifier.alive()
                signed = now
            waiting = time.monotonic()

    def _forgive(self, late: float) -> None:
        """The look at the loop came so many seconds late itself. In these the whole process stood still, which says
        nothing of the loop: somebody stopped it, the machine slept or is starved, or a library let no other thread run.
        """
        if late <= 0 or self._beaten is None:
            return
        if late >= self._patience.blocked / 2:
            log.warning("process stood still", seconds=round(late, 1))
        self._beaten = min(self._beaten + late, self._monotonic())

    def look(self) -> bool:
        """Whether the event loop beats and no pass hangs. A loop that is blocked is told of once, with what it does."""
        silence = 0.0 if self._beaten is None else self._monotonic() - self._beaten
        is_blocked = silence >= self._patience.blocked
        if is_blocked and not self._is_blocked:
            self._metrics.blocked()
            self._components.trouble(WATCHDOG, f"the event loop is blocked for more than {self._patience.blocked:g} s")
            log.error("event loop blocked", seconds=round(silence, 1), stack=self._stack())
        if self._is_blocked and not is_blocked:
            log.warning("event loop goes on")
        self._is_blocked = is_blocked
        return not is_blocked and not self.hanging()

    def _stack(self) -> str:
        """Where the event loop's thread is."""
        frame = sys._current_frames().get(self._loop_thread or 0)  # noqa: SLF001 - the documented way to another thread
        return "".join(traceback.format_stack(frame)) if frame is not None else "the thread is gone"
