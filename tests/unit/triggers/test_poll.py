"""The poll: when each fabric is due, whatever became of the last time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.requests import Trigger
from reconciler.model.status import WebhookRecord
from reconciler.triggers.poll import IDLE, Jitter, Poll, effective_interval

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

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
        self.on_look: Callable[[], None] = lambda: None

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        if self.failures:
            self.failures -= 1
            raise StateError("disk full")
        self.due[fabric] = (due, interval)

    def webhook(self, repository: str) -> WebhookRecord:
        self.on_look()
        return self.webhooks.get(repository, WebhookRecord(repository))


class Polling:
    """A poll over two fabrics of one repository, with what it triggered and when. `fabrics` may be changed."""

    def __init__(self, *, interval: float = 3600.0, jitter: float = 0.0, chance: float = 0.0) -> None:
        self.clock = LoopClock()
        self.schedule = MemorySchedule()
        self.triggered: list[tuple[str, float]] = []
        self.rounds: list[float] = []
        self.fabrics = [_fabric("dc1", interval), _fabric("dc2", interval), _fabric("off", interval, is_enabled=False)]
        self.poll = Poll(
            lambda: self.fabrics,
            self.schedule,
            self.trigger,
            self.clock,
            Jitter(lambda: jitter, lambda: chance),
            on_iteration=lambda: self.rounds.append(self.clock.monotonic()),
        )

    async def trigger(self, fabrics: Sequence[Fabric], trigger: Trigger) -> None:
        assert trigger is Trigger.POLL
        self.triggered += [(fabric.name, self.clock.monotonic()) for fabric in fabrics]

    async def run_for(self, seconds: float) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.poll.run()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.poll.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def verified(self, ago: timedelta = timedelta()) -> None:
        """A delivery verified so long ago; nobody tells the poll."""
        self.schedule.webhooks["gitops"] = WebhookRecord("gitops", last_verified=self.clock.now() - ago)

    def silent(self) -> None:
        """A poll found what no delivery announced; nobody tells the poll."""
        known = self.schedule.webhook("gitops")
        self.schedule.webhooks["gitops"] = replace(known, silent_since=self.clock.now())

    def times(self, name: str = "dc1") -> list[float]:
        """When this fabric was triggered."""
        return [at for fabric, at in self.triggered if fabric == name]


def _fabric(name: str, interval: float = 3600.0, *, repository: str = "gitops", is_enabled: bool = True) -> Fabric:
    return Fabric(
        name, repository, "main", f"fabrics/{name}", interval=interval, is_enabled=is_enabled, cluster=ClusterPolicy()
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
    """The first delivery that verifies stretches the interval that runs; every fabric of the repository has it."""
    polling = Polling()
    async with polling.running():
        await asyncio.sleep(100)
        polling.verified()
        polling.poll.verified(["gitops"])
        await asyncio.sleep(7200)

    assert polling.times("dc1") == polling.times("dc2") == [pytest.approx(3600), pytest.approx(7200)]
    assert polling.schedule.due["dc1"] == (START + timedelta(seconds=10800), 3600.0)


async def test_deliveries_that_change_nothing() -> None:
    """While the interval is as configured, or the repository is another one, deliveries cost the poll nothing."""
    polling = Polling()
    polling.verified()
    polling.fabrics.append(_fabric("fast", 60.0, repository="other"))
    async with polling.running():
        await asyncio.sleep(10)
        for repositories in (["gitops"], ["other"], ["unknown"], []):
            polling.poll.verified(repositories)
            await asyncio.sleep(1)

    assert polling.rounds == [0]


async def test_faster_when_webhooks_fall_silent() -> None:
    """What no delivery announced shortens the interval that runs, counted from the last poll."""
    polling = Polling()
    polling.verified()
    async with polling.running():
        await asyncio.sleep(100)
        polling.silent()
        polling.poll.wake()
        await asyncio.sleep(850)

    assert polling.times() == [pytest.approx(at) for at in (300, 600, 900)]


async def test_a_shorter_interval_may_be_over() -> None:
    """A fabric that has waited for longer than its new interval is polled at once."""
    polling = Polling()
    polling.verified()
    async with polling.running():
        await asyncio.sleep(1000)
        polling.silent()
        polling.poll.wake()
        await asyncio.sleep(350)

    assert polling.times() == [pytest.approx(1000), pytest.approx(1300)]


async def test_slower_again_when_a_delivery_verifies() -> None:
    """A webhook that speaks again gives back the configured interval."""
    polling = Polling()
    polling.verified()
    polling.silent()
    async with polling.running():
        await asyncio.sleep(301)
        polling.verified()
        polling.poll.verified(["gitops"])
        await asyncio.sleep(3600)

    assert polling.times() == [pytest.approx(300), pytest.approx(3900)]


async def test_a_proof_that_grows_old() -> None:
    """Seven days after the last verified delivery the interval is short again, without anybody who says so."""
    polling = Polling()
    polling.verified(timedelta(days=7) - timedelta(seconds=3601))

    await polling.run_for(7600)

    assert polling.times() == [pytest.approx(at) for at in (3600, 7200, 7500)]


async def test_wakes_that_change_nothing() -> None:
    """However often the poll is woken, a fabric is due when it was, and nothing is stored anew."""
    polling = Polling()
    async with polling.running():
        for _ in range(29):
            await asyncio.sleep(10)
            polling.schedule.due.clear()
            polling.poll.wake()
        await asyncio.sleep(5)
        assert polling.schedule.due == {}
        await asyncio.sleep(10)

    assert polling.times() == [pytest.approx(300)]


async def test_a_wake_during_a_round_is_not_lost() -> None:
    """Who wakes the poll while it looks has it look again: it may have looked past the change already."""
    polling = Polling()
    loop = asyncio.get_running_loop()

    def wake_once() -> None:
        polling.schedule.on_look = lambda: None
        loop.call_soon_threadsafe(polling.poll.wake)

    polling.schedule.on_look = wake_once
    async with polling.running():
        await asyncio.sleep(10)

    assert polling.rounds == [0, 0]


async def test_fabrics_come_and_go() -> None:
    """A fabric that is new is scheduled when the poll is woken; one that is gone is polled no more."""
    polling = Polling()
    async with polling.running():
        await asyncio.sleep(100)
        polling.fabrics = [_fabric("dc1"), _fabric("dc3")]
        polling.poll.wake()
        await asyncio.sleep(350)

    assert [name for name, _ in polling.triggered] == ["dc1", "dc3"]
    assert polling.times("dc3") == [pytest.approx(400)]
    assert polling.schedule.due["dc3"][0] == START + timedelta(seconds=700)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(_fabric("dc1", 150.0), 150, id="shorter"),
        pytest.param(_fabric("dc1", 250.0), 250, id="longer"),
        pytest.param(_fabric("dc1", 60.0), 100, id="over already"),
        pytest.param(_fabric("dc1", 3600.0), 300, id="longer than what holds without webhooks"),
        pytest.param(_fabric("dc1", 3600.0, repository="proven"), 3600, id="another repository, whose webhook works"),
    ],
)
async def test_a_changed_interval(changed: Fabric, expected: float) -> None:
    """A change of the configuration moves the poll that is planned, counted from the last one."""
    polling = Polling(interval=200.0)
    polling.schedule.webhooks["proven"] = WebhookRecord("proven", last_verified=START)
    async with polling.running():
        await asyncio.sleep(100)
        polling.fabrics = [changed]
        polling.poll.wake()
        await asyncio.sleep(3600)

    assert polling.times()[0] == pytest.approx(expected)


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
    poll = Poll(list, MemorySchedule(), Polling().trigger, clock, Jitter(lambda: 0.1))

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


@pytest.mark.parametrize(("configured", "expected"), [(3600, 300), (60, 60)])
def test_effective_interval_of_a_silent_webhook(configured: float, expected: float) -> None:
    """At most 300 s while polls find what no delivery announced, whenever one verified."""
    webhook = WebhookRecord("gitops", last_verified=START, silent_since=START)

    assert effective_interval(configured, webhook, START) == expected


async def test_a_wake_looks_again_at_once() -> None:
    """What changed is looked at when the poll is told, and not after what it had planned to wait."""
    polling = Polling()
    async with polling.running():
        await asyncio.sleep(10)
        assert polling.rounds == [0]

        polling.poll.wake()
        await asyncio.sleep(10)

        assert polling.rounds == [0, 10]
