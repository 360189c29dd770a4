"""The watches that run: those of the present configuration, each task under its name, and what they ask for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from reconciler.app.supervisor import Supervisor
from reconciler.app.watching import CLOSE_TIMEOUT, Watches, WatchWork, build_watch
from reconciler.errors import ConfigurationError
from reconciler.model.kinds import AGENTS, KINDS, OBSERVED
from reconciler.model.known import Known
from reconciler.model.objects import ObjectKey
from reconciler.model.requests import Trigger, Work
from reconciler.queue import WorkQueue
from reconciler.status.health import Components
from reconciler.targets.kubernetes.events import KubernetesEvents
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import MemoryEvents
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch.contest import FREE
from reconciler.triggers.watch.fabric import FabricWatch
from tests.unit.app.configuration import LOCAL, settings
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reconciler.model.requests import Scope

VPC = KINDS["VPC"]
TASKS = {f"watch/dc1/{kind.name}" for kind in (*OBSERVED, *AGENTS)}
BLUE = ObjectKey("VPC", "default", "blue")
RED = ObjectKey("VPC", "default", "red")
BODY = {
    "apiVersion": VPC.api_version,
    "kind": "VPC",
    "metadata": {"name": "blue", "namespace": "default"},
    "spec": {"subnets": {}},
}


class Events(MemoryEvents):
    """Events of an embedded cluster, of which it is known whether they were closed."""

    def __init__(self, cluster: LocalCluster) -> None:
        super().__init__(cluster)
        self.closings = 0
        self.is_stuck = False

    async def close(self) -> None:
        self.closings += 1
        if self.is_stuck:
            await asyncio.Event().wait()
        await super().close()


class Desk:
    """Watches that run, over embedded clusters."""

    def __init__(self) -> None:
        self.components = Components(SetClock())
        self.supervisor = Supervisor(self.components)
        self.watches = Watches(self.supervisor)
        self.asked: list[tuple[str, Scope]] = []

    def watch(self, fabric: str = "dc1") -> tuple[FabricWatch, LocalCluster, Events]:
        cluster = LocalCluster(MemoryDocuments(), fabric)
        events = Events(cluster)
        watch = FabricWatch(fabric, events, lambda scope: self.asked.append((fabric, scope)), self.components)
        return watch, cluster, events

    def names(self) -> set[str]:
        return set(self.components.as_json())


@asynccontextmanager
async def _desk() -> AsyncIterator[Desk]:
    desk = Desk()
    try:
        yield desk
    finally:
        desk.supervisor.stop()
        await desk.supervisor.ended()
        await desk.watches.close()


async def test_every_kind_is_a_task() -> None:
    """Each kind of a fabric is watched by a task of its own, under its name, and its cache becomes live."""
    async with _desk() as desk:
        watch, _, _ = desk.watch()
        await desk.watches.follow({"dc1": watch})
        await asyncio.sleep(1)

        assert desk.names() == TASKS
        assert all(cache.is_live for cache in watch.caches.values())
        assert desk.components.in_trouble() == desk.components.not_running() == {}


async def test_what_is_followed_already_is_left_alone() -> None:
    """Asking for the same watches again changes nothing."""
    async with _desk() as desk:
        watch, _, events = desk.watch()
        await desk.watches.follow({"dc1": watch})
        await asyncio.sleep(1)
        calls = len(events.calls)

        await desk.watches.follow({"dc1": watch})
        await asyncio.sleep(1)

        assert len(events.calls) == calls
        assert events.closings == 0


async def test_what_is_no_longer_wanted() -> None:
    """The watches of a fabric that left end, with their connections; nobody misses them, nor trusts their caches."""
    async with _desk() as desk:
        watch, _, events = desk.watch()
        other, _, _ = desk.watch("dc2")
        await desk.watches.follow({"dc1": watch, "dc2": other})
        await asyncio.sleep(1)

        await desk.watches.follow({"dc2": other})
        calls = len(events.calls)
        await asyncio.sleep(1000)

        assert desk.names() == {name.replace("dc1", "dc2") for name in TASKS}
        assert (events.closings, len(events.calls), events.streams(VPC)) == (1, calls, 0)
        assert not any(cache.is_live for cache in watch.caches.values())


async def test_a_watch_that_was_replaced() -> None:
    """A changed fabric is followed by its new watch, under the same names, and no longer by the old one."""
    async with _desk() as desk:
        old, _, old_events = desk.watch()
        new, _, _ = desk.watch()
        await desk.watches.follow({"dc1": old})
        await asyncio.sleep(1)

        await desk.watches.follow({"dc1": new})
        await asyncio.sleep(1)

        assert old_events.closings == 1
        assert old_events.streams(VPC) == 0
        assert all(cache.is_live for cache in new.caches.values())
        assert desk.names() == TASKS


async def test_connections_that_do_not_close() -> None:
    """Connections that cannot be closed hold up a change of the configuration for a bounded time only."""
    async with _desk() as desk:
        watch, _, events = desk.watch()
        events.is_stuck = True
        await desk.watches.follow({"dc1": watch})
        begun = asyncio.get_running_loop().time()

        with capture_logs() as log:
            await desk.watches.follow({})

        assert asyncio.get_running_loop().time() - begun == pytest.approx(CLOSE_TIMEOUT, abs=1)
        assert [entry["fabric"] for entry in log if entry["log_level"] == "error"] == ["dc1"]
        events.is_stuck = False


async def test_a_pass_is_announced_to_its_watch() -> None:
    """What happens during a pass is judged when it has ended, by what it knew; a fabric without a watch has no part."""
    async with _desk() as desk:
        watch, cluster, _ = desk.watch()
        await desk.watches.follow({"dc1": watch})
        await asyncio.sleep(1)
        desk.watches.begun("dc1")
        desk.watches.begun("unwatched")

        cluster.apply(BODY, manager="somebody")
        await asyncio.sleep(1)
        assert desk.asked == []

        desk.watches.left("unwatched", Known("unwatched"))
        desk.watches.left("dc1", Known("dc1"))
        await asyncio.sleep(1)

        assert desk.asked == [("dc1", frozenset({BLUE}))]


async def test_a_pass_over_a_fabric_that_changed() -> None:
    """The end of a pass is told to the watch that was told of its begin: a new one knows of its own passes only."""
    async with _desk() as desk:
        old, _, _ = desk.watch()
        new, cluster, _ = desk.watch()
        await desk.watches.follow({"dc1": old})
        desk.watches.begun("dc1")
        await desk.watches.follow({"dc1": new})
        await asyncio.sleep(1)
        cluster.apply(BODY, manager="somebody")

        desk.watches.left("dc1", Known("dc1"))
        await asyncio.sleep(1)
        assert desk.asked == []

        desk.watches.begun("dc1")
        desk.watches.left("dc1", Known("dc1"))
        await asyncio.sleep(1)

        assert desk.asked == [("dc1", frozenset({BLUE}))]


def test_what_watches_ask_for() -> None:
    """A change becomes work over the objects that it names; an obstacle keeps it out, and what it asks for with it."""
    queue = WorkQueue(lambda: 0.0)
    obstacles: dict[str, str] = {"dc2": "suspended"}
    work = WatchWork(queue, obstacles.get)

    work.add("dc1", frozenset({BLUE}))
    work.add("dc2", None)

    assert queue.discard("dc1") == Work((Trigger.WATCH,), (), frozenset({BLUE}))
    assert not queue.is_waiting("dc2")


async def test_a_fight_makes_few_passes() -> None:
    """An object that is changed back after each pass is looked at less and less often, another one at once, and none
    once there is an obstacle.
    """
    loop = asyncio.get_running_loop()
    queue = WorkQueue(loop.time)
    obstacles: dict[str, str] = {}
    work = WatchWork(queue, obstacles.get, loop.time)
    moments = []
    for _ in range(FREE + 3):
        work.add("dc1", frozenset({BLUE}))
        taken = await queue.get()
        assert taken is not None
        moments.append(loop.time())
        queue.done("dc1")
    assert moments == [pytest.approx(at) for at in (*[0] * FREE, 5, 15, 35)]

    work.add("dc1", frozenset({BLUE}))
    work.add("dc1", frozenset({BLUE, RED}))
    assert queue.discard("dc1").scope == frozenset({RED})

    obstacles["dc1"] = "suspended"
    await asyncio.sleep(100)
    assert not queue.is_waiting("dc1")


def _built(folder: Path, fabric: dict[str, Any]) -> FabricWatch | None:
    (found,) = settings(folder, fabric).fabrics
    return build_watch(found, lambda _name, _scope: None, Components(SetClock()))


async def test_what_can_be_watched(tmp_path: Path) -> None:
    """A real cluster is watched, at the address that passes speak to; an embedded one changes by our hand only."""
    server = {"cluster": {"server": "https://k8s.example.com", "token_file": "secrets/kube-token"}}

    watch = _built(tmp_path, server)

    assert watch is not None
    assert set(watch.tasks()) == TASKS
    assert isinstance(watch._events, KubernetesEvents)
    assert watch._events.address == "https://k8s.example.com"
    await watch.close()
    assert _built(tmp_path, LOCAL) is None
    assert _built(tmp_path, {}) is None


def test_a_cluster_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the adapter refuses is an error of the configuration, before anything runs."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST"):
        _built(tmp_path, {"cluster": {"in_cluster": True}})
