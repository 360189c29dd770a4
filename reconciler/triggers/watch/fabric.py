"""All the watches of one fabric."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from reconciler.model.kinds import AGENTS, OBSERVED
from reconciler.triggers.watch.agents import AgentList
from reconciler.triggers.watch.cache import Cache
from reconciler.triggers.watch.reflector import Reflector
from reconciler.triggers.watch.trigger import WatchTrigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from reconciler.model.agents import AgentStatus
    from reconciler.model.kinds import Kind
    from reconciler.model.requests import Scope
    from reconciler.ports import ClusterEvents
    from reconciler.triggers.watch.reflector import WatchHealth


class FabricWatch:
    """The caches of a fabric's cluster, the tasks that keep them, and the trigger that tells what is worth a pass.

    `add` is called in the event loop, with the objects that a pass should look at, or None for the whole fabric.
    `trigger` is told when a pass of the fabric begins and ends.
    """

    def __init__(
        self,
        fabric: str,
        events: ClusterEvents,
        add: Callable[[Scope], object],
        health: WatchHealth,
        kinds: Iterable[Kind] = OBSERVED,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.fabric = fabric
        self.caches: Mapping[str, Cache] = {kind.name: Cache(kind) for kind in kinds}
        self.trigger = WatchTrigger(fabric, self.caches, add)
        self._events = events
        self._reflectors = [
            Reflector(f"watch/{fabric}/{name}", events, cache, self.trigger.on_change, health, chance)
            for name, cache in self.caches.items()
        ]
        self._agents = [AgentList(f"watch/{fabric}/{kind.name}", events, kind, health, chance) for kind in AGENTS]

    @property
    def agents(self) -> tuple[AgentStatus, ...] | None:
        """Every agent of the fabric, by kind and name; None while those of any kind are not known."""
        found: list[AgentStatus] = []
        for one in self._agents:
            if one.agents is None:
                return None
            found.extend(one.agents)
        return tuple(found)

    def tasks(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What has to run for ever, each started again when it fails, by the name under which it tells its health."""
        watched = {one.name: one.run for one in self._reflectors}
        return {**watched, **{one.name: one.run for one in self._agents}}

    async def close(self) -> None:
        """Close every connection; after the tasks were cancelled."""
        await self._events.close()
