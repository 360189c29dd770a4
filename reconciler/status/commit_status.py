"""Tells forges how it stands with commits: beside passes, never in their way, and until the forge has the newest state.

What is to be told is in the store, written with the request or pass that it speaks of. Of one repository one status
goes out at a time, in the order of their changes, so that no older state arrives after a newer one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import CapacityLimiter, create_task_group, to_thread

from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.plan.commit_status import post
from reconciler.status.lanes import IDLE, RETRY, Lane, Server, serve
from reconciler.status.waking import Bell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.model.commit_status import ForgePost, OwedStatus
    from reconciler.model.fabric import Fabric
    from reconciler.ports import Clock

log = structlog.get_logger("statuses")

STALLED_FOR = 3600.0
"""Seconds after which a forge that refused us is tried once more, should neither token nor configuration change: a
right may be granted at its end, of which nobody tells us.
"""

BATCH = 20
"""Statuses that are read at once. Few: what changes while they are sent is sent twice."""

MOST_REFUSALS = 3
"""How often a status is offered that the forge does not take: hosts show commits to some of their servers later."""


class Forge(Server, Protocol):
    """A forge, as far as it takes statuses of one repository's commits."""

    def send(self, post: ForgePost) -> ServerAnswer: ...


class Outbox(Protocol):
    """What is to be told, as the store keeps it. Raises StateError."""

    def owing_repositories(self) -> set[str]: ...

    def owed_statuses(self, repository: str, limit: int) -> Sequence[OwedStatus]: ...

    def settle_status(self, sequence: int) -> None: ...

    def keep_statuses(self, repositories: Iterable[str], fabrics: Iterable[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Told:
    """What the configuration says: forges by repository, fabrics by name, and where people reach the server."""

    forges: Mapping[str, Forge]
    fabrics: Mapping[str, Fabric]
    public_url: str | None = None

    def repository_of(self, fabric: str) -> str | None:
        """That of a fabric whose commits have a forge that is told of them."""
        known = self.fabrics.get(fabric)
        return known.repository if known is not None and known.repository in self.forges else None

    def post(self, owed: OwedStatus) -> ForgePost:
        fabric = self.fabrics.get(owed.status.fabric)
        link = f"{self.public_url}/fabrics/{owed.status.fabric}" if self.public_url else None
        return post(owed.status, link, fabric.simulated if fabric else ())


class CommitStatuses:
    """Sends what is owed. Lives in the event loop; `wake` may be called from any thread.

    `told` gives the configuration of the moment; `count` is told of each answer: kind of the forge, and of the answer;
    `on_iteration`, that it came round.
    """

    def __init__(
        self,
        told: Callable[[], Told],
        outbox: Outbox,
        clock: Clock,
        count: Callable[[str, str], None] = lambda _, __: None,
        chance: Callable[[], float] = random.random,
        on_iteration: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_iteration = on_iteration
        self._told = told
        self._outbox = outbox
        self._clock = clock
        self._count = count
        self._chance = chance
        self._lanes: dict[str, Lane[int]] = {}
        self._kept: object = None
        self._bell = Bell()
        # Threads of their own: forges that are slow must not use up those that answer deliveries.
        self._threads = CapacityLimiter(4)

    def wake(self) -> None:
        """Something may be owed, or the configuration changed."""
        self._bell.ring()

    def warnings(self) -> dict[str, str]:
        """By repository, why its forge is not told. From any thread."""
        lanes = list(self._lanes.items())
        return {name: f"commit statuses are not told: {lane.trouble}" for name, lane in lanes if lane.trouble}

    async def run(self) -> None:
        """For ever."""
        self._bell.attach()
        while True:
            await self._bell.rest(await self.run_once())

    async def run_once(self) -> float:
        """Send what may be sent now, and say in how many seconds to come again. Raises StateError."""
        self._bell.clear()
        told = self._told()
        await self._keep(told)
        owing = await to_thread.run_sync(self._outbox.owing_repositories)
        # Of what is not owed nothing is wrong.
        self._lanes = {name: self._lanes[name] if name in owing else Lane() for name in told.forges}
        async with create_task_group() as group:
            for name in owing & told.forges.keys():
                group.start_soon(self._serve, told, name, told.forges[name])
        self._on_iteration()
        return max(min(self._times(), default=self._clock.monotonic() + IDLE) - self._clock.monotonic(), 0.0)

    async def _keep(self, told: Told) -> None:
        wanted = set(told.forges), {name for name, fabric in told.fabrics.items() if fabric.is_enabled}
        if wanted == self._kept:
            return
        self._lanes = {name: self._lanes.get(name, Lane()) for name in told.forges}
        await to_thread.run_sync(self._outbox.keep_statuses, *wanted)
        self._kept = wanted

    def _times(self) -> Iterator[float]:
        """When something is to be done again."""
        now = self._clock.monotonic()
        for lane in self._lanes.values():
            yield from lane.times(now)

    async def _serve(self, told: Told, name: str, forge: Forge) -> None:
        lane = self._lanes[name]
        trouble = await serve(lane, forge, self._clock, partial(self._tell, told, name, forge))
        if trouble is not None:
            self._pause(lane, name, ServerAnswer(AnswerKind.RETRIED, trouble))

    async def _tell(self, told: Told, name: str, forge: Forge) -> None:
        """Send some of what one forge is owed, until it does not take any. Not all: who is owed much is no reason for
        others to wait.
        """
        lane = self._lanes[name]
        owed = await self._due(lane, name)
        lane.is_busy = bool(owed)
        for one in owed:
            await self._settle(lane, one, forge, await self._send(forge, told.post(one)))
            if lane.trouble is not None:
                return

    async def _send(self, forge: Forge, post: ForgePost) -> ServerAnswer:
        """One that takes its time is left behind when the service stops: the next start sends it again."""
        return await to_thread.run_sync(forge.send, post, abandon_on_cancel=True, limiter=self._threads)

    async def _due(self, lane: Lane[int], name: str) -> list[OwedStatus]:
        # Beyond those that wait there are others.
        limit = BATCH + len(lane.refusals)
        owed = await to_thread.run_sync(self._outbox.owed_statuses, name, limit)
        lane.keep({one.sequence for one in owed})
        now = self._clock.monotonic()
        return [one for one in owed if lane.offers(one.sequence, now)]

    async def _settle(self, lane: Lane[int], owed: OwedStatus, forge: Forge, answer: ServerAnswer) -> None:
        self._count(forge.kind, answer.kind.value)
        if answer.kind in {AnswerKind.STALLED, AnswerKind.RETRIED}:
            self._pause(lane, owed.repository, answer)
            return
        if lane.go_on():
            log.info("the forge takes commit statuses again", repository=owed.repository)
        if answer.kind is AnswerKind.REFUSED and self._is_offered_again(lane, owed, answer.message):
            return
        await to_thread.run_sync(self._outbox.settle_status, owed.sequence)
        status = owed.status
        named = {"fabric": status.fabric, "commit": status.commit, "state": status.state.value}
        if answer.kind is AnswerKind.SENT:
            log.info("commit status sent", **named)
        else:
            log.warning("commit status given up", **named, error=answer.message)

    def _is_offered_again(self, lane: Lane[int], owed: OwedStatus, message: str) -> bool:
        return lane.refuse(owed.sequence, message, self._clock.monotonic(), self._chance()) < MOST_REFUSALS

    def _pause(self, lane: Lane[int], repository: str, answer: ServerAnswer) -> None:
        lane.is_stalled = answer.kind is AnswerKind.STALLED
        delay = STALLED_FOR if lane.is_stalled else answer.after
        until = self._clock.monotonic() + (delay or RETRY.delay(lane.failures + 1, self._chance()))
        if lane.pause(until, answer.message):
            log.warning("commit statuses are not told", repository=repository, error=answer.message)
