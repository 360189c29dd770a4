"""Supervision: a task that fails is started again, later and later, and says so while it is down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from reconciler.app.supervisor import CANCEL_TIMEOUT, HEALTHY_AFTER, LONGEST_REASON, Supervisor
from reconciler.status.health import Components

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject
    from reconciler.settings.known_secrets import KnownSecrets

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class LoopClock:
    """The simulated time of the event loop."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Task:
    """A task that fails as often as it is told, each time after `lasts` seconds, and then runs until it is ended."""

    def __init__(self, failures: int, lasts: float = 0.0) -> None:
        self.failures = failures
        self.lasts = lasts
        self.starts: list[float] = []
        self.end = asyncio.Event()

    async def run(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        if len(self.starts) <= self.failures:
            await asyncio.sleep(self.lasts)
            raise RuntimeError("boom")
        await self.end.wait()


class Supervised:
    """A supervised task, and what is said of it."""

    def __init__(self, task: Task, chance: Callable[[], float] = lambda: 0.0, *, ends_itself: bool = False) -> None:
        self.task = task
        self.components = Components(LoopClock())
        self.supervisor = Supervisor(self.components, chance)
        self.supervisor.start("poll", task.run, ends_itself=ends_itself)

    async def after(self, seconds: float) -> JSONObject:
        """What is said of the task when this many seconds have passed."""
        await asyncio.sleep(seconds)
        said: JSONObject = self.components.as_json()["poll"]
        return said

    async def end(self) -> None:
        self.supervisor.stop()
        await self.supervisor.ended()


async def test_a_task_that_ends_with_the_service() -> None:
    """A task that ends itself is left to when the service stops, and is then reported as stopped."""
    supervised = Supervised(Task(failures=0), ends_itself=True)
    assert (await supervised.after(1000))["state"] == "running"

    supervised.supervisor.stop()
    assert (await supervised.after(10))["state"] == "running"
    supervised.task.end.set()
    await supervised.supervisor.ended()

    assert supervised.task.starts == [0]
    assert supervised.components.not_running() == {"poll": "stopped"}


@pytest.mark.parametrize("ends_itself", [True, False])
async def test_a_task_that_returns_has_failed(ends_itself: bool) -> None:  # noqa: FBT001 - a case
    """A task that returns before the service stops is missed, and started again."""
    supervised = Supervised(Task(failures=0), ends_itself=ends_itself)
    supervised.task.end.set()

    down = await supervised.after(0.5)
    supervised.task.end.clear()
    up = await supervised.after(1)
    supervised.task.end.set()
    await supervised.end()

    assert (down["state"], down["reason"]) == ("failed", "EndedError: it returned, which only a stop may make it")
    assert (up["state"], up["restarts"]) == ("running", 1)


async def test_a_cancellation_that_nobody_asked_for() -> None:
    """A task that is ended by the cancellation of what it waits for is missed like any other that fails."""
    starts = []

    async def run() -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) == 1:
            raise asyncio.CancelledError
        await asyncio.Event().wait()

    components = Components(LoopClock())
    supervisor = Supervisor(components, lambda: 0.0)
    supervisor.start("poll", run)
    await asyncio.sleep(10)

    assert starts == [0, pytest.approx(1)]
    assert components.as_json()["poll"]["restarts"] == 1
    supervisor.stop()
    await supervisor.ended()


async def test_restarts_come_later_and_later() -> None:
    """A task that keeps failing is started again after 1, 2, 4, … s, at most a minute."""
    supervised = Supervised(Task(failures=9))

    await supervised.after(1000)
    await supervised.end()

    starts = supervised.task.starts
    delays = [later - earlier for earlier, later in pairwise(starts)]
    assert delays == [pytest.approx(seconds, abs=0.01) for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60)]


async def test_jitter_shortens_a_delay() -> None:
    """Tasks that failed together do not start again together: chance takes up to a fifth off the delay."""
    supervised = Supervised(Task(failures=2), chance=lambda: 1.0)

    await supervised.after(100)
    await supervised.end()

    assert supervised.task.starts == [pytest.approx(at, abs=0.01) for at in (0, 0.8, 2.4)]


async def test_a_healthy_stretch_is_forgotten_trouble() -> None:
    """The failure of a task that ran for a minute counts as a first one."""
    supervised = Supervised(Task(failures=3, lasts=HEALTHY_AFTER))

    await supervised.after(1000)
    await supervised.end()

    assert supervised.task.starts == [pytest.approx(at, abs=0.01) for at in (0, 61, 122, 183)]


async def test_what_is_said_while_it_is_down() -> None:
    """A task that failed is reported with its error until it runs again; its restarts are counted."""
    supervised = Supervised(Task(failures=1))

    down = await supervised.after(0.5)
    up = await supervised.after(1.0)
    await supervised.end()

    assert (down["state"], down["reason"], down["restarts"]) == ("failed", "RuntimeError: boom", 0)
    assert (up["state"], up["reason"], up["restarts"]) == ("running", None, 1)
    assert up["since"] == "2026-03-01T12:00:01.000Z"


async def test_a_stop_does_not_wait_for_a_restart() -> None:
    """What is down when the service stops stays down, and nobody waits for its next start."""
    supervised = Supervised(Task(failures=9), ends_itself=True)
    await supervised.after(10)
    loop = asyncio.get_running_loop()
    stopped_at = loop.time()

    await supervised.end()

    assert loop.time() == pytest.approx(stopped_at)
    assert len(supervised.task.starts) == 4
    assert supervised.components.not_running() == {"poll": "stopped"}


async def test_a_stop_leaves_what_ends_itself_alone() -> None:
    """A task that ends itself does so when it chooses; failing then, it is not started again."""
    task = Task(failures=1, lasts=100)
    supervised = Supervised(task, ends_itself=True)
    await supervised.after(10)

    supervised.supervisor.stop()
    assert (await supervised.after(50))["state"] == "running"
    await supervised.supervisor.ended()

    assert task.starts == [0]


async def test_a_stop_cancels_what_does_not_end_itself() -> None:
    """An endless task is cancelled when the service stops."""
    supervised = Supervised(Task(failures=0))
    await supervised.after(1)

    await supervised.end()

    assert asyncio.get_running_loop().time() == pytest.approx(1)
    assert supervised.task.starts == [0]


async def test_a_cancelled_task_is_forgotten() -> None:
    """A task that is no longer wanted is ended and not missed; its name is free again."""
    supervised = Supervised(Task(failures=0))
    await supervised.after(1)

    await supervised.supervisor.cancel("poll")
    await supervised.supervisor.cancel("poll")

    assert supervised.components.as_json() == {}
    supervised.supervisor.start("poll", supervised.task.run)
    assert (await supervised.after(1))["state"] == "running"
    assert supervised.task.starts == [0, 1]
    await supervised.end()


async def test_a_cancelled_task_does_not_come_back() -> None:
    """Cancelling ends a task that waits for its restart as well."""
    supervised = Supervised(Task(failures=9))
    await supervised.after(10)

    await supervised.supervisor.cancel("poll")
    await asyncio.sleep(1000)

    assert len(supervised.task.starts) == 4
    assert supervised.components.as_json() == {}


async def test_a_task_that_does_not_end() -> None:
    """Whoever cancels a task that swallows it goes on after a bound; the task is not heard of again."""
    components = Components(LoopClock())
    supervisor = Supervisor(components)

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(CANCEL_TIMEOUT * 10)

    supervisor.start("stubborn", run)
    await asyncio.sleep(1)

    await supervisor.cancel("stubborn")
    assert asyncio.get_running_loop().time() == pytest.approx(1 + CANCEL_TIMEOUT)
    await asyncio.sleep(CANCEL_TIMEOUT * 20)

    assert components.as_json() == {}


async def test_names_are_unique() -> None:
    """Two tasks of one name could not be told apart: the second one is refused."""
    supervised = Supervised(Task(failures=0))

    with pytest.raises(ValueError, match="poll"):
        supervised.supervisor.start("poll", supervised.task.run)

    await supervised.end()


async def test_nothing_to_wait_for() -> None:
    """A service without tasks ends at once."""
    supervisor = Supervisor(Components(LoopClock()))

    supervisor.stop()
    await supervisor.ended()

    assert asyncio.get_running_loop().time() == 0


async def test_a_start_is_no_work() -> None:
    """A task that crashes at once, however often it is started, was never well."""
    supervised = Supervised(Task(failures=1000))

    said = await supervised.after(600)
    await supervised.end()

    assert said["restarts"] > 5
    assert said["last_ok"] is None


async def test_what_strangers_may_read_of_a_failure(known: KnownSecrets) -> None:
    """The reason is open to everybody: it is short, on one line, and without secrets."""
    known.add(b"canary-of-the-supervisor")

    async def run() -> None:
        text = "no\x1b[31m answer\nfrom https://me:password@example.com/?token=canary-of-the-supervisor "
        raise RuntimeError(text + "x" * 1000)

    components = Components(LoopClock())
    supervisor = Supervisor(components, lambda: 0.0)
    supervisor.start("poll", run)
    await asyncio.sleep(0.5)
    reason = components.not_running()["poll"]
    supervisor.stop()
    await supervisor.ended()

    assert reason.startswith("RuntimeError: no [31m answer from https://***@example.com/?token=*** xxx")
    assert len(reason) == LONGEST_REASON


async def test_an_error_instead_of_a_cancellation() -> None:
    """A task that is cancelled, and whose connections answer that with an error, ends all the same."""
    starts: list[None] = []

    async def run() -> None:
        starts.append(None)
        try:
            await asyncio.Event().wait()
        finally:
            if len(starts) == 1:
                raise RuntimeError("the connection cannot be closed")

    components = Components(LoopClock())
    supervisor = Supervisor(components, lambda: 0.0)
    supervisor.start("watch", run)
    await asyncio.sleep(1)

    await supervisor.cancel("watch")
    assert asyncio.get_running_loop().time() == pytest.approx(1), "nobody waited"
    await asyncio.sleep(100)

    assert (len(starts), components.as_json()) == (1, {})
