"""Supervision: a task that fails is started again, later and later, and says so while it is down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from reconciler.app.supervisor import HEALTHY_AFTER, Supervisor
from reconciler.status.health import Components

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject

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

    def __init__(self, task: Task, chance: Callable[[], float] = lambda: 0.0) -> None:
        self.task = task
        self.components = Components(LoopClock())
        self.supervisor = Supervisor(self.components, chance)
        self.running = asyncio.ensure_future(self.supervisor.supervise("poll", task.run))

    async def after(self, seconds: float) -> JSONObject:
        """What is said of the task when this many seconds have passed."""
        await asyncio.sleep(seconds)
        said: JSONObject = self.components.as_json()["poll"]
        return said

    async def end(self) -> None:
        self.task.end.set()
        await self.running


async def test_a_task_that_returns_is_over() -> None:
    """A task that ends by itself is not started again, and is reported as stopped."""
    supervised = Supervised(Task(failures=0))
    assert (await supervised.after(1000))["state"] == "running"

    await supervised.end()

    assert supervised.task.starts == [0]
    assert supervised.components.not_running() == {"poll": "stopped"}


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
    supervised = Supervised(Task(failures=9))
    await supervised.after(10)
    loop = asyncio.get_running_loop()
    stopped_at = loop.time()

    supervised.supervisor.stop()
    await supervised.running

    assert loop.time() == pytest.approx(stopped_at)
    assert len(supervised.task.starts) == 4
    assert supervised.components.not_running() == {"poll": "stopped"}


async def test_a_stop_leaves_what_runs_alone() -> None:
    """A task that runs when the service stops ends when it chooses; failing then, it is not started again."""
    task = Task(failures=1, lasts=100)
    supervised = Supervised(task)
    await supervised.after(10)

    supervised.supervisor.stop()
    assert (await supervised.after(50))["state"] == "running"
    await supervised.running

    assert task.starts == [0]


async def test_a_cancelled_task_is_not_restarted() -> None:
    """Cancelling is an order, not a failure."""
    supervised = Supervised(Task(failures=0))
    await supervised.after(1)

    supervised.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await supervised.running

    assert supervised.task.starts == [0]
