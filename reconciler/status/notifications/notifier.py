"""Looks at how fabrics stand, decides what receivers are to be told, and tells them: beside passes, never in their way.

It compares what each receiver knows with how the fabric stands, when a pass ends and now and then: a fabric that nobody
looks after any more is told of too. What is to be told is in the store before it is sent, and stays there until it was
taken.
"""

from __future__ import annotations

import random
import threading
import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import CapacityLimiter, create_task_group, to_thread

from reconciler.errors import StateError
from reconciler.model.answers import AnswerKind
from reconciler.plan.notifications import follow, moments, settled, sight
from reconciler.status.lanes import IDLE, RETRY, Lane, Server, serve
from reconciler.status.sync_status import sync_status
from reconciler.status.waking import Bell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from typing import TypeAlias

    from reconciler.model.answers import ServerAnswer
    from reconciler.model.fabric import Fabric
    from reconciler.model.notifications import Followed, NoticePolicy, Owed, Sight
    from reconciler.model.status import FabricRecord, Suspension
    from reconciler.ports import Clock

    Key: TypeAlias = tuple[str, str]
    """The names of a notification and of a fabric."""

log = structlog.get_logger("notifications")

TICK = 30.0
"""Seconds between two looks at every fabric, whatever happens: one that is overdue has no pass that ends."""

ROUND = 5.0
"""Seconds for which one receiver is told before fabrics are looked at again."""


class Receiver(Server, Protocol):
    """A receiver of notifications."""

    def send(self, owed: Owed) -> ServerAnswer: ...


class Ledger(Protocol):
    """What is known of fabrics, and of what receivers know. Raises StateError."""

    def fabric(self, name: str) -> FabricRecord: ...

    def suspension(self, fabric: str) -> Suspension | None: ...

    def followed(self) -> Mapping[Key, Followed]: ...

    def save_followed(self, changes: Mapping[Key, Followed | None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """A receiver with what it is told of: `fabrics` are names, None all. `place` is its key path in the settings."""

    name: str
    place: str
    policy: NoticePolicy
    receiver: Receiver
    fabrics: frozenset[str] | None = None

    def wants(self, fabric: str) -> bool:
        return self.fabrics is None or fabric in self.fabrics


@dataclass(frozen=True, slots=True)
class Notified:
    """What the configuration says: whom to tell, and the fabrics by name."""

    subscriptions: Sequence[Subscription]
    fabrics: Mapping[str, Fabric]


@dataclass(slots=True)
class _Lane(Lane[str]):
    """How it goes with one receiver, by the ids of deliveries. `place` as in its subscription."""

    place: str = ""

    @property
    def warning(self) -> str | None:
        """Why it is not told, or not of all."""
        return self.trouble or next((one.message for one in reversed(list(self.refusals.values()))), None)


class Notifications:
    """Lives in the event loop; `wake` and `pass_ended` may be called from any thread. Implements
    `triggers.intake.Listener`.

    `notified` gives the configuration of the moment; `count` is told of each answer: kind of receiver, and of answer.
    """

    def __init__(
        self,
        notified: Callable[[], Notified],
        ledger: Ledger,
        clock: Clock,
        count: Callable[[str, str], None] = lambda _, __: None,
        on_iteration: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._notified = notified
        self._ledger = ledger
        self._clock = clock
        self._count = count
        self._on_iteration = on_iteration
        self._chance = chance
        self._bell = Bell()
        self._followed: dict[Key, Followed] | None = None
        """As the ledger has it, of which this is the only writer; None: not read yet."""
        self._lanes: dict[str, _Lane] = {}
        self._ended: set[str] = set()
        """Fabrics of which a pass ended since the last look."""
        self._turn = threading.Lock()
        self._saving = threading.Lock()
        self._next_tick = 0.0
        self._looked = clock.now()
        self._suspended: dict[str, Suspension | None] = {}
        self._notified_last: Notified | None = None
        # Threads of their own: receivers that are slow must not use up those that answer deliveries.
        self._threads = CapacityLimiter(4)

    def wake(self) -> None:
        """The configuration changed, or a fabric was suspended or resumed; which, the next look finds out."""
        self._bell.ring()

    def verified(self, repositories: Sequence[str]) -> None:
        """That a webhook works changes nothing here."""

    def pass_ended(self, fabric: str) -> None:
        with self._turn:
            self._ended.add(fabric)
        self._bell.ring()

    def warnings(self) -> dict[str, str]:
        """By key path, why a receiver is not told. From any thread."""
        lanes = list(self._lanes.items())
        return {
            lane.place: f"notifications are not sent to {name}: {warning}"
            for name, lane in lanes
            if (warning := lane.warning)
        }

    async def run(self) -> None:
        """For ever."""
        self._bell.attach()
        while True:
            await self._bell.rest(await self.run_once())

    async def run_once(self) -> float:
        """Look, send what may be sent now, and say in how many seconds to come again. Raises StateError."""
        self._bell.clear()
        notified = self._notified()
        try:
            await to_thread.run_sync(self._look, notified, self._to_look_at(notified))
        except StateError:
            self._next_tick = 0.0  # what was not looked at now is at the next try
            raise
        owing = {notification for (notification, _), one in self._known().items() if one.owed}
        self._lanes = {one.name: self._lane(one, owing) for one in notified.subscriptions}
        async with create_task_group() as group:
            for one in notified.subscriptions:
                if one.name in owing:
                    group.start_soon(self._serve, one)
        self._on_iteration()
        return max(min(self._times(notified), default=IDLE), 0.0)

    def _lane(self, one: Subscription, owing: AbstractSet[str]) -> _Lane:
        """Of what is not owed nothing is wrong."""
        lane = self._lanes.get(one.name) if one.name in owing else None
        lane = lane or _Lane()
        lane.place, lane.is_busy = one.place, False
        return lane

    # Looking

    def _to_look_at(self, notified: Notified) -> set[str]:
        """Those of which a pass ended, that were suspended or resumed, or of which something has held for long enough;
        all now and then, and for another configuration.
        """
        with self._turn:
            ended, self._ended = self._ended, set()
        suspended = {name: self._ledger.suspension(name) for name in notified.fabrics}
        moved = {name for name, suspension in suspended.items() if suspension != self._suspended.get(name)}
        self._suspended = suspended
        # What holds for a while becomes due without a pass.
        due = self._due(notified)
        is_same = notified is self._notified_last
        self._notified_last = notified
        if is_same and self._clock.monotonic() < self._next_tick:
            return (ended | due | moved) & notified.fabrics.keys()
        self._next_tick = self._clock.monotonic() + TICK
        return set(notified.fabrics)

    def _due(self, notified: Notified) -> set[str]:
        before, self._looked = self._looked, self._clock.now()
        return {
            fabric
            for one, fabric, followed in self._subscribed(notified)
            if any(before < moment <= self._looked for moment in moments(one.policy, followed))
        }

    def _subscribed(self, notified: Notified) -> Iterator[tuple[Subscription, str, Followed]]:
        subscriptions = {one.name: one for one in notified.subscriptions}
        for (notification, fabric), followed in self._known().items():
            if notification in subscriptions:
                yield subscriptions[notification], fabric, followed

    def _known(self) -> dict[Key, Followed]:
        return self._followed or {}

    def _look(self, notified: Notified, fabrics: Iterable[str]) -> None:
        """Decide, and write down what has changed. Raises StateError."""
        if self._followed is None:
            self._followed = dict(self._ledger.followed())
        wanted = {(one.name, name) for one in notified.subscriptions for name in notified.fabrics if one.wants(name)}
        changes: dict[Key, Followed | None] = {key: None for key in self._followed if key not in wanted}
        for name in fabrics:
            subscriptions = [one for one in notified.subscriptions if one.wants(name)]
            if subscriptions:
                changes.update(self._decided(subscriptions, self._sight(notified.fabrics[name])))
        self._save(changes)

    def _sight(self, fabric: Fabric) -> Sight:
        record = self._ledger.fabric(fabric.name)
        verdict = sync_status(fabric, record, self._clock.now(), self._ledger.suspension(fabric.name))
        return sight(fabric, record, verdict.status, verdict.reason, verdict.message)

    def _decided(self, subscriptions: Iterable[Subscription], seen: Sight) -> Iterator[tuple[Key, Followed]]:
        for one in subscriptions:
            key = one.name, seen.fabric
            known = self._known().get(key)
            found = follow(one.policy, known, seen, self._clock.now(), uuid.uuid4().hex)
            if found != known:
                yield key, found

    def _save(self, changes: Mapping[Key, Followed | None]) -> None:
        if not changes:
            return
        # Several receivers are told at once, each with a thread.
        with self._saving:
            self._ledger.save_followed(changes)
            gone = {key for key, followed in changes.items() if followed is None}
            kept = {key: followed for key, followed in self._known().items() if key not in gone}
            self._followed = kept | {key: followed for key, followed in changes.items() if followed is not None}

    # Sending

    async def _serve(self, one: Subscription) -> None:
        lane = self._lanes[one.name]
        trouble = await serve(lane, one.receiver, self._clock, partial(self._tell_all, one, lane))
        if trouble is not None:
            self._pause(lane, one.name, trouble)

    async def _tell_all(self, one: Subscription, lane: _Lane) -> None:
        """Tell one receiver what it is owed, the oldest first, until it does not take any, or others wait."""
        until = self._clock.monotonic() + ROUND
        owing = self._owing(one.name)
        lane.keep({owed.delivery for _, owed in owing})
        for key, owed in owing:
            now = self._clock.monotonic()
            if now >= until:
                lane.is_busy = True
                return
            if lane.offers(owed.delivery, now):
                await self._tell(one, lane, key, owed)
            if lane.trouble is not None:
                return

    def _owing(self, name: str) -> list[tuple[Key, Owed]]:
        owed = [(key, one.owed) for key, one in self._known().items() if key[0] == name and one.owed]
        return sorted(owed, key=lambda found: found[1].notice.at)

    async def _tell(self, one: Subscription, lane: _Lane, key: Key, owed: Owed) -> None:
        followed = self._known()[key]
        # Before it is sent: should we end in between, the receiver may know of it.
        await self._keep(key, replace(followed, owed=replace(owed, is_tried=True)))
        answer = await to_thread.run_sync(one.receiver.send, owed, abandon_on_cancel=True, limiter=self._threads)
        self._count(one.receiver.kind, answer.kind.value)
        if answer.kind is AnswerKind.SENT:
            await self._keep(key, settled(self._known()[key], owed.delivery, self._clock.now()))
            named = {"notification": one.name, "fabric": key[1], "told": owed.notice.event.value}
            log.info("notification sent", **named, status=owed.notice.sight.status.value, delivery=owed.delivery)
        elif not answer.is_unsure:
            await self._keep(key, followed)
        if answer.kind in {AnswerKind.RETRIED, AnswerKind.STALLED}:
            self._pause(lane, one.name, answer.message, answer.after)
            return
        if lane.go_on():
            log.info("the receiver takes notifications again", notification=one.name)
        if answer.kind is AnswerKind.REFUSED:
            self._refused(lane, key, owed, answer.message)

    def _refused(self, lane: _Lane, key: Key, owed: Owed, message: str) -> None:
        """It is offered ever later; others must not wait for it."""
        notification, fabric = key
        why = f"that of {fabric}: {message}"
        if lane.refuse(owed.delivery, why, self._clock.monotonic(), self._chance()) == 1:
            log.warning("the receiver refuses a notification", notification=notification, fabric=fabric, error=message)

    async def _keep(self, key: Key, followed: Followed) -> None:
        if followed != self._known()[key]:
            await to_thread.run_sync(self._save, {key: followed})

    def _pause(self, lane: _Lane, name: str, trouble: str, after: float | None = None) -> None:
        delay = after or RETRY.delay(lane.failures + 1, self._chance())
        if lane.pause(self._clock.monotonic() + delay, trouble):
            log.warning("notifications are not sent", notification=name, error=trouble)

    def _times(self, notified: Notified) -> Iterator[float]:
        """In how many seconds something is to be done again."""
        if not notified.subscriptions:
            return
        monotonic, now = self._clock.monotonic(), self._clock.now()
        yield self._next_tick - monotonic
        for lane in self._lanes.values():
            yield from (moment - monotonic for moment in lane.times(monotonic))
        for one, _, followed in self._subscribed(notified):
            waits = [(moment - now).total_seconds() for moment in moments(one.policy, followed)]
            yield from (wait for wait in waits if wait > 0)
