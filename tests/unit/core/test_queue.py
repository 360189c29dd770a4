"""The work queue: coalescing, never twice at once, priorities, backoff, draining."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from reconciler.model.requests import Trigger, Work
from reconciler.queue import Backoff, Taken, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Coroutine

PUSH = Work((Trigger.PUSH,), ("push-1",))
POLL = Work((Trigger.POLL,), ("poll-1",))
MANUAL = Work((Trigger.REQUEST,), ("manual-1",))
RETRY = Work((Trigger.RETRY,))


def _queue() -> WorkQueue:
    return WorkQueue(asyncio.get_running_loop().time)


async def _take(queue: WorkQueue) -> Taken:
    taken = await queue.get()
    assert taken is not None
    return taken


async def test_adds_coalesce() -> None:
    """Whatever is added to a waiting key is served by one pass, in order of arrival, nothing twice."""
    queue = _queue()

    assert queue.add("dc1", PUSH) is False
    assert queue.add("dc1", POLL) is True
    assert queue.add("dc1", PUSH) is True

    taken = await _take(queue)
    assert taken.work == Work((Trigger.PUSH, Trigger.POLL), ("push-1", "poll-1"))
    assert queue.depth() == 0


async def test_a_key_is_never_processed_twice_at_once() -> None:
    """A key added while it is processed is handed out again only after it is done, and exactly once."""
    queue = _queue()
    queue.add("dc1", PUSH)
    await _take(queue)
    queue.add("dc1", POLL)
    queue.add("dc1", MANUAL)

    second = asyncio.ensure_future(queue.get())
    await asyncio.sleep(10)
    assert not second.done()
    queue.done("dc1")

    taken = await second
    assert taken is not None
    assert taken.work.triggers == (Trigger.POLL, Trigger.REQUEST)
    queue.done("dc1")
    assert queue.depth() == 0
    assert not queue.is_active("dc1")


async def test_another_key_goes_on_meanwhile() -> None:
    """A key that is processed does not hold up another."""
    queue = _queue()
    queue.add("dc1", PUSH)
    queue.add("dc2", PUSH)

    assert (await _take(queue)).key == "dc1"
    assert (await _take(queue)).key == "dc2"


async def test_manual_before_events_before_poll() -> None:
    """Of what is ready, manual requests go first, then events, then polls; equals go in order of arrival."""
    queue = _queue()
    queue.add("polled", POLL)
    queue.add("pushed", PUSH)
    queue.add("asked", MANUAL)
    queue.add("pushed-later", PUSH)

    assert [(await _take(queue)).key for _ in range(4)] == ["asked", "pushed", "pushed-later", "polled"]


async def test_delayed_work_becomes_ready_on_time() -> None:
    """What is added with a delay is handed out exactly then."""
    queue = _queue()
    queue.add_after("dc1", RETRY, 30.0)
    assert queue.depth() == 0

    taken = await _take(queue)

    assert asyncio.get_running_loop().time() == pytest.approx(30.0)
    assert taken.waited == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("work", "ready_at"),
    [
        pytest.param(PUSH, 0.0, id="a push runs at once"),
        pytest.param(MANUAL, 0.0, id="a manual request runs at once"),
        pytest.param(Work((Trigger.FILE,)), 0.0, id="a configuration change runs at once"),
        pytest.param(POLL, 60.0, id="a poll only marks dirty"),
        pytest.param(Work((Trigger.WATCH,)), 60.0, id="a watch event only marks dirty"),
    ],
)
async def test_what_ends_a_backoff(work: Work, ready_at: float) -> None:
    """Only what a person or Git says ends a backoff early."""
    queue = _queue()
    queue.add_after("dc1", RETRY, 60.0)

    assert queue.add("dc1", work) is True
    taken = await _take(queue)

    assert asyncio.get_running_loop().time() == pytest.approx(ready_at)
    assert taken.work == RETRY.union(work)


@pytest.mark.parametrize(
    ("work", "ready_at"),
    [
        pytest.param(PUSH, 0.0, id="a push that came during the failed pass is not held back"),
        pytest.param(POLL, 60.0, id="a poll that came during the failed pass waits"),
    ],
)
async def test_what_arrived_during_a_failed_pass(work: Work, ready_at: float) -> None:
    """After a failed pass, only urgent work that came meanwhile runs before the backoff ends."""
    queue = _queue()
    queue.add("dc1", POLL)
    await _take(queue)
    queue.add("dc1", work)
    queue.add_after("dc1", RETRY, 60.0)
    queue.done("dc1")

    await _take(queue)

    assert asyncio.get_running_loop().time() == pytest.approx(ready_at)


async def test_adding_wakes_whoever_waits() -> None:
    """A worker that waits for work, or for a delayed key, gets what is added meanwhile."""
    queue = _queue()
    queue.add_after("late", RETRY, 1000.0)
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(1)
    queue.add("now", POLL)

    taken = await waiting

    assert taken is not None
    assert taken.key == "now"
    assert asyncio.get_running_loop().time() == pytest.approx(1.0)


async def test_draining_ends_every_get() -> None:
    """A draining queue hands out nothing, also to those who wait already."""
    queue = _queue()
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.drain()

    assert await waiting is None
    queue.add("dc1", PUSH)
    assert await queue.get() is None
    assert queue.is_draining


async def test_discard_gives_back_the_work() -> None:
    """Work of a key that will not be processed is handed to whoever has to answer for it."""
    queue = _queue()
    queue.add("dc1", PUSH)

    assert queue.discard("dc1") == PUSH
    assert queue.discard("dc1") == Work()
    assert not queue.is_waiting("dc1")


async def test_depth_and_age() -> None:
    """Depth counts what is ready; the age is that of what is ready longest."""
    queue = _queue()
    assert queue.oldest() == 0.0
    queue.add("dc1", PUSH)
    queue.add_after("dc2", RETRY, 100.0)
    await asyncio.sleep(7)

    assert queue.depth() == 1
    assert queue.oldest() == pytest.approx(7.0)
    assert queue.is_active("dc1")
    assert not queue.is_active("dc2")
    assert queue.is_waiting("dc2")


def test_backoff_doubles_to_its_cap() -> None:
    """Without jitter the delays are 5, 10, 20, … and never more than the cap."""
    backoff = Backoff()

    assert [backoff.delay(n, 0.0) for n in range(1, 9)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.delay(10_000, 0.0) == 300


@given(failures=st.integers(1, 100), chance=st.floats(0, 1))
def test_jitter_only_shortens(failures: int, chance: float) -> None:
    """A delay lies between its full length and that less the jitter."""
    backoff = Backoff()
    full = backoff.delay(failures, 0.0)

    assert full * 0.8 - 1e-9 <= backoff.delay(failures, chance) <= full


class QueueModel(RuleBasedStateMachine):
    """Any order of adds, takes and ends: nothing is lost, nothing runs twice at once."""

    keys = st.sampled_from(["dc1", "dc2", "dc3"])

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.queue = WorkQueue(lambda: self.now)
        self.loop = asyncio.new_event_loop()
        self.owed: dict[str, set[str]] = {}
        self.processing: set[str] = set()
        self.serial = 0

    def teardown(self) -> None:
        """Everything that was added is handed out in the end."""
        self.now += 10_000
        while self.owed:
            for key in list(self.processing):
                self._done(key)
            self.take()
        self.loop.close()

    def _run(self, coroutine: Coroutine[None, None, Taken | None]) -> Taken | None:
        return self.loop.run_until_complete(coroutine)

    @rule(key=keys, trigger=st.sampled_from([Trigger.PUSH, Trigger.POLL, Trigger.REQUEST]))
    def add(self, key: str, trigger: Trigger) -> None:
        self.serial += 1
        request = f"r{self.serial}"
        joined = self.queue.add(key, Work((trigger,), (request,)))
        assert joined is (key in self.owed)
        self.owed.setdefault(key, set()).add(request)

    @rule(key=keys, delay=st.floats(0, 100))
    def back_off(self, key: str, delay: float) -> None:
        self.serial += 1
        request = f"r{self.serial}"
        before = self.queue.discard(key)
        self.queue.add_after(key, before.union(Work((Trigger.RETRY,), (request,))), delay)
        self.owed.setdefault(key, set()).add(request)

    @rule(seconds=st.floats(0, 50))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        if not any(self.queue.is_active(key) for key in self.owed if key not in self.processing):
            return
        taken = self._run(self.queue.get())
        assert taken is not None
        assert taken.key not in self.processing
        assert set(taken.work.requests) == self.owed.pop(taken.key)
        self.processing.add(taken.key)

    @rule(key=keys)
    def finish(self, key: str) -> None:
        if key in self.processing:
            self._done(key)

    def _done(self, key: str) -> None:
        self.queue.done(key)
        self.processing.remove(key)

    @invariant()
    def what_is_owed_waits(self) -> None:
        assert {key for key in ("dc1", "dc2", "dc3") if self.queue.is_waiting(key)} == set(self.owed)


TestQueueModel = QueueModel.TestCase
