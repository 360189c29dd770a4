"""The one way in: every trigger becomes a durable request before it is queued or answered."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import structlog
from anyio import CapacityLimiter, to_thread

from reconciler.errors import (
    FabricDisabledError,
    FabricNotSuspendedError,
    FabricSuspendedError,
    StateError,
    UnknownFabricError,
)
from reconciler.model.requests import Accepted, AcceptedRequest, RefUpdate, Request, RequestState, Trigger, Work
from reconciler.model.revision import COMMIT
from reconciler.plan.netbox_keys import scopes_of
from reconciler.ports import Approvals, Requests, Suspensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.model.fabric import Fabric
    from reconciler.model.requests import Delivery, Receiver, Scope
    from reconciler.ports import Clock
    from reconciler.queue import WorkQueue

log = structlog.get_logger("intake")

HEADS = "refs/heads/"
MOST_NAMED = 3
"""Branches that a reason names: a delivery may move many."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration lets in: fabrics by name, and webhooks. `is_own_write` tells whether the HTTP request of
    this id (`X-Request-ID`), by which NetBox was changed, was ours; it may block for seconds.
    """

    fabrics: Mapping[str, Fabric]
    receivers: Sequence[Receiver] = ()
    is_own_write: Callable[[str], bool] = field(default=lambda _: False)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no pass of a fabric may begin: a CamelCase word, and a sentence."""

    reason: str
    message: str


SUSPENDED = Obstacle("Suspended", "the fabric was suspended before its pass ended")


class Memory(Requests, Suspensions, Approvals, Protocol):
    """What the intake stores."""


class Listener(Protocol):
    """Who is told, in the event loop, of what decides when a fabric is polled."""

    def verified(self, repositories: Sequence[str]) -> None:
        """A delivery of these repositories verified."""

    def wake(self) -> None:
        """A pass ended, or a fabric was suspended or resumed."""


class TriggerIntake:
    """Implements `ports.Intake`, and takes in the triggers of the process itself.

    The order is: store, then queue, then answer. A crash in between loses nothing, because `resume` queues what is
    stored and not finished.
    """

    def __init__(self, configured: Callable[[], Configured], memory: Memory, queue: WorkQueue, clock: Clock) -> None:
        self._configured_now = configured
        self._memory = memory
        self._queue = queue
        self._clock = clock
        self._finished = asyncio.Event()
        self._listeners: list[Listener] = []
        self._waiting = CapacityLimiter(4)
        self._switching = asyncio.Lock()
        """Held while a fabric is suspended or resumed: what waits must be that of the last of them."""

    def tell(self, listener: Listener) -> None:
        """From now on this one is told, too."""
        self._listeners.append(listener)

    @property
    def _configured(self) -> Configured:
        """The configuration of the moment: it changes while the service runs."""
        return self._configured_now()

    def active(self) -> Sequence[Fabric]:
        """The fabrics that passes may be made of."""
        return [fabric for fabric in self._configured.fabrics.values() if self.obstacle(fabric.name) is None]

    def obstacle(self, fabric: str) -> Obstacle | None:
        """Why no pass of this fabric may begin at the moment. From memory; any thread may ask."""
        configured = self._configured.fabrics.get(fabric)
        if configured is None:
            return Obstacle("Removed", "the fabric is no longer configured")
        if not configured.is_enabled:
            return Obstacle("Disabled", "the fabric is disabled in the configuration")
        return None if self._memory.suspension(fabric) is None else SUSPENDED

    def receivers(self, provider: str) -> Sequence[Receiver]:
        return [receiver for receiver in self._configured.receivers if receiver.provider == provider]

    def is_stopping(self) -> bool:
        return self._queue.is_draining

    async def known(self, provider: str, delivery_id: str) -> Accepted | None:
        ids = await to_thread.run_sync(self._memory.delivered, provider, delivery_id)
        return None if ids is None else await self._duplicate(ids)

    async def _duplicate(self, ids: Sequence[str]) -> Accepted:
        requests = await to_thread.run_sync(self._memory.requests, ids)
        known = tuple(AcceptedRequest(r.id, r.fabric, r.state.value) for r in requests)
        return Accepted("duplicate", known, reason="this delivery was accepted before")

    async def deliver(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
        reasons = [_reason_to_ignore(update) for update in delivery.updates]
        moved = [u.ref.removeprefix(HEADS) for u, reason in zip(delivery.updates, reasons, strict=True) if not reason]
        if not moved:
            return Accepted("ignored", reason=next(iter(reasons), f"not a push to a branch: {delivery.event}"))
        of_repository = [f for f in self._configured.fabrics.values() if f.repository in repositories]
        of_branch = [fabric for fabric in of_repository if fabric.branch in moved]
        if not of_branch:
            named = " or ".join(repr(branch) for branch in moved[:MOST_NAMED])
            return Accepted("ignored", reason=f"no fabric follows branch {named} of this repository")
        active = self._active_of(of_branch)
        if not active:
            return Accepted("ignored", reason=f"every fabric of this branch is {_idle(of_branch)}")
        return await self._accept(active, Trigger.PUSH, delivery, repositories)

    async def edited(self, delivery: Delivery, fabrics: Sequence[str]) -> Accepted:
        if delivery.keys and delivery.origin is not None and await self._is_own_write(delivery.origin):
            return Accepted("ignored", reason="it is what the reconciler wrote")
        scopes = self._scopes(delivery.keys, fabrics)
        if not scopes:
            return Accepted("ignored", reason="the record belongs to no fabric that this signature speaks for")
        named = [self._configured.fabrics[name] for name in scopes]
        active = self._active_of(named)
        if not active:
            return Accepted("ignored", reason=f"every fabric of this record is {_idle(named)}")
        return await self._accept(active, Trigger.NETBOX, delivery, scopes=scopes)

    async def _is_own_write(self, origin: str) -> bool:
        """In a thread, and in few of them: it may have to wait for NetBox to answer what we write."""
        return await to_thread.run_sync(self._configured.is_own_write, origin, limiter=self._waiting)

    def _active_of(self, fabrics: Iterable[Fabric]) -> list[Fabric]:
        return [fabric for fabric in fabrics if self.obstacle(fabric.name) is None]

    def _scopes(self, keys: Sequence[str], fabrics: Sequence[str]) -> dict[str, Scope]:
        """The objects of each of these fabrics for which the records stand."""
        configured = self._configured.fabrics
        return scopes_of(keys, {name: configured[name].namespace for name in fabrics if name in configured})

    async def verified(self, repositories: Sequence[str]) -> None:
        await to_thread.run_sync(self._memory.mark_verified, repositories)
        self._tell_verified(repositories)

    def _tell_verified(self, repositories: Sequence[str]) -> None:
        for listener in self._listeners:
            listener.verified(repositories)

    async def reconcile(self, fabric: str | None) -> Accepted:
        if fabric is None:
            everything = self._configured.fabrics.values()
            active = self._active_of(everything)
            accepted = await self._accept(active, Trigger.REQUEST)
            return replace(accepted, skipped=tuple(f.name for f in everything if f not in active))
        return await self._accept([self._reconciled(fabric)], Trigger.REQUEST)

    async def approve_plan(self, fabric: str, plan_hash: str, by: str | None) -> Accepted:
        named = self._reconciled(fabric)
        await to_thread.run_sync(self._memory.approve, fabric, plan_hash, by)
        log.info("plan approved", fabric=fabric, plan=plan_hash, by=by)
        return await self._accept([named], Trigger.REQUEST)

    def _reconciled(self, fabric: str) -> Fabric:
        """The fabric of this name, which passes may be made of."""
        named = self._named(fabric)
        if not named.is_enabled:
            raise FabricDisabledError(f"fabric {fabric!r} is disabled in the configuration")
        if self._memory.suspension(fabric) is not None:
            raise FabricSuspendedError(f"fabric {fabric!r} is suspended")
        return named

    def _named(self, fabric: str) -> Fabric:
        named = self._configured.fabrics.get(fabric)
        if named is None:
            raise UnknownFabricError(f"no fabric {fabric!r} is configured")
        return named

    async def suspend_fabric(self, fabric: str, reason: str | None, by: str | None = None) -> None:
        self._named(fabric)
        async with self._switching:
            await to_thread.run_sync(self._memory.suspend, fabric, reason, by)
            log.info("fabric suspended", fabric=fabric, reason=reason, by=by)
            await self._discard(fabric, SUSPENDED)
        self._wake()

    async def resume_fabric(self, fabric: str, by: str | None = None) -> Accepted:
        named = self._named(fabric)
        async with self._switching:
            if not await to_thread.run_sync(self._memory.resume, fabric):
                raise FabricNotSuspendedError(f"fabric {fabric!r} is not suspended")
            log.info("fabric resumed", fabric=fabric, by=by)
            try:
                return await self._accept(self._active_of([named]), Trigger.REQUEST)
            finally:
                # Also when the request could not be stored: then it is the poll that brings the fabric up to date.
                self._wake()

    async def supersede(self, fabrics: Sequence[str], message: str) -> None:
        """Discard what waits for fabrics that are no longer reconciled, and end its requests, with this message.

        Raises StateError.
        """
        for fabric in fabrics:
            await self._discard(fabric, Obstacle("Superseded", message))
        self._wake()

    async def _discard(self, fabric: str, obstacle: Obstacle) -> None:
        waiting = self._queue.discard(fabric)
        try:
            await self._end(waiting.requests, obstacle)
        except StateError:
            # The next try must find the requests, or whoever waits for them would never have an answer.
            self._queue.add(fabric, waiting)
            raise

    async def _end(self, requests: Sequence[str], obstacle: Obstacle) -> None:
        if requests:
            await to_thread.run_sync(self._memory.end, requests, obstacle.reason, obstacle.message)
            log.info("requests superseded", requests=list(requests), reason=obstacle.reason)
            self.finished(requests)

    async def trigger(self, fabrics: Sequence[Fabric], trigger: Trigger) -> Accepted:
        """Take in a trigger of the process itself (start, poll, file) for those fabrics that passes may be made of.
        Raises StateError.
        """
        return await self._accept(self._active_of(fabrics), trigger)

    async def _accept(
        self,
        fabrics: Sequence[Fabric],
        trigger: Trigger,
        delivery: Delivery | None = None,
        repositories: Sequence[str] = (),
        scopes: Mapping[str, Scope] = MappingProxyType({}),
    ) -> Accepted:
        requests = [self._request(fabric, trigger, delivery) for fabric in fabrics]
        known = await to_thread.run_sync(self._memory.accept, requests, delivery, repositories)
        if known is not None:
            return await self._duplicate(known)
        self._tell_verified(repositories)
        accepted = tuple(self._enqueue(one, scopes.get(one.fabric)) for one in requests)
        return Accepted("accepted", tuple([await self._settled(one, trigger) for one in accepted]))

    async def _settled(self, accepted: AcceptedRequest, trigger: Trigger) -> AcceptedRequest:
        """Ends a request that needs no pass any more. One that cannot be ended now is queued: it is stored, and whoever
        takes it from the queue ends it, or makes its pass.
        """
        if accepted.state != RequestState.SUPERSEDED:
            return accepted
        try:
            await self._end([accepted.id], self.obstacle(accepted.fabric) or SUSPENDED)
        except StateError as error:
            log.warning("a request could not be ended", request=accepted.id, fabric=accepted.fabric, error=str(error))
            joined = self._queue.add(accepted.fabric, Work((trigger,), (accepted.id,)))
            return replace(accepted, state="joined" if joined else "queued")
        return accepted

    def _request(self, fabric: Fabric, trigger: Trigger, delivery: Delivery | None) -> Request:
        ref = f"{HEADS}{fabric.branch}"
        moved = delivery.update_of(ref) if delivery else RefUpdate(ref)
        return Request(
            id=uuid.uuid4().hex,
            fabric=fabric.name,
            trigger=trigger,
            accepted=self._clock.now(),
            commit=moved.commit,
            revision=f"{fabric.branch}@sha1:{moved.commit}" if moved.commit else None,
            replaces=moved.replaces,
        )

    def _enqueue(self, request: Request, scope: Scope = None) -> AcceptedRequest:
        # While the request was stored the fabric may have been suspended, or taken out of the configuration.
        if self.obstacle(request.fabric) is not None:
            return AcceptedRequest(request.id, request.fabric, RequestState.SUPERSEDED.value)
        joined = self._queue.add(request.fabric, Work((request.trigger,), (request.id,), scope))
        state = "joined" if joined else "queued"
        log.info("request accepted", request=request.id, fabric=request.fabric, trigger=request.trigger, state=state)
        return AcceptedRequest(request.id, request.fabric, state)

    async def resume(self) -> None:
        """Queue every stored request that is not finished, also those whose pass was cut off; end those of fabrics
        that passes may no longer be made of. Raises StateError.
        """
        unwanted: dict[Obstacle, list[str]] = {}
        for request in await to_thread.run_sync(self._memory.unfinished):
            obstacle = self.obstacle(request.fabric)
            if obstacle is None:
                self._queue.add(request.fabric, Work((request.trigger,), (request.id,)))
            else:
                unwanted.setdefault(obstacle, []).append(request.id)
        for obstacle, ids in unwanted.items():
            await self._end(ids, obstacle)

    def finished(self, _requests: Sequence[str]) -> None:
        """Some requests may have reached a terminal state: whoever waits looks again."""
        self._finished.set()
        self._finished = asyncio.Event()
        self._wake()

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.wake()

    async def wait(self, requests: Sequence[str], seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while not await self._are_terminal(requests):
                    pass
        except TimeoutError:
            return False
        return True

    async def _are_terminal(self, requests: Sequence[str]) -> bool:
        # The event is taken before the look: a request that ends in between sets this very event.
        finished = self._finished
        found = await to_thread.run_sync(self._memory.requests, requests)
        if all(request.state.is_terminal for request in found):
            return True
        await finished.wait()
        return False


def _idle(fabrics: Iterable[Fabric]) -> str:
    """Why passes of these fabrics may not be made."""
    return " or ".join(sorted({"suspended" if fabric.is_enabled else "disabled" for fabric in fabrics}))


def _reason_to_ignore(update: RefUpdate) -> str | None:
    if not update.ref.startswith(HEADS):
        return f"not a push to a branch: push {update.ref}"
    if update.is_deletion:
        return "the branch was deleted"
    if update.commit is None or not COMMIT.fullmatch(update.commit):
        return "the push names no commit"
    return None
