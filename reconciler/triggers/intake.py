"""The one way in: every trigger becomes a durable request before it is queued or answered."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.errors import FabricDisabledError, UnknownFabricError
from reconciler.model.requests import Accepted, AcceptedRequest, Request, Trigger, Work
from reconciler.model.revision import COMMIT
from reconciler.plan.netbox_keys import object_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.model.fabric import Fabric
    from reconciler.model.requests import Delivery, Receiver, RefUpdate, Scope
    from reconciler.ports import Clock, Requests
    from reconciler.queue import WorkQueue

log = structlog.get_logger("intake")

HEADS = "refs/heads/"
MOST_NAMED = 3
"""Branches that a reason names: a delivery may move many."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration lets in: fabrics by name, and webhooks. `is_own_write` tells whether the HTTP request of
    this id (`X-Request-ID`), by which NetBox was changed, was ours.
    """

    fabrics: Mapping[str, Fabric]
    receivers: Sequence[Receiver] = ()
    is_own_write: Callable[[str], bool] = field(default=lambda _: False)


class TriggerIntake:
    """Implements `ports.Intake`, and takes in the triggers of the process itself.

    The order is: store, then queue, then answer. A crash in between loses nothing, because `resume` queues what is
    stored and not finished.
    """

    def __init__(
        self, configured: Callable[[], Configured], requests: Requests, queue: WorkQueue, clock: Clock
    ) -> None:
        self._configured_now = configured
        self._requests = requests
        self._queue = queue
        self._clock = clock
        self._finished = asyncio.Event()

    @property
    def _configured(self) -> Configured:
        """The configuration of the moment: it changes while the service runs."""
        return self._configured_now()

    def receivers(self, provider: str) -> Sequence[Receiver]:
        return [receiver for receiver in self._configured.receivers if receiver.provider == provider]

    def is_stopping(self) -> bool:
        return self._queue.is_draining

    async def known(self, provider: str, delivery_id: str) -> Accepted | None:
        ids = await to_thread.run_sync(self._requests.delivered, provider, delivery_id)
        return None if ids is None else await self._duplicate(ids)

    async def _duplicate(self, ids: Sequence[str]) -> Accepted:
        requests = await to_thread.run_sync(self._requests.requests, ids)
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
        enabled = [fabric for fabric in of_branch if fabric.is_enabled]
        if not enabled:
            return Accepted("ignored", reason="every fabric of this branch is disabled")
        return await self._accept(enabled, Trigger.PUSH, delivery, repositories)

    async def edited(self, delivery: Delivery, fabrics: Sequence[str]) -> Accepted:
        if delivery.origin is not None and self._configured.is_own_write(delivery.origin):
            return Accepted("ignored", reason="it is what the reconciler wrote")
        scopes = self._scopes(delivery.keys, fabrics)
        if not scopes:
            return Accepted("ignored", reason="the record belongs to no fabric that this signature speaks for")
        enabled = [self._configured.fabrics[name] for name in scopes if self._configured.fabrics[name].is_enabled]
        if not enabled:
            return Accepted("ignored", reason="every fabric of this record is disabled")
        return await self._accept(enabled, Trigger.NETBOX, delivery, scopes=scopes)

    def _scopes(self, keys: Sequence[str], fabrics: Sequence[str]) -> dict[str, Scope]:
        """The objects of each of these fabrics for which the records stand."""
        configured = self._configured.fabrics
        namespaces = {name: configured[name].namespace for name in fabrics if name in configured}
        named = [found for key in keys if (found := object_of(key, namespaces))]
        return {name: frozenset(key for owner, key in named if owner == name) for name, _ in named}

    async def verified(self, repositories: Sequence[str]) -> None:
        await to_thread.run_sync(self._requests.mark_verified, repositories)

    async def reconcile(self, fabric: str | None) -> Accepted:
        if fabric is None:
            everything = self._configured.fabrics.values()
            accepted = await self._accept([f for f in everything if f.is_enabled], Trigger.REQUEST)
            return replace(accepted, skipped=tuple(f.name for f in everything if not f.is_enabled))
        named = self._configured.fabrics.get(fabric)
        if named is None:
            raise UnknownFabricError(f"no fabric {fabric!r} is configured")
        if not named.is_enabled:
            raise FabricDisabledError(f"fabric {fabric!r} is disabled in the configuration")
        return await self._accept([named], Trigger.REQUEST)

    async def trigger(self, fabrics: Sequence[Fabric], trigger: Trigger) -> Accepted:
        """Take in a trigger of the process itself (start, poll) for enabled fabrics. Raises StateError."""
        return await self._accept([fabric for fabric in fabrics if fabric.is_enabled], trigger)

    async def _accept(
        self,
        fabrics: Sequence[Fabric],
        trigger: Trigger,
        delivery: Delivery | None = None,
        repositories: Sequence[str] = (),
        scopes: Mapping[str, Scope] = MappingProxyType({}),
    ) -> Accepted:
        requests = [self._request(fabric, trigger, delivery) for fabric in fabrics]
        known = await to_thread.run_sync(self._requests.accept, requests, delivery, repositories)
        if known is not None:
            return await self._duplicate(known)
        return Accepted("accepted", tuple(self._enqueue(one, scopes.get(one.fabric)) for one in requests))

    def _request(self, fabric: Fabric, trigger: Trigger, delivery: Delivery | None) -> Request:
        commit = delivery.commit_of(f"{HEADS}{fabric.branch}") if delivery else None
        revision = f"{fabric.branch}@sha1:{commit}" if commit else None
        return Request(
            id=uuid.uuid4().hex,
            fabric=fabric.name,
            trigger=trigger,
            accepted=self._clock.now(),
            commit=commit,
            revision=revision,
        )

    def _enqueue(self, request: Request, scope: Scope = None) -> AcceptedRequest:
        joined = self._queue.add(request.fabric, Work((request.trigger,), (request.id,), scope))
        state = "joined" if joined else "queued"
        log.info("request accepted", request=request.id, fabric=request.fabric, trigger=request.trigger, state=state)
        return AcceptedRequest(request.id, request.fabric, state)

    async def resume(self) -> None:
        """Queue every stored request that is not finished, also those whose pass was cut off; end those of fabrics
        that are no longer configured or enabled. Raises StateError.
        """
        enabled = [fabric.name for fabric in self._configured.fabrics.values() if fabric.is_enabled]
        await to_thread.run_sync(self._requests.supersede, enabled, "the fabric is no longer configured or enabled")
        for request in await to_thread.run_sync(self._requests.unfinished):
            self._queue.add(request.fabric, Work((request.trigger,), (request.id,)))

    def finished(self, _requests: Sequence[str]) -> None:
        """Some requests may have reached a terminal state: whoever waits looks again."""
        self._finished.set()
        self._finished = asyncio.Event()

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
        found = await to_thread.run_sync(self._requests.requests, requests)
        if all(request.state.is_terminal for request in found):
            return True
        await finished.wait()
        return False


def _reason_to_ignore(update: RefUpdate) -> str | None:
    if not update.ref.startswith(HEADS):
        return f"not a push to a branch: push {update.ref}"
    if update.is_deletion:
        return "the branch was deleted"
    if update.commit is None or not COMMIT.fullmatch(update.commit):
        return "the push names no commit"
    return None
