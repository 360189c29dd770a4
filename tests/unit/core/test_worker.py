"""The worker: one pass at a time per fabric, backoff after failures, a graceful end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from reconciler.model.requests import Trigger, Work
from reconciler.queue import Next, WorkQueue
from reconciler.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.queue import Taken

PUSH = Work((Trigger.PUSH,), ("r1",))


class Passes:
    """A runner that makes no pass but remembers when it was asked to, and answers as told."""

    def __init__(self, *outcomes: Next | Exception) -> None:
        self.outcomes = list(outcomes)
        self.taken: list[tuple[str, tuple[Trigger, ...], float]] = []
        self.finished: list[Sequence[str]] = []
        self.loop = asyncio.get_running_loop()
        self.queue = WorkQueue(self.loop.time)
        self.worker = Worker(self.queue, self, self.finished.append, chance=lambda: 0.0)

    def run(self, taken: Taken) -> Next:
        self.taken.append((taken.key, taken.work.triggers, self.loop.time()))
        outcome = self.outcomes.pop(0) if self.outcomes else Next()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def run_for(self, seconds: float) -> None:
        task = asyncio.ensure_future(self.worker.run())
        await asyncio.sleep(seconds)
        self.queue.drain()
        await task


async def test_a_success_is_not_repeated() -> None:
    """After a pass that succeeded nothing runs until something is added."""
    passes = Passes()
    passes.queue.add("dc1", PUSH)

    await passes.run_for(10_000)

    assert [(key, triggers) for key, triggers, _ in passes.taken] == [("dc1", (Trigger.PUSH,))]
    assert passes.finished == [("r1",)]


async def test_failures_back_off() -> None:
    """A pass that may succeed later is tried again after 5, 10, 20 s until it does."""
    passes = Passes(*(Next(failures=n, is_retryable=True) for n in (1, 2, 3)))
    passes.queue.add("dc1", PUSH)

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5, 15, 35)]
    assert passes.taken[-1][1] == (Trigger.RETRY,)


async def test_a_stalled_pass_waits_for_a_change() -> None:
    """A pass that cannot succeed by being tried again is not tried again, until something is added."""
    passes = Passes(Next(failures=1, is_retryable=False))
    passes.queue.add("dc1", PUSH)
    passes.loop.call_later(500, passes.queue.add, "dc1", PUSH)

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(0), pytest.approx(500)]


async def test_an_error_of_the_runner_frees_the_fabric() -> None:
    """Whatever a runner raises, the fabric can be taken again and those who wait are told."""
    passes = Passes(RuntimeError("boom"))
    passes.queue.add("dc1", PUSH)

    with pytest.raises(RuntimeError, match="boom"):
        await passes.worker.run_once()
    passes.queue.add("dc1", PUSH)
    assert await passes.worker.run_once() is True

    assert passes.finished == [("r1",), ("r1",)]


async def test_no_retry_while_stopping() -> None:
    """A pass that ends while the service stops schedules nothing."""
    passes = Passes(Next(failures=1, is_retryable=True))
    passes.queue.add("dc1", PUSH)
    taken = await passes.queue.get()
    assert taken is not None
    passes.queue.drain()

    passes.worker._schedule("dc1", Next(failures=1, is_retryable=True))

    assert not passes.queue.is_waiting("dc1")
    assert await passes.worker.run_once() is False
