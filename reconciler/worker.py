"""The worker: takes a fabric from the queue, has one pass made in a thread, and decides when the next one is due."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import CapacityLimiter, to_thread

from reconciler.model.requests import Trigger, Work
from reconciler.queue import Backoff, Next

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.queue import Taken, WorkQueue

log = structlog.get_logger("worker")


class Runner(Protocol):
    """Makes one pass over one fabric, whole or until it yields, in the calling thread."""

    def run(self, taken: Taken) -> Next: ...


class Worker:
    """Runs passes one after another. Several workers may share one queue; it never gives two the same fabric.

    `on_finished` is told of the requests of each pass, `on_iteration` that the worker is well: both in the event loop.
    """

    def __init__(
        self,
        queue: WorkQueue,
        runner: Runner,
        on_finished: Callable[[Sequence[str]], None],
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        on_iteration: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue = queue
        self._runner = runner
        self._on_finished = on_finished
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._on_iteration = on_iteration
        # A thread of its own: passes must not use up those that answer deliveries.
        self._thread = CapacityLimiter(1)

    async def run(self) -> None:
        """Until the queue drains."""
        while await self.run_once():
            pass

    async def run_once(self) -> bool:
        """Wait for a fabric and make one pass; False once the queue drains."""
        taken = await self._queue.get()
        if taken is None:
            return False
        # Until the pass says otherwise: also a thread that cannot be started must not lose what was taken.
        following = _defect(taken)
        try:
            # Not abandoned when cancelled: a pass ends at a boundary that it chooses, never in the middle of a write.
            following = await to_thread.run_sync(self._make_pass, taken, limiter=self._thread)
        finally:
            self.settle(taken, following)
        return True

    def _make_pass(self, taken: Taken) -> Next:
        """A runner answers for every error of a pass. Should one get past it, the requests still need an answer, and
        other fabrics this worker.
        """
        try:
            return self._runner.run(taken)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            # A panic in a library that is not written in Python is no Exception.
            log.exception("unexpected error beside a pass", fabric=taken.key)
            return _defect(taken)

    def settle(self, taken: Taken, following: Next) -> None:
        """After a pass: queue what follows from it, free the fabric, and tell those who wait."""
        self._schedule(taken, following)
        self._queue.done(taken.key)
        self._on_finished(taken.work.requests)
        self._on_iteration()

    def _schedule(self, taken: Taken, following: Next) -> None:
        if self._queue.is_draining:
            return
        if following.remainder is not None:
            self._queue.add(taken.key, following.remainder)
        elif following.is_retryable:
            # What is urgent brought something new: that the fabric failed before it says nothing of how soon this will
            # succeed.
            retries = 1 if taken.work.is_urgent else taken.work.retries + 1
            delay = self._backoff.delay(retries, self._chance())
            log.info("retry scheduled", fabric=taken.key, retries=retries, seconds=round(delay, 1))
            # Without a scope: what failed over some objects is made good over all.
            self._queue.add_after(taken.key, Work((Trigger.RETRY,), following.unanswered, retries=retries), delay)


def _defect(taken: Taken) -> Next:
    return Next(is_retryable=True, unanswered=taken.work.requests, is_defect=True)
