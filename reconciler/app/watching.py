"""The watches of clusters that run: those that the present configuration asks for, and no others."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from reconciler.app.subjects import access_of
from reconciler.model.requests import Trigger, Work
from reconciler.targets.kubernetes.events import KubernetesEvents
from reconciler.triggers.watch.contest import Contests
from reconciler.triggers.watch.fabric import FabricWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.app.supervisor import Supervisor
    from reconciler.model.calls import CallHook
    from reconciler.model.known import Known
    from reconciler.model.objects import ObjectKey
    from reconciler.model.requests import Scope
    from reconciler.queue import WorkQueue
    from reconciler.settings import FabricSettings
    from reconciler.status.health import Components
    from reconciler.triggers.watch.trigger import WatchTrigger

log = structlog.get_logger("watch")

CLOSE_TIMEOUT = 5.0
"""Seconds to close the connections of a watch that nobody wants any more."""


def build_watch(
    fabric: FabricSettings,
    add: Callable[[str, Scope], object],
    components: Components,
    on_call: CallHook = lambda *_: None,
) -> FabricWatch | None:
    """The watch over a fabric's cluster; None where there is none, and for an embedded one: nobody but us changes it.
    `add` takes the fabric's name, and what a pass should look at; `on_call` is told of each call. Raises
    ConfigurationError.
    """
    cluster = fabric.cluster
    if cluster is None or cluster.local:
        return None
    events = KubernetesEvents(replace(access_of(cluster), on_call=on_call), cluster.namespace)
    return FabricWatch(fabric.name, events, lambda scope: add(fabric.name, scope), components)


class WatchWork:
    """What watches ask for, put into the queue. It is not stored: after a crash the first pass looks at everything.
    `obstacle` tells why no pass over a fabric may begin; then nothing is queued, and whoever takes the obstacle away
    queues a full pass. An object that somebody else changes back after each pass waits apart, and delays no other one.
    """

    def __init__(
        self,
        queue: WorkQueue,
        obstacle: Callable[[str], object | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._obstacle = obstacle
        self._contests = Contests(monotonic)
        self._held: set[tuple[str, ObjectKey]] = set()
        """Contested objects, of which a pass is due later."""

    def add(self, fabric: str, scope: Scope) -> None:
        """Queue a pass over these objects, or over the whole fabric. Belongs to the event loop."""
        if self._obstacle(fabric) is None:
            scope = self._due(fabric, scope)
            if scope is None or scope:
                self._queue.add(fabric, Work((Trigger.WATCH,), (), scope))

    def _due(self, fabric: str, scope: Scope) -> Scope:
        """What of the scope is to be looked at now; the rest is held. What joins a pass that waits costs none."""
        if scope is None or self._queue.is_waiting(fabric):
            return scope
        return frozenset(key for key in scope if (fabric, key) not in self._held and not self._is_held(fabric, key))

    def _is_held(self, fabric: str, key: ObjectKey) -> bool:
        seconds = self._contests.delay(fabric, key)
        if not seconds:
            return False
        log.warning("contested", fabric=fabric, object=str(key), seconds=seconds)
        self._held.add((fabric, key))
        asyncio.get_running_loop().call_later(seconds, self._release, fabric, key)
        return True

    def _release(self, fabric: str, key: ObjectKey) -> None:
        self._held.discard((fabric, key))
        if self._obstacle(fabric) is None:
            self._queue.add(fabric, Work((Trigger.WATCH,), (), frozenset({key})))


class Watches:
    """Keeps the tasks of watches running. Belongs to the event loop, but for `begun` and `left`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._running: dict[str, FabricWatch] = {}
        self._during: dict[str, WatchTrigger] = {}
        """Whom a pass that runs was announced to, by fabric: the end belongs there, whatever the configuration has
        become.
        """

    async def follow(self, wanted: Mapping[str, FabricWatch]) -> None:
        """Run exactly these watches, by fabric; what is over is closed."""
        over = [name for name, watch in self._running.items() if wanted.get(name) is not watch]
        for name in over:
            await self._end(name)
        for name, watch in wanted.items():
            if name not in self._running:
                self._running[name] = watch
                for task, run in watch.tasks().items():
                    self._supervisor.start(task, run)

    async def _end(self, fabric: str) -> None:
        watch = self._running[fabric]
        await asyncio.gather(*(self._supervisor.cancel(task) for task in watch.tasks()))
        await _close(watch)
        del self._running[fabric]

    async def close(self) -> None:
        """Close every connection, after the tasks have ended."""
        await asyncio.gather(*(_close(watch) for watch in self._running.values()))

    # Passes, in their threads

    def begun(self, fabric: str) -> None:
        """A pass over the fabric begins."""
        watch = self._running.get(fabric)
        if watch is not None:
            self._during[fabric] = watch.trigger
            watch.trigger.begin()

    def left(self, fabric: str, known: Known | None) -> None:
        """That pass is over, with what it knew."""
        trigger = self._during.pop(fabric, None)
        if trigger is not None:
            trigger.end(known)


async def _close(watch: FabricWatch) -> None:
    """What cannot be closed is left: it is not used any more, and must not hold up what is."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await watch.close()
    except Exception:
        log.exception("the connections of a watch could not be closed", fabric=watch.fabric)
