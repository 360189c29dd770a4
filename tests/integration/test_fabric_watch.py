"""The watches of a fabric on a real API server: what passes write is not news, what others write is."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from anyio import to_thread

from reconciler.model.kinds import OBSERVED
from reconciler.model.known import Known
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from reconciler.targets.kubernetes.events import KubernetesEvents
from reconciler.triggers.watch.cluster import CachedCluster
from reconciler.triggers.watch.fabric import FabricWatch
from tests.contract.test_cluster import VPC
from tests.integration.test_cluster_contract import CRDS, ServerOthers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from reconciler.model.requests import Scope
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

OBJECTS = 60
WITHIN = 10.0
"""Seconds for what should take some milliseconds."""

QUIET = 1.0
"""Seconds in which work would have come that must not come."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Deaf:
    """`WatchHealth` of somebody who does not listen."""

    def progress(self, name: str) -> None: ...

    def trouble(self, name: str, reason: str) -> None: ...


@dataclass
class Fabric:
    """A watched fabric, and the work that its cluster asked for."""

    inner: KubernetesCluster
    watch: FabricWatch
    added: list[Scope]
    manifests: dict[ObjectKey, Manifest] = field(default_factory=dict)

    @property
    def cluster(self) -> CachedCluster:
        return CachedCluster(self.inner, self.watch.caches)

    def declare(self, namespace: str, mark: str) -> None:
        """Declare every object in another way than before."""
        for number in range(OBJECTS):
            key = ObjectKey(VPC.name, namespace, f"v{number}")
            spec = {"mode": mark, "subnets": {"s": {"subnet": "10.1.0.0/24", "vlan": 1001}}}
            self.manifests[key] = Manifest(key, Source(f"{key.name}.yaml"), spec)

    async def reconcile(self, write: Callable[[], None]) -> list[Scope]:
        """A pass that writes; the work that came of it."""
        self.watch.trigger.begin()
        await to_thread.run_sync(write)
        self.watch.trigger.end(Known("dc1", dict(self.manifests)))
        await asyncio.sleep(QUIET)
        added, self.added[:] = list(self.added), []
        return added

    def apply_all(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.cluster.apply, [one.body("dc1") for one in self.manifests.values()]))

    def delete_all(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.cluster.delete, self.cluster.list(VPC)))
        self.manifests.clear()

    def is_in_line(self) -> bool:
        return all(self.watch.caches[kind.name].read() == self.inner.list(kind) for kind in OBSERVED)


@pytest.fixture
async def fabric(kubernetes_server: KubernetesServer, namespace: str) -> AsyncIterator[Fabric]:
    kubernetes_server.apply_crds(CRDS)
    access = ClusterAccess(kubeconfig=kubernetes_server.kubeconfig)
    inner = KubernetesCluster(access, namespace)
    added: list[Scope] = []
    watch = FabricWatch("dc1", KubernetesEvents(access, namespace), added.append, Deaf())
    tasks = [asyncio.ensure_future(run()) for run in watch.tasks().values()]
    await _until(lambda: all(cache.is_live for cache in watch.caches.values()))
    yield Fabric(inner, watch, added)
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await watch.close()
    inner.close()


async def _until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not happens():  # noqa: ASYNC110 - what another program did is not announced
            await asyncio.sleep(0.01)


async def test_what_passes_write_is_no_news(fabric: Fabric, namespace: str) -> None:
    """Creates, changes and deletes by many threads at once: no pass follows, and every cache is as a fresh list."""
    for mark in ("one", "two"):
        fabric.declare(namespace, mark)
        assert await fabric.reconcile(fabric.apply_all) == []
        assert await to_thread.run_sync(fabric.is_in_line)
    assert await fabric.reconcile(fabric.delete_all) == []
    assert await to_thread.run_sync(fabric.is_in_line)


async def test_what_others_write_is(fabric: Fabric, namespace: str, kubernetes_server: KubernetesServer) -> None:
    """Also in the middle of a pass, between writes of its own."""
    fabric.declare(namespace, "one")
    await fabric.reconcile(fabric.apply_all)
    others = ServerOthers(kubernetes_server)
    drifting, noted = ObjectKey(VPC.name, namespace, "v7"), ObjectKey(VPC.name, namespace, "v8")

    def write() -> None:
        fabric.apply_all()
        others.edit(drifting, {"spec": {"mode": "theirs"}}, "kubectl-edit")
        others.edit(noted, {"metadata": {"annotations": {"note": "x"}}}, "kubectl-edit")

    assert await fabric.reconcile(write) == [frozenset({drifting})]
    await to_thread.run_sync(others.edit, drifting, {"spec": {"mode": "other"}}, "kubectl-edit")
    await _until(lambda: fabric.added == [frozenset({drifting})])
