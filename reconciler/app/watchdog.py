"""The watchdog: notices an event loop that does not come round any more, and workers whose pass hangs.

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
from typing import TYPE_CHECKING

import structlog

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


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds after which the event loop is blocked, and a pass hangs."""

    blocked: float = BLOCKED_AFTER
    hung: float = HUNG_AFTER


class Watchdog:
    """`workers` are the names of their tasks."""

    def __init__(
        self,
        marks: Marks,
        workers: Sequence[str],
        live: tuple[Components, Metrics],
        notifier: Notifier,
        monotonic: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
    ) -> None:
        self.notifier = notifier
        self._marks = marks
        self._workers = workers
        self._components, self._metrics = live
        self._monotonic = monotonic
        self._blocked_after = (patience or Patience()).blocked
        self._beaten: float | None = None
        """When the last beat was; None before the first."""
        self._loop_thread: int | None = None
        self._told: set[tuple[str, float]] = set()
        """The hung passes that the log knows of, by worker and last mark."""
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
        self._beaten = self._monotonic()
        hanging = self.hanging()
        self._metrics.hung(len(hanging))
        self._tell_of_hung()
        for worker in self._workers:
            if worker in hanging:
                self._components.trouble(worker, hanging[worker])
            else:
                self._components.progress(worker)
        self._components.progress(WATCHDOG)
        self.notifier.status(self._status(hanging))

    def hanging(self) -> dict[str, str]:
        """By name of the task, what does not get on any more. From any thread."""
        return {mark.worker: str(mark) for mark in self._marks.hung()}

    def _tell_of_hung(self) -> None:
        found = {(mark.worker, mark.at): mark for mark in self._marks.hung()}
        for key, mark in found.items():
            if key not in self._told:
                phase = mark.phase.value if mark.phase else None
                log.error("worker hangs", worker=mark.worker, fabric=mark.fabric, phase=phase, message=str(mark))
        self._told = set(found)

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
        if late >= self._blocked_after / 2:
            log.warning("process stood still", seconds=round(late, 1))
        self._beaten = min(self._beaten + late, self._monotonic())

    def look(self) -> bool:
        """Whether the event loop beats and no pass hangs. A loop that is blocked is told of once, with what it does."""
        silence = 0.0 if self._beaten is None else self._monotonic() - self._beaten
        is_blocked = silence >= self._blocked_after
        if is_blocked and not self._is_blocked:
            self._metrics.blocked()
            self._components.trouble(WATCHDOG, f"the event loop is blocked for more than {self._blocked_after:g} s")
            log.error("event loop blocked", seconds=round(silence, 1), stack=self._stack())
        if self._is_blocked and not is_blocked:
            log.warning("event loop goes on")
        self._is_blocked = is_blocked
        return not is_blocked and not self.hanging()

    def _stack(self) -> str:
        """Where the event loop's thread is."""
        frame = sys._current_frames().get(self._loop_thread or 0)  # noqa: SLF001 - the documented way to another thread
        return "".join(traceback.format_stack(frame)) if frame is not None else "the thread is gone"
