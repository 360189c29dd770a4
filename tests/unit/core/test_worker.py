"""The worker: one pass at a time per fabric, backoff after failures, what follows a yield, a graceful end."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from reconciler.model.objects import ObjectKey
from reconciler.model.requests import Trigger, Work
from reconciler.queue import Next, WorkQueue
from reconciler.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.queue import Taken

PUSH = Work((Trigger.PUSH,), ("r1",))
VPC = ObjectKey("VPC", "default", "vpc-1")


class Passes:
    """A runner that makes no pass but remembers when it was asked to, and answers as told."""

    def __init__(self, *outcomes: Next | BaseException) -> None:
        self.outcomes = list(outcomes)
        self.taken: list[tuple[str, tuple[Trigger, ...], float]] = []
        self.works: list[Work] = []
        self.finished: list[Sequence[str]] = []
        self.iterations: list[float] = []
        self.loop = asyncio.get_running_loop()
        self.queue = WorkQueue(self.loop.time)
        self.worker = self.hire()

    def hire(self) -> Worker:
        return Worker(
            self.queue,
            self,
            self.finished.append,
            chance=lambda: 0.0,
            on_iteration=lambda: self.iterations.append(self.loop.time()),
        )

    def run(self, taken: Taken) -> Next:
        self.taken.append((taken.key, taken.work.triggers, self.loop.time()))
        self.works.append(taken.work)
        outcome = self.outcomes.pop(0) if self.outcomes else Next()
        if isinstance(outcome, BaseException):
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
    passes = Passes(*[Next(is_retryable=True)] * 3)
    passes.queue.add("dc1", PUSH)

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5, 15, 35)]
    assert passes.taken[-1][1] == (Trigger.RETRY,)


async def test_what_is_new_is_tried_again_soon() -> None:
    """However often a fabric failed before, a pass for something urgent that fails is tried again after 5 s."""
    passes = Passes(*[Next(is_retryable=True)] * 6)
    passes.queue.add("dc1", PUSH)
    passes.loop.call_later(100, passes.queue.add, "dc1", PUSH)

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5, 15, 35, 75, 100, 105)]


async def test_what_is_not_tried_again_does_not_count() -> None:
    """Passes that nothing but a change can help count for no later delay, and polls do not make it shorter."""
    stalled, failed = Next(), Next(is_retryable=True)
    passes = Passes(stalled, stalled, failed, failed, failed)
    for moment in (0, 300, 600, 602):
        passes.loop.call_later(moment, passes.queue.add, "dc1", Work((Trigger.POLL,)))

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 300, 600, 605, 615, 635)]


async def test_a_stalled_pass_waits_for_a_change() -> None:
    """A pass that cannot succeed by being tried again is not tried again, until something is added."""
    passes = Passes(Next(is_retryable=False))
    passes.queue.add("dc1", PUSH)
    passes.loop.call_later(500, passes.queue.add, "dc1", PUSH)

    await passes.run_for(10_000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(0), pytest.approx(500)]


async def test_a_scoped_pass_is_retried_in_full() -> None:
    """What failed over some objects is tried again over the whole fabric, with the requests that have no answer."""
    passes = Passes(Next(is_retryable=True, unanswered=("r1",)))
    passes.queue.add("dc1", Work((Trigger.WATCH,), ("r1",), frozenset({VPC})))

    await passes.run_for(100)

    assert passes.works[1] == Work((Trigger.RETRY,), ("r1",), None, retries=1)


async def test_events_during_backoff_wait_and_widen() -> None:
    """A watch event of a fabric that backs off is looked at when the retry is due, and does not narrow it."""
    passes = Passes(Next(is_retryable=True))
    passes.queue.add("dc1", PUSH)
    passes.loop.call_later(2, passes.queue.add, "dc1", Work((Trigger.WATCH,), (), frozenset({VPC})))

    await passes.run_for(100)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5)]
    assert passes.works[1] == Work((Trigger.RETRY, Trigger.WATCH), (), None, retries=1)


async def test_a_pass_that_yields() -> None:
    """The rest of a pass that yielded runs after the fabric that waited, without backoff, as the same work."""
    rest = replace(PUSH, remainder="p1")
    passes = Passes(Next(remainder=rest))
    passes.queue.add("dc1", PUSH)
    passes.queue.add("dc2", Work((Trigger.POLL,)))

    await passes.run_for(1)

    assert [key for key, _, _ in passes.taken] == ["dc1", "dc2", "dc1"]
    assert passes.works[2] == rest


async def test_an_error_of_the_runner_ends_neither_worker_nor_request() -> None:
    """Whatever a runner raises, the worker goes on; the same requests are tried again with backoff."""
    passes = Passes(RuntimeError("boom"), RuntimeError("boom"), Next(), RuntimeError("boom"))
    passes.queue.add("dc1", PUSH)
    passes.loop.call_later(100, passes.queue.add, "dc1", PUSH)

    await passes.run_for(1000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5, 15, 100, 105)]
    assert all(work.requests == ("r1",) for work in passes.works)


class Panic(BaseException):
    """What a library that is not written in Python raises where it gives up."""


async def test_a_panic_loses_no_work() -> None:
    """What is no Exception ends neither the worker nor the request: it is tried again as any defect."""
    passes = Passes(Panic("index out of bounds"))
    passes.queue.add("dc1", PUSH)

    await passes.run_for(1000)

    assert [at for _, _, at in passes.taken] == [pytest.approx(at, abs=0.1) for at in (0, 5)]
    assert passes.works[1].requests == ("r1",)


def test_the_interpreter_may_exit() -> None:
    """A pass does not hold up the end of the process."""

    async def serve() -> None:
        passes = Passes(SystemExit(1))
        passes.queue.add("dc1", PUSH)
        await passes.worker.run_once()

    with pytest.raises(SystemExit):
        asyncio.run(serve())


async def test_a_thread_that_cannot_start_loses_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the machine has no thread left the work waits for a moment in which it has one."""
    passes = Passes()
    passes.queue.add("dc1", PUSH)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await passes.worker.run_once()

    await passes.run_for(100)

    assert [at for _, _, at in passes.taken] == [pytest.approx(5, abs=0.1)]
    assert passes.works[0].requests == ("r1",)


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_each_iteration_is_told() -> None:
    """Health hears of every pass that the worker has behind it, also of one that failed."""
    passes = Passes(RuntimeError("boom"))
    passes.queue.add("dc1", PUSH)

    await passes.run_for(1000)

    assert passes.iterations == [pytest.approx(at, abs=0.1) for at in (0, 5)]


async def test_no_retry_while_stopping() -> None:
    """A pass that ends while the service stops schedules nothing: neither a retry nor its rest."""
    passes = Passes()
    passes.queue.add("dc1", PUSH)
    taken = await passes.queue.get()
    assert taken is not None
    passes.queue.add("dc2", PUSH)
    other = await passes.queue.get()
    assert other is not None
    passes.queue.drain()

    passes.worker.settle(taken, Next(is_retryable=True))
    passes.worker.settle(other, Next(remainder=PUSH))

    assert not passes.queue.is_waiting("dc1")
    assert not passes.queue.is_waiting("dc2")
    assert await passes.worker.run_once() is False


class Held(Passes):
    """A runner whose passes last until they are let go, and that knows how many ran at once."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun = asyncio.Semaphore(0)
        self.running: list[str] = []
        self.together: set[tuple[str, ...]] = set()

    def run(self, taken: Taken) -> Next:
        self.running.append(taken.key)
        self.together.add(tuple(sorted(self.running)))
        self.loop.call_soon_threadsafe(self.begun.release)
        assert self.go.wait(10)
        self.running.remove(taken.key)
        return Next()


async def test_several_workers() -> None:
    """Workers run passes over different fabrics at the same time, and never two over one."""
    passes = Held()
    tasks = [asyncio.ensure_future(passes.hire().run()) for _ in range(3)]
    for key in ("dc1", "dc2"):
        passes.queue.add(key, PUSH)
        await passes.begun.acquire()
    passes.queue.add("dc1", PUSH)
    await asyncio.sleep(0)

    passes.go.set()
    await passes.begun.acquire()
    passes.queue.drain()
    await asyncio.gather(*tasks)

    assert ("dc1", "dc2") in passes.together
    assert not any(keys.count("dc1") > 1 for keys in passes.together)
    assert len(passes.finished) == 3


async def test_passes_leave_threads_to_others() -> None:
    """A pass takes no thread from those that answer deliveries, however many workers there are."""
    passes = Held()
    task = asyncio.ensure_future(passes.worker.run())
    passes.queue.add("dc1", PUSH)
    await passes.begun.acquire()

    assert to_thread.current_default_thread_limiter().borrowed_tokens == 0

    passes.go.set()
    passes.queue.drain()
    await task
