"""A cluster behind caches: what is known is not asked for, and a pass reads its own writes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.errors import ClusterUnavailableError, KindNotServedError, StaleObjectError
from reconciler.model.events import Change
from reconciler.model.kinds import KINDS
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.faults import Call, FaultyCluster
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch.cache import Cache
from reconciler.triggers.watch.cluster import CachedCluster
from tests.unit.triggers.watch.world import VPC, manifest

SERVER = KINDS["Server"]
A = manifest("a", mode="x").body("dc1")


class World:
    """A cluster that counts calls, behind the cache of one kind."""

    def __init__(self) -> None:
        self.local = LocalCluster(MemoryDocuments(), "dc1")
        self.inner = FaultyCluster(self.local)
        self.cache = Cache(VPC)
        self.cluster = CachedCluster(self.inner, {VPC.name: self.cache})

    def follow(self) -> None:
        self.cache.replace(self.local.listing(VPC))


def test_a_live_cache_answers() -> None:
    """The cluster is not asked."""
    world = World()
    made = world.local.apply(A)
    world.follow()

    assert world.cluster.list(VPC) == (made,)
    assert world.inner.calls == ()


def test_a_cache_that_is_not_live_does_not_answer() -> None:
    """Before the first list, and after the connection was lost, the cluster is."""
    world = World()
    made = world.local.apply(A)
    assert world.cluster.list(VPC) == (made,)
    world.follow()
    world.cache.lose()

    assert world.cluster.list(VPC) == (made,)
    assert world.inner.calls == (Call("list", "VPC"), Call("list", "VPC"))


def test_what_a_pass_listed_itself_is_noted() -> None:
    """So that the first list of the watch does not tell it as news."""
    world = World()
    world.local.apply(A)
    world.cluster.list(VPC)
    (first,) = world.cache.replace(world.local.listing(VPC)) or ()

    assert world.cache.is_known(first)


def test_a_kind_without_a_cache() -> None:
    """Everything goes through."""
    world = World()
    body = {**A, "apiVersion": SERVER.api_version, "kind": "Server"}
    made = world.cluster.apply(body)

    assert world.cluster.list(SERVER) == (made,)
    world.cluster.delete(made)
    assert world.cluster.list(SERVER) == ()
    assert world.inner.writes == (Call("apply", "Server/a"), Call("delete", "Server/a"))


def test_own_writes_are_read_at_once() -> None:
    """Before any event tells of them."""
    world = World()
    world.follow()
    made = world.cluster.apply(A)
    assert world.cluster.list(VPC) == (made,)

    world.cluster.delete(made)
    assert world.cluster.list(VPC) == ()
    assert [call.verb for call in world.inner.calls] == ["apply", "delete"]


def test_a_dry_run_is_not_entered() -> None:
    """What would be is not what is."""
    world = World()
    made = world.local.apply(A)
    world.follow()

    told = world.cluster.dry_run(manifest("a", mode="y").body("dc1"))

    assert told.spec == {"mode": "y"}
    assert world.cluster.list(VPC) == (made,)
    assert world.inner.calls == (Call("dry_run", "VPC/a"),)


def test_what_failed_is_not_entered() -> None:
    """Only answers are."""
    world = World()
    made = world.local.apply(A)
    world.follow()
    world.inner.fail("apply", ClusterUnavailableError("down"))
    world.inner.fail("delete", StaleObjectError("changed"))

    with pytest.raises(ClusterUnavailableError):
        world.cluster.apply(manifest("a", mode="y").body("dc1"))
    with pytest.raises(StaleObjectError):
        world.cluster.delete(made)
    assert world.cluster.list(VPC) == (made,)


def test_a_kind_that_is_not_served() -> None:
    """The error is the cluster's."""
    world = World()
    world.local.withdraw(VPC)
    world.cache.clear()

    with pytest.raises(KindNotServedError):
        world.cluster.list(VPC)


def test_the_rest_goes_through() -> None:
    """Force too; and whether the cluster can be reached is asked of itself."""
    world = World()
    world.local.apply(A, manager="somebody")
    world.follow()

    assert world.cluster.apply(manifest("a", mode="y").body("dc1"), force=True).spec == {"mode": "y"}
    assert (world.cluster.address, world.cluster.version()) == ("local:dc1", "embedded")
    assert world.cluster.denied([VPC], ["list"]) == ()
    assert world.cluster.served().find(VPC) is not None
    world.inner.fail("version", ClusterUnavailableError("down"))
    with pytest.raises(ClusterUnavailableError):
        world.cluster.version()


def test_many_threads() -> None:
    """Writes of several threads are all there in the end."""
    world = World()
    world.follow()
    with ThreadPoolExecutor(8) as pool:
        bodies = (manifest(f"v{number % 20}", mode=str(number)).body("dc1") for number in range(200))
        list(pool.map(world.cluster.apply, bodies))

    assert world.cluster.list(VPC) == world.local.list(VPC)


def test_a_look_teaches_passes_nothing() -> None:
    """Who looks for a preview sees what a pass would, from a live cache or from the cluster; by what he saw no change
    is judged to be known.
    """
    world = World()
    made = world.local.apply(A)
    looking = world.cluster.for_preview()
    assert looking.list(VPC) == (made,)
    world.follow()
    assert looking.list(VPC) == (made,)
    assert world.inner.calls == (Call("list", "VPC"),)

    assert not world.cache.is_known(Change(made.key, None, made, is_first=True))
    world.cluster.list(VPC)
    assert world.cache.is_known(Change(made.key, None, made, is_first=True))
    world.cache.lose()
    assert looking.list(VPC) == (made,)
