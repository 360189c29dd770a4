"""The notifier: when it looks, what it sends when, and what it writes down before, on simulated time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.errors import ConfigurationError, StateError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.notifications import NoticePolicy
from reconciler.model.passes import Outcome
from reconciler.model.status import FabricRecord, LastPass, Suspension, SyncStatus
from reconciler.status.notifications.notifier import ROUND, TICK, Notifications, Notified, Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from reconciler.model.notifications import Followed, Owed

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENT = ServerAnswer(AnswerKind.SENT)
DOWN = ServerAnswer(AnswerKind.RETRIED, "it answered 502")
LOST = ServerAnswer(AnswerKind.RETRIED, "no answer", is_unsure=True)
NO = ServerAnswer(AnswerKind.REFUSED, "it answered 400")
REVISION = "main@sha1:a"
ALL = frozenset({SyncStatus.ERROR, SyncStatus.OUT_OF_SYNC})
AT_ONCE = NoticePolicy(ALL, {})


class ThreadClock:
    """The time of one loop, told in any thread."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def monotonic(self) -> float:
        return self.loop.time() if self.loop else 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())


class MemoryLedger:
    """As the store."""

    def __init__(self) -> None:
        self.records: dict[str, FabricRecord] = {}
        self.suspensions: dict[str, Suspension] = {}
        self.rows: dict[tuple[str, str], Followed] = {}
        self.read: list[str] = []
        self.saves = 0
        self.failures = 0

    def end(self, outcome: Outcome, fabric: str = "dc1", reason: str = "R", **changes: object) -> None:
        last = LastPass("p1", outcome, (), START, START, reason, "m")
        known = self.records.get(fabric, FabricRecord(fabric, REVISION, REVISION, REVISION))
        self.records[fabric] = replace(known, last_pass=last, **changes)  # type: ignore[arg-type]

    def fabric(self, name: str) -> FabricRecord:
        self.read.append(name)
        return self.records.get(name, FabricRecord(name))

    def suspension(self, fabric: str) -> Suspension | None:
        return self.suspensions.get(fabric)

    def followed(self) -> Mapping[tuple[str, str], Followed]:
        return dict(self.rows)

    def save_followed(self, changes: Mapping[tuple[str, str], Followed | None]) -> None:
        if self.failures:
            self.failures -= 1
            raise StateError("disk full")
        self.saves += 1
        for key, followed in changes.items():
            if followed is None:
                del self.rows[key]
            else:
                self.rows[key] = followed


class ToldReceiver:
    """Answers as it is told, the last answer for ever, and remembers what it was told when."""

    kind = "webhook"

    def __init__(self, clock: ThreadClock) -> None:
        self.access: object = "access"
        self.secret: bytes | None = b"secret"
        self.answers = [SENT]
        self.told: list[tuple[float, str, str]] = []
        self.deliveries: list[str] = []
        self.on_send: Callable[[Owed], object] = lambda _: None
        self._clock = clock

    def token(self) -> bytes:
        if self.secret is None:
            raise ConfigurationError("no secret")
        return self.secret

    def send(self, owed: Owed) -> ServerAnswer:
        self.on_send(owed)
        self.told.append((self._clock.monotonic(), owed.notice.sight.fabric, owed.notice.event.value))
        self.deliveries.append(owed.delivery)
        return self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)


class World:
    """A notifier with two receivers, the second of which is told of nothing until a test says so."""

    def __init__(self) -> None:
        self.clock = ThreadClock()
        self.ledger = MemoryLedger()
        self.hook, self.other = ToldReceiver(self.clock), ToldReceiver(self.clock)
        self.fabrics = {name: _fabric(name) for name in ("dc1", "dc2")}
        self.subscriptions = [Subscription("hook", "notifications[0]", AT_ONCE, self.hook)]
        self.counted: list[tuple[str, str]] = []
        self.rounds = 0
        self.start()

    def start(self) -> None:
        """A new process on the same ledger."""
        self.configure()
        self.notifications = Notifications(
            lambda: self.notified,
            self.ledger,
            self.clock,
            lambda *counted: self.counted.append(counted),
            self._came_round,
            chance=lambda: 0.0,
        )

    def configure(self) -> None:
        """What the test changed is the configuration."""
        self.notified = Notified(list(self.subscriptions), dict(self.fabrics))

    def _came_round(self) -> None:
        self.rounds += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.clock.loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(self.notifications.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
        assert task.cancelled()

    def end(self, outcome: Outcome, fabric: str = "dc1", reason: str = "R") -> None:
        """A pass ends."""
        self.ledger.end(outcome, fabric, reason)
        self.notifications.pass_ended(fabric)


def _fabric(name: str) -> Fabric:
    return Fabric(name, "gitops", "main", name, cluster=ClusterPolicy())


async def _pass(seconds: float) -> None:
    """Let simulated time pass."""
    await asyncio.sleep(seconds)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_pass_that_ended_is_looked_at(world: World) -> None:
    """What it leaves is told at once, and nothing is told or written again for what stays as it is."""
    async with world.running():
        await _pass(1)
        world.end(Outcome.FAILED)
        await _pass(1)
        saves = world.ledger.saves
        world.end(Outcome.FAILED)
        await _pass(100)
        assert world.ledger.saves == saves
        world.end(Outcome.SUCCEEDED)
        await _pass(1)

    assert world.hook.told == [(1, "dc1", "trouble"), (102, "dc1", "recovery")]
    assert world.counted == [("webhook", "sent")] * 2
    assert {one.owed for one in world.ledger.rows.values()} == {None}


async def test_only_the_fabric_of_the_pass_is_looked_at(world: World) -> None:
    """All are looked at at the start, and now and then."""
    async with world.running():
        await _pass(1)
        world.ledger.read.clear()
        world.end(Outcome.SUCCEEDED, "dc2")
        await _pass(1)
        assert world.ledger.read == ["dc2"]
        await _pass(TICK)
        assert sorted(world.ledger.read) == ["dc1", "dc2", "dc2"]


async def test_a_fabric_that_nobody_looks_after(world: World) -> None:
    """One whose poll is overdue is told of although no pass ends."""
    world.ledger.end(Outcome.SUCCEEDED, next_poll=START, effective_interval=100.0)
    async with world.running():
        await _pass(100 + 2 * TICK)

    ((when, fabric, event),) = world.hook.told
    assert 100 <= when <= 100 + TICK + 1
    assert (fabric, event) == ("dc1", "trouble")


async def test_what_must_hold_is_told_in_time(world: World) -> None:
    """Not at the next look at all, but when its time has come."""
    world.subscriptions = [replace(world.subscriptions[0], policy=replace(AT_ONCE, after={SyncStatus.ERROR: 37.0}))]
    world.configure()
    async with world.running():
        await _pass(1)
        world.end(Outcome.FAILED)
        await _pass(100)

    ((when, _, _),) = world.hook.told
    assert when == pytest.approx(38, abs=0.1)


async def test_a_suspended_fabric(world: World) -> None:
    """A person who suspends a fabric in error ends what was told."""
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(1)
        world.ledger.suspensions["dc1"] = Suspension(START)
        world.ledger.read.clear()
        world.notifications.verified(["gitops"])
        world.notifications.wake()
        await _pass(1)
        assert world.ledger.read == ["dc1"], "no other need be looked at"

    assert [event for _, _, event in world.hook.told] == ["trouble", "recovery"]


async def test_a_receiver_that_is_away(world: World) -> None:
    """It is tried ever more slowly with one delivery, said once, and warned of until it is back."""
    world.hook.answers = [DOWN, DOWN, DOWN, SENT]
    with capture_logs() as log:
        async with world.running():
            await _pass(1)
            world.end(Outcome.FAILED)
            await _pass(10)
            assert world.notifications.warnings() == {
                "notifications[0]": "notifications are not sent to hook: it answered 502"
            }
            await _pass(100)
            assert world.notifications.warnings() == {}

    assert [when for when, _, _ in world.hook.told] == [1, 6, 16, 36]
    assert len(set(world.hook.deliveries)) == 1
    assert [entry["event"] for entry in log] == [
        "notifications are not sent",
        "notification sent",
        "the receiver takes notifications again",
    ]


async def test_what_was_never_told_does_not_end(world: World) -> None:
    """A trouble that was over before the receiver came back is told to nobody, nor is its end."""
    world.hook.answers = [DOWN]
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(1)
        world.end(Outcome.SUCCEEDED)
        world.hook.answers = [SENT]
        await _pass(100)

    assert [event for _, _, event in world.hook.told] == ["trouble"]
    assert {one.owed for one in world.ledger.rows.values()} == {None}


async def test_what_may_have_arrived_ends(world: World) -> None:
    """Where no answer came the receiver may know of the trouble, and is told that it is over."""
    world.hook.answers = [LOST, SENT]
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(1)
        world.end(Outcome.SUCCEEDED)
        await _pass(100)

    assert [event for _, _, event in world.hook.told] == ["trouble", "recovery"]


async def test_a_crash_loses_and_repeats_nothing(world: World) -> None:
    """What was taken is not told again by the next process; what was on its way is, with its delivery."""

    class Killed(BaseException):
        pass

    def crash(_owed: Owed) -> None:
        raise Killed

    world.ledger.end(Outcome.FAILED, "dc2")
    await world.notifications.run_once()
    world.hook.on_send = crash
    world.end(Outcome.FAILED, "dc1")
    with pytest.raises(BaseExceptionGroup, match="unhandled"):
        await world.notifications.run_once()
    (owed,) = [one.owed for one in world.ledger.rows.values() if one.owed]
    assert owed.is_tried
    world.hook.on_send = lambda _: None
    world.start()
    await world.notifications.run_once()
    await world.notifications.run_once()

    assert [(fabric, event) for _, fabric, event in world.hook.told] == [("dc2", "trouble"), ("dc1", "trouble")]
    assert world.hook.deliveries[1] == owed.delivery


@pytest.mark.parametrize("kind", [AnswerKind.REFUSED, AnswerKind.STALLED])
async def test_a_rotated_secret_is_tried_at_once(world: World, kind: AnswerKind) -> None:
    """A receiver that refused us is told as soon as its secret is another one, and also while it cannot be read."""
    world.hook.answers = [ServerAnswer(kind, "it answered 403")]
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(200)
        tries = len(world.hook.told)
        world.hook.secret = None
        world.notifications.wake()
        await _pass(1)
        world.hook.secret, world.hook.answers = b"rotated", [SENT]
        world.notifications.wake()
        await _pass(1)

    assert len(world.hook.told) == tries + 2
    assert world.counted[-1] == ("webhook", "sent")


async def test_a_refused_notice_silences_nobody(world: World) -> None:
    """What a receiver does not take, the oldest, is offered ever later; meanwhile it is told of other fabrics."""
    world.hook.answers = [NO, SENT, NO, SENT]
    with capture_logs() as log:
        async with world.running():
            world.end(Outcome.FAILED, "dc1")
            await _pass(1)
            world.end(Outcome.FAILED, "dc2")
            await _pass(1)
            assert world.notifications.warnings() == {
                "notifications[0]": "notifications are not sent to hook: that of dc1: it answered 400"
            }
            await _pass(100)
            assert world.notifications.warnings() == {}

    assert [(when, fabric) for when, fabric, _ in world.hook.told] == [(0, "dc1"), (1, "dc2"), (5, "dc1"), (15, "dc1")]
    assert [one["event"] for one in log].count("the receiver refuses a notification") == 1
    assert {one.owed for one in world.ledger.rows.values()} == {None}


async def test_a_newer_notice_is_not_the_refused_one(world: World) -> None:
    """What follows on a refused notice is offered at once."""
    world.hook.answers = [NO, SENT]
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(1)
        world.end(Outcome.FAILED, reason="Other")
        await _pass(1)

    assert [when for when, _, _ in world.hook.told] == [0, 1]


async def test_an_unexpected_error_of_one_receiver(world: World) -> None:
    """It is logged and pauses that receiver; the task goes on, and others are told."""

    def fail(_owed: Owed) -> None:
        raise RuntimeError("nobody foresaw it")

    world.hook.on_send = fail
    world.subscriptions.append(Subscription("other", "notifications[1]", AT_ONCE, world.other))
    world.configure()
    with capture_logs():
        async with world.running():
            world.end(Outcome.FAILED)
            await _pass(1)
            assert world.notifications.warnings() == {
                "notifications[0]": "notifications are not sent to hook: unexpected error: RuntimeError"
            }
            world.hook.on_send = lambda _: None
            await _pass(10)

    assert world.other.told == [(0, "dc1", "trouble")]
    assert world.hook.told == [(5, "dc1", "trouble")]


async def test_each_is_told_of_its_own_fabrics(world: World) -> None:
    """A receiver of one fabric hears nothing of others, and one that is away keeps no other waiting."""
    world.hook.answers = [DOWN]
    world.subscriptions.append(
        Subscription("other", "notifications[1]", AT_ONCE, world.other, fabrics=frozenset({"dc2"})),
    )
    world.configure()
    async with world.running():
        for name in ("dc1", "dc2"):
            world.end(Outcome.FAILED, name)
        await _pass(1)

    assert world.other.told == [(0, "dc2", "trouble")]
    assert world.ledger.rows.keys() == {("hook", "dc1"), ("hook", "dc2"), ("other", "dc2")}


async def test_a_slow_receiver_keeps_nobody_waiting(world: World) -> None:
    """Fabrics are looked at again between two notices, however many a slow receiver is owed."""
    world.fabrics = {f"dc{number}": _fabric(f"dc{number}") for number in range(10)}
    world.subscriptions.append(
        Subscription("other", "notifications[1]", AT_ONCE, world.other, fabrics=frozenset({"dc9"})),
    )
    world.configure()

    def take_long(_owed: Owed) -> None:
        offset[0] += ROUND

    offset = [0.0]
    monotonic = world.clock.monotonic
    world.clock.monotonic = lambda: monotonic() + offset[0]  # type: ignore[method-assign]
    world.hook.on_send = take_long
    for number in range(9):
        world.ledger.end(Outcome.FAILED, f"dc{number}")
    async with world.running():
        await _pass(1)

    assert len(world.hook.told) == 9
    assert world.rounds >= 9


async def test_what_left_the_configuration_is_forgotten(world: World) -> None:
    """Fabrics and receivers that are gone leave nothing behind, also when no receiver is left."""
    async with world.running():
        world.end(Outcome.FAILED)
        await _pass(1)
        del world.fabrics["dc1"]
        world.configure()
        world.notifications.wake()
        await _pass(1)
        assert world.ledger.rows.keys() == {("hook", "dc2")}
        world.subscriptions.clear()
        world.configure()
        world.notifications.wake()
        await _pass(1)

    assert world.ledger.rows == {}
    assert len(world.hook.told) == 1


async def test_a_store_that_fails_while_sending(world: World) -> None:
    """What cannot be written down is not sent, and is tried again."""
    async with world.running():
        await _pass(1)
        world.ledger.end(Outcome.FAILED)
        save, world.ledger.save_followed = world.ledger.save_followed, _second_fails(world.ledger)  # type: ignore[method-assign, assignment]
        world.notifications.pass_ended("dc1")
        await _pass(1)
        assert world.hook.told == []
        assert world.notifications.warnings() == {"notifications[0]": "notifications are not sent to hook: disk full"}
        world.ledger.save_followed = save  # type: ignore[method-assign]
        await _pass(100)

    assert [event for _, _, event in world.hook.told] == ["trouble"]


def _second_fails(ledger: MemoryLedger) -> Callable[[Mapping[tuple[str, str], Followed | None]], None]:
    save, calls = ledger.save_followed, []

    def saving(changes: Mapping[tuple[str, str], Followed | None]) -> None:
        calls.append(changes)
        if len(calls) > 1:
            raise StateError("disk full")
        save(changes)

    return saving


async def test_a_store_that_fails_while_looking(world: World) -> None:
    """It is an error of the task, which its supervisor starts again."""
    world.ledger.end(Outcome.FAILED)
    world.ledger.failures = 1
    with pytest.raises(StateError, match="disk full"):
        await world.notifications.run_once()
    await world.notifications.run_once()

    assert [event for _, _, event in world.hook.told] == ["trouble"]
