"""All watches of a fabric together, as the service runs them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError
from reconciler.model.kinds import AGENTS, KINDS, OBSERVED
from reconciler.model.known import Known
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import MemoryEvents
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch.cluster import CachedCluster
from reconciler.triggers.watch.fabric import FabricWatch
from tests.unit.triggers.watch.world import VPC, Told, manifest, running, settle

if TYPE_CHECKING:
    from reconciler.model.requests import Scope

A, B = manifest("a", mode="x"), manifest("b", mode="x")


class World:
    """A watched fabric, and the work that its cluster asks for."""

    def __init__(self) -> None:
        self.local = LocalCluster(MemoryDocuments(), "dc1")
        self.events = MemoryEvents(self.local)
        self.added: list[Scope] = []
        self.watch = FabricWatch("dc1", self.events, self.added.append, Told(), chance=lambda: 0.0)
        self.cluster = CachedCluster(self.local, self.watch.caches)

    async def reconcile(self) -> list[Scope]:
        """A pass as far as watches see it; the work that it led to."""
        self.watch.trigger.begin()
        for kind in OBSERVED:
            if self.local.serves(kind):
                self.cluster.list(kind)
        for one in (A, B):
            self.cluster.apply(one.body("dc1"), force=True)
        self.watch.trigger.end(Known("dc1", {A.key: A, B.key: B}, has_netbox=True))
        await settle()
        return self.taken()

    def taken(self) -> list[Scope]:
        added, self.added[:] = list(self.added), []
        return added


def test_every_kind_has_a_task_and_a_cache() -> None:
    """Named after fabric and kind. Agents have no cache: what holds passwords is nowhere."""
    watch = World().watch

    assert list(watch.tasks()) == [f"watch/dc1/{kind.name}" for kind in (*OBSERVED, *AGENTS)]
    assert watch.caches.keys() == KINDS.keys()
    assert not any(cache.is_live for cache in watch.caches.values())


async def test_a_fabric_in_sync_asks_for_nothing() -> None:
    """The writes of its own passes, and what is there from others, cause none."""
    world = World()
    world.local.apply({**A.body("dc1"), "metadata": {"name": "theirs", "namespace": "default"}}, manager="kubectl")
    async with running(*world.watch.tasks().values()):
        assert await world.reconcile() == []
        assert await world.reconcile() == []
        assert all(cache.is_live for cache in world.watch.caches.values())
        await asyncio.sleep(3600)
        assert world.taken() == []


async def test_edits_of_others_ask_for_a_pass_over_them() -> None:
    """Drift, what is new, and what is deleted: each by its key."""
    world = World()
    async with running(*world.watch.tasks().values()):
        await world.reconcile()
        world.local.edit(A.key, {"spec": {"mode": "y"}})
        await settle()
        assert world.taken() == [frozenset({A.key})]
        assert await world.reconcile() == []

        (b,) = (one for one in world.local.list(VPC) if one.key == B.key)
        world.local.delete(b)
        await settle()
        assert world.taken() == [frozenset({B.key})]
        assert await world.reconcile() == []
        assert world.cluster.list(VPC) == world.local.list(VPC)


async def test_an_edit_during_a_gap_is_noticed_after_it() -> None:
    """Also a deletion that no watch told."""
    world = World()
    async with running(*world.watch.tasks().values()):
        await world.reconcile()
        world.events.fail("watch", ClusterUnavailableError("down"), kind=VPC, times=3)
        world.events.cut()
        await settle()
        (a, _) = world.local.list(VPC)
        world.local.delete(a)
        world.events.expire()
        await asyncio.sleep(60)

        assert world.taken() == [frozenset({A.key})]


async def test_a_kind_that_appears_asks_for_a_whole_pass() -> None:
    """What depends on it is not known."""
    world = World()
    world.events.withdraw(KINDS["Gateway"])
    async with running(*world.watch.tasks().values()):
        assert await world.reconcile() == []
        world.events.serve(KINDS["Gateway"])
        await asyncio.sleep(60)
        await settle()

        assert world.taken() == [None]


async def test_closing() -> None:
    """Every stream is closed, once the tasks have ended."""
    world = World()
    async with running(*world.watch.tasks().values()):
        assert all(world.events.streams(kind) == 1 for kind in OBSERVED)
    await world.watch.close()

    assert not any(world.events.streams(kind) for kind in OBSERVED)
