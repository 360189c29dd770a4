"""An embedded cluster that is watched, and what the watch tells."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import MemoryEvents
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch.cache import Cache
from reconciler.triggers.watch.reflector import Reflector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reconciler.model.agents import AgentStatus
    from reconciler.model.events import Change, Listing, WatchEvent
    from reconciler.model.kinds import Kind

VPC = KINDS["VPC"]


def now() -> float:
    return asyncio.get_running_loop().time()


def manifest(name: str, **spec: object) -> Manifest:
    return Manifest(ObjectKey("VPC", "default", name), Source(f"{name}.yaml"), spec)


async def settle() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def running(*tasks: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Tasks that run until the end of the block; an error of theirs is one of the test."""
    started = [asyncio.ensure_future(task()) for task in tasks]
    try:
        await settle()
        yield
    finally:
        for one in started:
            one.cancel()
        for one in started:
            with suppress(asyncio.CancelledError):
                await one


class Told:
    """`WatchHealth` that remembers each turn for the better or worse, with its moment."""

    def __init__(self) -> None:
        self.turns: list[tuple[float, str]] = []
        self.moves = 0

    def progress(self, name: str) -> None:
        self.moves += 1
        self._turn("")

    def trouble(self, name: str, reason: str) -> None:
        self._turn(reason)

    def _turn(self, reason: str) -> None:
        if not self.turns or self.turns[-1][1] != reason:
            self.turns.append((now(), reason))

    @property
    def reason(self) -> str:
        """Why it does not work; empty while it does."""
        return self.turns[-1][1] if self.turns else ""


class Address:
    """`ClusterEvents` of whatever cluster is behind an address now."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.behind = MemoryEvents(cluster)

    @property
    def address(self) -> str:
        return self.behind.address

    async def list(self, kind: Kind) -> Listing:
        return await self.behind.list(kind)

    def watch(self, kind: Kind, version: str) -> AsyncIterator[WatchEvent]:
        return self.behind.watch(kind, version)

    async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
        return await self.behind.agents(kind)

    async def close(self) -> None:
        await self.behind.close()


class Watched:
    """A cluster, and the reflector of one of its kinds. `chance` shortens waits at random; by default it does not.
    `on_change` hears of changes instead of `changes`.
    """

    def __init__(self, *, chance: float = 0.0, on_change: Callable[[Change | None], None] | None = None) -> None:
        self.cluster = LocalCluster(MemoryDocuments(), "dc1")
        self.address = Address(self.cluster)
        self.cache = Cache(VPC)
        self.health = Told()
        self.changes: list[Change | None] = []
        on_change = on_change or self.changes.append
        self.reflector = Reflector("watch/dc1/VPC", self.address, self.cache, on_change, self.health, lambda: chance)

    @property
    def events(self) -> MemoryEvents:
        return self.address.behind

    def restore(self) -> None:
        """Put another cluster in the place of this one, in which nothing has happened yet."""
        self.events.cut()
        self.cluster = LocalCluster(MemoryDocuments(), "dc1")
        self.address.behind = MemoryEvents(self.cluster)

    def apply(self, name: str, **spec: object) -> Resource:
        return self.cluster.apply(manifest(name, **spec).body("dc1"))

    def told(self) -> list[str]:
        """The changes since it was asked last: `+name`, `~name`, `-name`, or `*` for the whole fabric."""
        found = ["*" if one is None else f"{_sign(one)}{one.key.name}" for one in self.changes]
        self.changes.clear()
        return found

    def calls(self, verb: str) -> int:
        return sum(call.verb == verb for call in self.events.calls)

    def is_live(self) -> bool:
        return self.cache.is_live

    @property
    def is_in_line(self) -> bool:
        """Whether the cache holds what the cluster does, and says that it does."""
        return self.cache.read() == self.cluster.list(self.cache.kind)


def _sign(change: Change) -> str:
    if change.after is None:
        return "-"
    return "+" if change.before is None else "~"
