"""The work queue: coalescing, never twice at once, priorities, backoff, draining."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.objects import ObjectKey
from reconciler.model.requests import Trigger, Work
from reconciler.queue import BUDGETS, REMAINDER_BUDGET, Backoff, Taken, WorkQueue

if TYPE_CHECKING:
    from collections.abc import Callable

PUSH = Work((Trigger.PUSH,), ("push-1",))
POLL = Work((Trigger.POLL,), ("poll-1",))
MANUAL = Work((Trigger.REQUEST,), ("manual-1",))
RETRY = Work((Trigger.RETRY,))
WATCH = Work((Trigger.WATCH,))
REST = Work((Trigger.PUSH,), ("push-1",), None, "p1")
VPC, SWITCH = ObjectKey("VPC", "default", "vpc-1"), ObjectKey("Switch", "default", "leaf-01")


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


async def test_a_flood_costs_little() -> None:
    """What an addition costs does not grow with what waits: ten thousand make no event loop wait for seconds."""
    queue = _queue()
    works = [Work((Trigger.PUSH,), (f"push-{number}",)) for number in range(10_000)]

    began = time.process_time()
    for work in works:
        queue.add("dc1", work)
    spent = time.process_time() - began

    assert spent < 1.0
    assert (await _take(queue)).work.requests == tuple(request for work in works for request in work.requests)


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


async def _order(queue: WorkQueue) -> list[str]:
    """Every key that is ready, in the order in which the queue hands them out."""
    return [(await _take(queue)).key for _ in range(queue.depth())]


@pytest.mark.parametrize(
    ("early", "late", "budget"),
    [
        pytest.param(POLL, PUSH, BUDGETS[2] - BUDGETS[1], id="a poll and pushes"),
        pytest.param(POLL, MANUAL, BUDGETS[2], id="a poll and manual requests"),
        pytest.param(WATCH, MANUAL, BUDGETS[1], id="an event and manual requests"),
        pytest.param(REST, POLL, REMAINDER_BUDGET - BUDGETS[2], id="the rest of a pass and polls"),
    ],
)
@pytest.mark.parametrize(("beyond", "first"), [(-1.0, "late"), (1.0, "early")])
async def test_nobody_starves(early: Work, late: Work, budget: float, beyond: float, first: str) -> None:
    """More urgent work goes first as long as the budget of what it overtakes lasts, and no longer."""
    queue = _queue()
    queue.add("early", early)
    await asyncio.sleep(budget + beyond)
    queue.add("late", late)

    assert (await _take(queue)).key == first


async def test_a_busy_fabric_stands_behind() -> None:
    """A key that was added during its own pass goes behind those that waited while it had its turn."""
    queue = _queue()
    queue.add("busy", PUSH)
    await _take(queue)
    queue.add("busy", PUSH)
    await asyncio.sleep(1)
    queue.add("other", PUSH)
    await asyncio.sleep(1)
    queue.done("busy")

    assert await _order(queue) == ["other", "busy"]


async def test_a_rest_goes_behind_all_that_wait() -> None:
    """What is left of a pass that yielded goes behind whatever waits, but not behind all that comes after it."""
    queue = _queue()
    queue.add("long", PUSH)
    await _take(queue)
    queue.add("polled", POLL)
    queue.add("long", REST)
    queue.done("long")

    assert await _order(queue) == ["polled", "long"]


async def test_what_is_urgent_takes_a_rest_along() -> None:
    """What arrives for a fabric whose pass yielded joins the rest of it, with its own priority."""
    queue = _queue()
    queue.add("long", REST)
    queue.add("pushed", PUSH)
    assert queue.add("long", MANUAL) is True

    taken = await _take(queue)

    assert taken.key == "long"
    assert taken.work == Work((Trigger.PUSH, Trigger.REQUEST), ("push-1", "manual-1"), None, "p1")


async def test_an_urgent_trigger_in_backoff_has_its_own_deadline() -> None:
    """A push that ends a backoff stands where a push stands, not where the retry would."""
    queue = _queue()
    queue.add_after("failed", RETRY, 60.0)
    queue.add("polled", POLL)
    queue.add("failed", PUSH)

    assert await _order(queue) == ["failed", "polled"]


def _add_after(queue: WorkQueue, key: str, work: Work) -> None:
    queue.add_after(key, work, 0.0)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param({VPC}, {SWITCH}, {VPC, SWITCH}, id="united"),
        pytest.param({VPC}, None, None, id="widened"),
        pytest.param(None, {VPC}, None, id="not narrowed"),
    ],
)
@pytest.mark.parametrize("add_second", [WorkQueue.add, _add_after])
async def test_scopes_never_shrink(
    first: set[ObjectKey] | None,
    second: set[ObjectKey] | None,
    expected: set[ObjectKey] | None,
    add_second: Callable[[WorkQueue, str, Work], object],
) -> None:
    """A pass looks at everything that anything added asked for, also what was added during a backoff."""
    queue = _queue()
    for scope, add in ((first, WorkQueue.add), (second, add_second)):
        add(queue, "dc1", Work((Trigger.WATCH,), (), None if scope is None else frozenset(scope)))

    assert (await _take(queue)).work.scope == expected


async def test_who_waits() -> None:
    """Others wait when they are ready and nobody has taken them; rests of other passes do not count."""
    queue = _queue()
    queue.add("dc1", PUSH)
    queue.add("dc2", PUSH)
    assert queue.has_others("dc1")
    await _take(queue)
    await _take(queue)

    queue.add("dc1", PUSH)
    queue.add("dc2", PUSH)
    assert not queue.has_others("dc1"), "it is added again, and still in its pass"

    queue.add("dc3", REST)
    queue.add_after("dc4", RETRY, 10.0)
    assert not queue.has_others("dc1")
    queue.add("dc3", MANUAL)
    assert queue.has_others("dc1")
    assert queue.has_others("dc2")


async def test_idle() -> None:
    """There is something to take where a key is ready and no pass over it goes on."""
    queue = _queue()
    assert queue.is_idle()

    queue.add_after("dc1", RETRY, 10.0)
    assert queue.is_idle()
    queue.add("dc1", PUSH)
    assert not queue.is_idle()

    await _take(queue)
    queue.add("dc1", PUSH)
    assert queue.is_idle(), "its pass goes on"
    queue.done("dc1")
    assert not queue.is_idle()


async def test_who_presses() -> None:
    """Somebody waits for a pass where a push or a person asks for it, and it may begin."""
    queue = _queue()
    assert not queue.is_pressed("dc1")
    queue.add("dc1", POLL)
    assert not queue.is_pressed("dc1")
    queue.add("dc1", PUSH)
    assert queue.is_pressed("dc1")
    await _take(queue)

    assert not queue.is_pressed("dc1"), "that pass is under way"
    queue.add_after("dc1", RETRY, 10.0)
    assert not queue.is_pressed("dc1")
    queue.add("dc1", MANUAL)
    assert queue.is_pressed("dc1")


async def test_joins_are_told() -> None:
    """Whoever counts hears of each addition that causes no pass of its own."""
    joined: list[None] = []
    queue = WorkQueue(asyncio.get_running_loop().time, lambda: joined.append(None))

    queue.add("dc1", PUSH)
    queue.add("dc2", PUSH)
    assert joined == []
    queue.add("dc1", POLL)

    assert len(joined) == 1


async def test_other_threads_may_look() -> None:
    """Whoever looks from another thread while entries come and go gets an answer."""
    queue = _queue()
    is_over = threading.Event()
    seen: set[int] = set()

    def look() -> int:
        looks = 0
        while not is_over.is_set() or not looks:
            seen.add(queue.depth())
            assert queue.oldest() == 0.0
            assert queue.has_others("nobody") in {True, False}
            looks += 1
        return looks

    looking = asyncio.ensure_future(to_thread.run_sync(look))
    await asyncio.sleep(0)
    for number in range(2000):
        queue.add(f"dc{number}", PUSH)
    for number in range(2000):
        queue.discard(f"dc{number}")
    is_over.set()

    assert await looking > 0
    assert max(seen) <= 2000


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
    queue.discard("dc1")
    assert queue.oldest() == 0.0, "what backs off is not ready"
    assert not queue.is_active("dc1")
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


async def _served(pause: float, seconds: float, count: int = 100) -> list[tuple[str, ...]]:
    """The requests of each pass, of so many seconds each, when pushes come with this pause between them."""
    queue = _queue()
    served: list[tuple[str, ...]] = []

    async def flood() -> None:
        for number in range(count):
            queue.add("dc1", Work((Trigger.PUSH,), (f"push-{number}",)))
            await asyncio.sleep(pause)

    pushing = asyncio.ensure_future(flood())
    while not served or served[-1][-1] != f"push-{count - 1}":
        taken = await _take(queue)
        served.append(taken.work.requests)
        await asyncio.sleep(seconds)
        queue.done("dc1")
    await pushing
    return served


@pytest.mark.parametrize("seconds", [0.1, 0.5, 0.7, 5.0])
async def test_a_flood_of_pushes_shares_passes(seconds: float) -> None:
    """A hundred pushes within a minute make few passes, be they longer or shorter than the time between two pushes; no
    push is left out, and the last one is in the last pass.
    """
    served = await _served(0.6, seconds)

    assert [request for requests in served for request in requests] == [f"push-{number}" for number in range(100)]
    assert len(served) <= 31


async def test_pushes_that_come_now_and_then_do_not_wait() -> None:
    """Twenty in a row, and then one each six seconds, are served one by one as they come."""
    assert all(len(requests) == 1 for requests in await _served(0.2, 0.1, count=20))
    assert all(len(requests) == 1 for requests in await _served(6.0, 0.1, count=50))


async def _exhausted() -> WorkQueue:
    """A queue that has no passes left for pushes of dc1 at the moment; another one waits."""
    queue = _queue()
    for _ in range(20):
        queue.add("dc1", PUSH)
        await _take(queue)
        queue.done("dc1")
    queue.add("dc1", PUSH)
    return queue


async def _waits(queue: WorkQueue) -> float:
    """Seconds until dc1 is taken."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await _take(queue)
    return loop.time() - began


async def test_one_push_too_many_waits() -> None:
    """It is held until there is a pass for it again, and shows as active meanwhile; pushes that join change nothing."""
    queue = await _exhausted()
    assert queue.is_active("dc1")
    queue.add("dc1", PUSH)
    assert queue.depth() == 0

    assert await _waits(queue) == pytest.approx(6.0)
    queue.add("dc1", PUSH)
    queue.done("dc1")
    assert await _waits(queue) == pytest.approx(6.0)


@pytest.mark.parametrize("work", [MANUAL, WATCH, POLL, REST])
async def test_whatever_else_is_asked_for_does_not_wait(work: Work) -> None:
    """A person, an edit in the cluster and the rest of a pass go at once, with the pushes that were held."""
    queue = await _exhausted()

    queue.add("dc1", work)

    assert queue.depth() == 1
    taken = await _take(queue)
    assert set(taken.work.triggers) >= {Trigger.PUSH}


async def test_other_keys_have_allowances_of_their_own() -> None:
    """A flood in one repository does not hold up the pushes of another."""
    queue = await _exhausted()

    queue.add("dc2", PUSH)

    assert (await _take(queue)).key == "dc2"


async def test_pushes_that_fail_are_held_too() -> None:
    """A push ends a backoff, but not more often than the allowance lets it: else a flood would hammer a host that is
    ill.
    """
    queue = _queue()
    for _ in range(20):
        queue.add("dc1", PUSH)
        await _take(queue)
        queue.add_after("dc1", RETRY, 60.0)
        queue.done("dc1")

    queue.add("dc1", PUSH)

    assert queue.depth() == 0
    assert await _waits(queue) == pytest.approx(6.0)


async def test_what_is_ready_anyway_is_not_held() -> None:
    """A push that joins an entry whose pass is due anyway does not make it wait."""
    queue = await _exhausted()
    await _waits(queue)
    queue.done("dc1")
    queue.add("dc1", WATCH)

    queue.add("dc1", PUSH)

    assert queue.depth() == 1


async def test_every_change_is_told() -> None:
    """Additions, additions for later, what is done and what is discarded: whoever shows the queue looks again."""
    told: list[str] = []
    queue = WorkQueue(asyncio.get_running_loop().time, on_changed=lambda: told.append("changed"))

    queue.add("dc1", PUSH)
    queue.add("dc1", PUSH)
    assert len(told) == 2
    await _take(queue)
    queue.done("dc1")
    assert len(told) == 3
    queue.add_after("dc1", RETRY, 5)
    assert len(told) == 4
    queue.discard("dc1")
    assert len(told) == 5
