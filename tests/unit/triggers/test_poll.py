"""The poll: when each fabric is due, whatever became of the last time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.requests import Trigger
from reconciler.model.status import WebhookRecord
from reconciler.triggers.poll import IDLE, Poll, effective_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class LoopClock:
    """The simulated time of the event loop; the wall clock may be set apart from it."""

    def __init__(self) -> None:
        self.wall_clock_set_by = timedelta()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self.wall_clock_set_by


class MemorySchedule:
    """A schedule in memory, which can be made to fail."""

    def __init__(self) -> None:
        self.due: dict[str, tuple[datetime, float]] = {}
        self.webhooks: dict[str, WebhookRecord] = {}
        self.failures = 0

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        if self.failures:
            self.failures -= 1
            raise StateError("disk full")
        self.due[fabric] = (due, interval)

    def webhook(self, repository: str) -> WebhookRecord:
        return self.webhooks.get(repository, WebhookRecord(repository))


class Polling:
    """A poll over two fabrics, with what it triggered and when."""

    def __init__(self, *, interval: float = 3600.0, jitter: float = 0.0, chance: float = 0.0) -> None:
        self.clock = LoopClock()
        self.schedule = MemorySchedule()
        self.triggered: list[tuple[str, float]] = []
        self.rounds: list[float] = []
        fabrics = [_fabric("dc1", interval), _fabric("dc2", interval), _fabric("off", interval, is_enabled=False)]
        self.poll = Poll(
            lambda: fabrics,
            self.schedule,
            self._trigger,
            self.clock,
            jitter,
            lambda: chance,
            on_iteration=lambda: self.rounds.append(self.clock.monotonic()),
        )

    async def _trigger(self, fabrics: Sequence[Fabric], trigger: Trigger) -> None:
        assert trigger is Trigger.POLL
        self.triggered += [(fabric.name, self.clock.monotonic()) for fabric in fabrics]

    async def run_for(self, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.poll.run()

    def verified(self, ago: timedelta) -> None:
        self.schedule.webhooks["gitops"] = WebhookRecord("gitops", last_verified=self.clock.now() - ago)


def _fabric(name: str, interval: float, *, is_enabled: bool = True) -> Fabric:
    return Fabric(
        name, "gitops", "main", f"fabrics/{name}", interval=interval, is_enabled=is_enabled, cluster=ClusterPolicy()
    )


async def test_every_interval_for_ever() -> None:
    """Each enabled fabric is polled at every multiple of its interval, and a disabled one never."""
    polling = Polling()

    await polling.run_for(901)

    for name in ("dc1", "dc2"):
        times = [at for fabric, at in polling.triggered if fabric == name]
        assert times == [pytest.approx(at) for at in (300, 600, 900)]
    assert {fabric for fabric, _ in polling.triggered} == {"dc1", "dc2"}


async def test_what_is_stored() -> None:
    """The next due time is stored when it is scheduled, with the interval that it was computed from."""
    polling = Polling()

    delay = await polling.poll.run_once()

    assert delay == pytest.approx(300.0)
    assert polling.schedule.due["dc1"] == (START + timedelta(seconds=300), 300.0)
    assert set(polling.schedule.due) == {"dc1", "dc2"}


async def test_slower_once_a_webhook_works() -> None:
    """After a verified delivery the configured interval holds from the next poll on."""
    polling = Polling()
    await polling.poll.run_once()
    polling.verified(timedelta())

    await polling.run_for(4000)

    assert [at for name, at in polling.triggered if name == "dc1"] == [pytest.approx(300), pytest.approx(3900)]


async def test_jitter_shortens() -> None:
    """Jitter takes its share off the interval, never adds to it."""
    polling = Polling(jitter=0.1, chance=1.0)

    await polling.run_for(271)

    assert [at for _, at in polling.triggered] == [pytest.approx(270), pytest.approx(270)]


async def test_a_wall_clock_that_is_set_does_not_move_the_poll() -> None:
    """Polls follow the monotonic clock; the stored time follows the wall clock."""
    polling = Polling()
    await polling.poll.run_once()
    polling.clock.wall_clock_set_by = timedelta(hours=-5)

    await polling.run_for(301)

    assert [at for _, at in polling.triggered] == [pytest.approx(300), pytest.approx(300)]


async def test_a_failure_to_store_loses_no_fabric() -> None:
    """When a time cannot be stored the iteration fails loudly, and the next one still schedules every fabric."""
    polling = Polling()
    polling.schedule.failures = 1

    with pytest.raises(StateError):
        await polling.poll.run_once()
    await polling.poll.run_once()

    assert set(polling.schedule.due) == {"dc1", "dc2"}


async def test_nothing_to_poll() -> None:
    """Without enabled fabrics the poll idles."""
    clock = LoopClock()
    poll = Poll(list, MemorySchedule(), Polling()._trigger, clock)

    assert await poll.run_once() == IDLE


@pytest.mark.parametrize(
    ("configured", "verified_ago", "expected"),
    [
        pytest.param(3600, None, 300, id="never verified"),
        pytest.param(60, None, 60, id="configured below 300"),
        pytest.param(3600, timedelta(0), 3600, id="verified now"),
        pytest.param(3600, timedelta(days=7), 3600, id="verified 7 days ago"),
        pytest.param(3600, timedelta(days=7, seconds=1), 300, id="verified longer ago"),
        pytest.param(60, timedelta(0), 60, id="configured below 300, verified"),
    ],
)
def test_effective_interval(configured: float, verified_ago: timedelta | None, expected: float) -> None:
    """At most 300 s until a delivery has verified in the last 7 days, then as configured."""
    verified = None if verified_ago is None else START - verified_ago

    assert effective_interval(configured, WebhookRecord("gitops", last_verified=verified), START) == expected


async def test_a_wake_looks_again_at_once() -> None:
    """What changed is looked at when the poll is told, and not after what it had planned to wait."""
    polling = Polling()
    running = asyncio.ensure_future(polling.poll.run())
    await asyncio.sleep(10)
    assert polling.rounds == [0]

    polling.poll.wake()
    await asyncio.sleep(10)

    assert polling.rounds == [0, 10]
    running.cancel()
    await asyncio.wait([running])
