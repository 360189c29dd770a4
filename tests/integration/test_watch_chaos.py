"""Whatever happens between us and the cluster, the caches end up as the cluster is, and no drift goes unnoticed."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from reconciler.model.kinds import KINDS
from reconciler.model.known import Known
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster, async_transport
from reconciler.targets.kubernetes.events import KubernetesEvents, WatchLimits
from reconciler.triggers.watch import reflector
from reconciler.triggers.watch.fabric import FabricWatch
from tests.integration.test_cluster_contract import CRDS
from tests.lab.errors import LabError
from tests.lab.kubernetes_api import AnswerError
from tests.lab.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reconciler.model.json import JSONObject
    from reconciler.model.requests import Scope
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

FABRIC = "dc1"
WATCHED = ("VPC", "Server", "IPv4Namespace")
SILENCE = 2.0
PATIENCE = 60.0
"""Seconds for all caches to be as the cluster is, once nothing is in the way any more."""


@pytest.fixture
def anyio_backend() -> str:
    """Real time: servers know no other."""
    return "asyncio"


@pytest.fixture
def served(kubernetes_server: KubernetesServer) -> KubernetesServer:
    kubernetes_server.apply_crds(CRDS)
    return kubernetes_server


@pytest.fixture
def proxy(served: KubernetesServer) -> Iterator[Proxy]:
    with Proxy(urlsplit(served.url).port or 0) as proxy:
        yield proxy


@pytest.fixture
def cluster(served: KubernetesServer, namespace: str) -> Iterator[KubernetesCluster]:
    """Straight to the server."""
    cluster = KubernetesCluster(ClusterAccess(kubeconfig=served.kubeconfig), namespace)
    yield cluster
    cluster.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are shortened in proportion, so that an outage of seconds is a long one."""
    monkeypatch.setattr(async_transport, "BEGIN_SECONDS", SILENCE)
    monkeypatch.setattr(async_transport, "CONNECT_SECONDS", SILENCE)
    monkeypatch.setattr(reflector, "STABLE", SILENCE / 6)
    monkeypatch.setattr(reflector, "RETRY", replace(reflector.RETRY, base=0.1, cap=2.0))


def _manifest(kind: str, namespace: str, number: int) -> Manifest:
    specs: dict[str, JSONObject] = {
        "VPC": {"subnets": {"a": {"vlan": 1000 + number % 1000}}},
        "Server": {"description": f"server {number}"},
        "IPv4Namespace": {"subnets": [f"10.{number % 256}.0.0/16"]},
    }
    name = f"{kind.lower()}-{number}"
    return Manifest(ObjectKey(kind, namespace, name), Source(f"{name}.yaml"), specs[kind])


def _changed(kind: str, number: int) -> JSONObject:
    """A spec that no manifest declares, another one for each number."""
    specs: dict[str, JSONObject] = {
        "VPC": {"subnets": {"a": {"vlan": 2000 + number}}},
        "Server": {"description": f"changed {number}"},
        "IPv4Namespace": {"subnets": [f"11.{number % 256}.{number // 256}.0/24"]},
    }
    return specs[kind]


@dataclass
class SomebodyElse:
    """Edits objects at random, straight to the server, and tries again until each edit is made."""

    server: KubernetesServer
    namespace: str
    chance: random.Random
    standing: list[ObjectKey]
    edited: dict[ObjectKey, str] = field(default_factory=dict)
    """What was done last, by object."""

    def edit(self, number: int) -> None:
        """Create, change or delete one object."""
        verb = self.chance.choices(("POST", "PATCH", "DELETE"), (1, 3, 1))[0]
        if verb == "POST":
            kind = self.chance.choice(WATCHED)
            key = ObjectKey(kind, self.namespace, f"{kind.lower()}-new-{number}")
            self.standing.append(key)
        else:
            key = self.chance.choice(self.standing)
        if verb == "DELETE":
            self.standing.remove(key)
        self.edited[key] = verb
        self._send(verb, key, number)

    def _send(self, verb: str, key: ObjectKey, number: int) -> None:
        kind = key.resource_kind
        path = f"/apis/{kind.api_version}/namespaces/{key.namespace}/{kind.plural}"
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": key.name}}
        deadline = time.monotonic() + PATIENCE
        while not self._is_sent(verb, path, {**body, "spec": _changed(kind.name, number)}, key.name):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{verb} {key} could not be made")
            time.sleep(0.1)

    def _is_sent(self, verb: str, path: str, body: JSONObject, name: str) -> bool:
        """An answer may have been lost: then the second try finds the edit made."""
        target = path if verb == "POST" else f"{path}/{name}"
        try:
            self.server.api.request(verb, target, body if verb != "DELETE" else None, content_type=_content_type(verb))
        except AnswerError as error:
            return error.code == {"POST": 409, "DELETE": 404}.get(verb)
        except LabError:
            return False
        return True


def _content_type(verb: str) -> str:
    return "application/merge-patch+json" if verb == "PATCH" else "application/json"


class Trouble:
    """What happens between the edits."""

    def __init__(self, server: KubernetesServer, proxy: Proxy) -> None:
        self._server = server
        self._proxy = proxy

    def steps(self, chance: random.Random) -> list[Callable[[], None]]:
        """Each at least once and the restarts twice, in an order of their own. While connections are stalled and the
        server forgets what happened, its watches miss edits that only a new list tells of.
        """
        stall = [self._proxy.stall, self._wait, self._forget, self._proxy.heal]
        refuse = [self._proxy.refuse, self._server.restart, self._proxy.heal]
        stall_only = [self._proxy.stall, self._proxy.heal]
        groups: list[list[Callable[[], None]]] = [stall, refuse, stall_only, [self._proxy.cut], [self._proxy.cut]]
        chance.shuffle(groups)
        return [step for group in groups for step in group]

    def _wait(self) -> None:
        time.sleep(2.5 * SILENCE)

    def _forget(self) -> None:
        self._server.compact()
        self._server.restart()


def _meddle(other: SomebodyElse, steps: list[Callable[[], None]], edits: int) -> None:
    """The edits, with the steps spread evenly among them. While a step takes its time there are further ones: of a
    server that is being restarted an edit is asked again and again, as people do.
    """
    after = {(number + 1) * edits // (len(steps) + 1): step for number, step in enumerate(steps)}
    assert len(after) == len(steps)
    further = itertools.count(edits)
    with ThreadPoolExecutor(1) as pool:
        for number in range(edits):
            other.edit(number)
            time.sleep(other.chance.uniform(0.0, 0.05))
            if number in after:
                step = pool.submit(after[number])
                while not step.done():
                    other.edit(next(further))
                    time.sleep(0.1)
                step.result()


class Reported:
    """`WatchHealth` that counts."""

    def __init__(self) -> None:
        self.troubles: dict[str, int] = {}

    def progress(self, name: str) -> None:
        """Nothing to count."""

    def trouble(self, name: str, reason: str) -> None:
        self.troubles[reason] = self.troubles.get(reason, 0) + 1


class Noticed:
    """The objects that passes were asked for."""

    def __init__(self, other: SomebodyElse) -> None:
        self._other = other
        self.keys: set[ObjectKey] = set()

    def add(self, scope: Scope) -> None:
        """None stands for all that there is."""
        self.keys.update(tuple(self._other.edited) if scope is None else scope)


@asynccontextmanager
async def _watching(watch: FabricWatch) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(run()) for run in watch.tasks().values()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await watch.close()
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


def _apart(watch: FabricWatch, cluster: KubernetesCluster) -> list[str]:
    """How the caches differ from the cluster."""
    told = []
    for name, cache in watch.caches.items():
        fresh = {one.key: one.resource_version for one in cluster.list(cache.kind)}
        held = {one.key: one.resource_version for one in cache.snapshot()}
        wrong = [
            f"{key} {held.get(key)} for {fresh.get(key)}" for key in fresh | held if held.get(key) != fresh.get(key)
        ]
        told.append(f"{name}: {'live' if cache.is_live else 'not live'} {wrong}")
    return told


async def _until(is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so in time."""
    deadline = time.monotonic() + PATIENCE
    while not await asyncio.to_thread(is_so):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


@pytest.mark.parametrize(
    ("edits", "objects"),
    [pytest.param(50, 200, id="short"), pytest.param(500, 1000, id="long", marks=pytest.mark.long)],
)
async def test_caches_survive_everything(
    served: KubernetesServer,
    proxy: Proxy,
    cluster: KubernetesCluster,
    namespace: str,
    edits: int,
    objects: int,
) -> None:
    """Somebody edits while the server is restarted twice, its history compacted, and connections are cut, refused and
    stalled: at the end every cache holds what a fresh list tells, and each edit that was drift was noticed.
    """
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(1 << 32)))
    sys.stdout.write(f"CHAOS_SEED={seed}\n")
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    manifests = {one.key: one for one in (_manifest(WATCHED[n % 3], namespace, n) for n in range(objects))}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cluster.apply, [one.body(FABRIC) for one in manifests.values()]))
    other = SomebodyElse(served, namespace, chance, list(manifests))
    noticed, reported = Noticed(other), Reported()
    access = ClusterAccess(server=proxy.url, token=served.admin_token.encode, ca_file=served.ca_file)
    events = KubernetesEvents(access, namespace, WatchLimits(lambda: SILENCE / 2, lambda: SILENCE / 2, SILENCE))
    watch = FabricWatch(FABRIC, events, noticed.add, reported, [KINDS[name] for name in WATCHED])

    def is_in_line() -> bool:
        return all(cache.read() == cluster.list(cache.kind) for cache in watch.caches.values())

    async with _watching(watch):
        assert await _until(is_in_line)
        watch.trigger.end(Known(FABRIC, manifests))
        await asyncio.to_thread(_meddle, other, Trouble(served, proxy).steps(chance), edits)
        is_restored = await _until(is_in_line)
        assert is_restored, _apart(watch, cluster)

    sys.stdout.write(f"{len(other.edited)} objects edited, {len(noticed.keys)} noticed; {reported.troubles}\n")
    missing = {key for key in other.edited if key in manifests or key in other.standing} - noticed.keys
    assert missing == set()
    assert reported.troubles
