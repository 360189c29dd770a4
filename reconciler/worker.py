"""The worker: takes a fabric from the queue, has one pass made in a thread, and decides when the next one is due."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import to_thread

from reconciler.model.requests import Trigger, Work
from reconciler.queue import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.queue import Next, Taken, WorkQueue

log = structlog.get_logger("worker")


class Runner(Protocol):
    """Makes one pass over one fabric, whole, in the calling thread."""

    def run(self, taken: Taken) -> Next: ...


class Worker:
    """Runs passes one after another. Several workers may share one queue; it never gives two the same fabric."""

    def __init__(
        self,
        queue: WorkQueue,
        runner: Runner,
        on_finished: Callable[[Sequence[str]], None],
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._queue = queue
        self._runner = runner
        self._on_finished = on_finished
        self._backoff = backoff or Backoff()
        self._chance = chance

    async def run(self) -> None:
        """Until the queue drains."""
        while await self.run_once():
            pass

    async def run_once(self) -> bool:
        """Wait for a fabric and make one pass; False once the queue drains."""
        taken = await self._queue.get()
        if taken is None:
            return False
        try:
            # Not abandoned when cancelled: a pass ends at a boundary that it chooses, never in the middle of a write.
            outcome = await to_thread.run_sync(self._runner.run, taken)
            self._schedule(taken.key, outcome)
        finally:
            self._queue.done(taken.key)
            self._on_finished(taken.work.requests)
        return True

    def _schedule(self, key: str, outcome: Next) -> None:
        if not outcome.is_retryable or self._queue.is_draining:
            return
        delay = self._backoff.delay(outcome.failures, self._chance())
        log.info("retry scheduled", fabric=key, failures=outcome.failures, seconds=round(delay, 1))
        self._queue.add_after(key, Work((Trigger.RETRY,), outcome.unanswered), delay)
