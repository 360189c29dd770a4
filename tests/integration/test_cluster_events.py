"""The promises of `ports.ClusterEvents`, kept on a real Kubernetes API server; and what only a server does."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    KindNotServedError,
    VersionExpiredError,
)
from reconciler.model.events import EventType
from reconciler.model.kinds import Kind
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster, async_transport
from reconciler.targets.kubernetes.events import KubernetesEvents, WatchLimits
from tests.contract.cluster_events import ClusterEventsContract, next_change, next_of
from tests.contract.test_cluster import VPC, vpc
from tests.integration.test_cluster_contract import CRDS, ServerOthers
from tests.lab.kubernetes_api import AnswerError
from tests.lab.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reconciler.model.events import Listing, WatchEvent
    from reconciler.model.json import JSONObject
    from reconciler.ports import ClusterEvents
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab


@pytest.fixture(scope="session")
def served(kubernetes_server: KubernetesServer) -> KubernetesServer:
    """The server with the Hedgehog kinds."""
    kubernetes_server.apply_crds(CRDS)
    return kubernetes_server


@pytest.fixture
def access(served: KubernetesServer) -> ClusterAccess:
    return ClusterAccess(kubeconfig=served.kubeconfig)


@pytest.fixture
async def events(access: ClusterAccess, namespace: str) -> AsyncIterator[KubernetesEvents]:
    made = KubernetesEvents(access, namespace)
    yield made
    await made.close()


@pytest.fixture
def cluster(access: ClusterAccess, namespace: str) -> Iterator[KubernetesCluster]:
    made = KubernetesCluster(access, namespace)
    yield made
    made.close()


@pytest.fixture
def others(served: KubernetesServer) -> ServerOthers:
    return ServerOthers(served)


class TestKubernetesEvents(ClusterEventsContract):
    """On the server of the lab, each test in a namespace of its own."""

    @pytest.fixture
    def expired_version(self) -> str:
        """Before the server's memory of VPCs, which begins with the definition of the kind."""
        return "1"


GADGET = Kind("Gadget", "lab.example.com", "v1", "gadgets", 0)
SILENCE = 1.0
PATIENCE = 30.0
"""Seconds for what a server does in its own time."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def proxy(served: KubernetesServer) -> Iterator[Proxy]:
    with Proxy(urlsplit(served.url).port or 0) as proxy:
        yield proxy


@pytest.fixture
async def behind(
    proxy: Proxy, served: KubernetesServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KubernetesEvents]:
    """The events behind the proxy, with little patience."""
    monkeypatch.setattr(async_transport, "BEGIN_SECONDS", 2 * SILENCE)
    access = ClusterAccess(server=proxy.url, token=served.admin_token.encode, ca_file=served.ca_file)
    made = KubernetesEvents(access, namespace, WatchLimits(silence=SILENCE))
    yield made
    await made.close()


@asynccontextmanager
async def _events(access: ClusterAccess, namespace: str, **limits: Any) -> AsyncIterator[KubernetesEvents]:
    made = KubernetesEvents(access, namespace, WatchLimits(**limits))
    yield made
    await made.close()


def _watch(events: ClusterEvents, version: str, kind: Kind = VPC) -> aclosing[Any]:
    stream: Any = events.watch(kind, version)
    return aclosing(stream)


async def _rest(stream: Any) -> list[WatchEvent]:
    """What is told until the end."""
    async with asyncio.timeout(PATIENCE):
        return [event async for event in stream]


async def _listed(events: ClusterEvents, kind: Kind = VPC) -> Listing:
    """A list of a server that is not ready yet: it refuses in one way only."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await events.list(kind)
            except ClusterUnavailableError:
                await asyncio.sleep(0.05)


async def test_the_server_ends_a_stream_by_time(
    access: ClusterAccess, cluster: KubernetesCluster, namespace: str
) -> None:
    """Without an error, when we asked it to; what happens until the next watch is told by that."""
    async with _events(access, namespace, quiet=lambda: 1.0) as events:
        listing = await events.list(VPC)
        begun = asyncio.get_running_loop().time()
        assert await _rest(events.watch(VPC, listing.version)) == []
        assert 0.5 < asyncio.get_running_loop().time() - begun < 5.0
        cluster.apply(vpc(namespace, name="between"))

        async with _watch(events, listing.version) as stream:
            assert await next_change(stream) == ("ADDED", "between")


async def test_a_restart_ends_streams_and_old_versions(
    served: KubernetesServer, events: KubernetesEvents, cluster: KubernetesCluster, namespace: str
) -> None:
    """A watch that was open ends or breaks off; the server's memory begins anew, so that an older version expires and
    the last one goes on.
    """
    old = (await events.list(VPC)).version
    first = cluster.apply(vpc(namespace, name="a"))
    async with _watch(events, first.resource_version) as stream:
        opened = asyncio.ensure_future(_rest(stream))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(served.restart)
        try:
            assert [one.resource for one in await opened if one.resource] == []
        except ClusterUnavailableError as error:
            assert "broke off" in error.message  # noqa: PT017 - it may also end cleanly

    listing = await _listed(events)
    assert [one.key.name for one in listing.resources] == ["a"]
    with pytest.raises(VersionExpiredError, match="too old resource version"):
        await _rest(events.watch(VPC, old))
    async with _watch(events, listing.version) as stream:
        cluster.apply(vpc(namespace, name="b"))
        assert await next_change(stream) == ("ADDED", "b")


async def test_a_refused_connection_is_unavailable(behind: KubernetesEvents, proxy: Proxy) -> None:
    """Until somebody listens again."""
    version = (await behind.list(VPC)).version
    proxy.refuse()
    with pytest.raises(ClusterUnavailableError, match=f"{proxy.url} cannot be reached"):
        await behind.list(VPC)
    with pytest.raises(ClusterUnavailableError, match=f"{proxy.url} cannot be reached"):
        await _rest(behind.watch(VPC, version))
    proxy.heal()

    assert (await behind.list(VPC)).resources == ()


async def test_a_cut_connection_is_unavailable(
    behind: KubernetesEvents, proxy: Proxy, cluster: KubernetesCluster, namespace: str
) -> None:
    """What happened since is told by the next watch."""
    first = cluster.apply(vpc(namespace, name="a"))
    async with _watch(behind, str(int(first.resource_version) - 1)) as stream:
        assert await next_change(stream) == ("ADDED", "a")
        proxy.cut()
        with pytest.raises(ClusterUnavailableError, match="broke off"):
            await next_of(stream)
    cluster.apply(vpc(namespace, name="b"))

    async with _watch(behind, first.resource_version) as stream:
        assert await next_change(stream) == ("ADDED", "b")


async def test_a_stalled_connection_is_noticed(
    behind: KubernetesEvents, proxy: Proxy, cluster: KubernetesCluster, namespace: str
) -> None:
    """The stream is left after the time of silence; the next watch finds nobody, and one after that loses nothing."""
    first = cluster.apply(vpc(namespace, name="a"))
    async with _watch(behind, str(int(first.resource_version) - 1)) as stream:
        assert await next_change(stream) == ("ADDED", "a")
        proxy.stall()
        cluster.apply(vpc(namespace, name="b"))
        begun = asyncio.get_running_loop().time()
        with pytest.raises(ClusterUnavailableError, match="said nothing for too long"):
            await _rest(stream)
        assert SILENCE * 0.9 < asyncio.get_running_loop().time() - begun < SILENCE * 3
    with pytest.raises(ClusterUnavailableError, match="did not answer in time"):
        await _rest(behind.watch(VPC, first.resource_version))
    proxy.heal()

    async with _watch(behind, first.resource_version) as stream:
        assert await next_change(stream) == ("ADDED", "b")


async def test_a_quiet_kind_is_no_stalled_connection(
    access: ClusterAccess, cluster: KubernetesCluster, namespace: str
) -> None:
    """The server ends its watches, one after another, before they are silent for too long."""
    async with _events(access, namespace, quiet=lambda: SILENCE, silence=2 * SILENCE) as events:
        version = (await events.list(VPC)).version
        for _ in range(2):
            assert await _rest(events.watch(VPC, version)) == []
        async with _watch(events, version) as stream:
            cluster.apply(vpc(namespace, name="a"))
            assert await next_change(stream) == ("ADDED", "a")


async def test_an_object_of_more_than_a_mebibyte_comes_whole(
    events: KubernetesEvents, cluster: KubernetesCluster, namespace: str
) -> None:
    """In lists and in watches."""
    listing = await events.list(VPC)
    permit = [["x" * 1000] for _ in range(1250)]
    async with _watch(events, listing.version) as stream:
        applied = cluster.apply(vpc(namespace, permit=permit))
        event = await next_of(stream)

    assert event.resource == applied
    assert event.resource.spec["permit"] == permit
    assert (await events.list(VPC)).resources == (applied,)


async def test_other_namespaces_are_not_told(
    served: KubernetesServer,
    events: KubernetesEvents,
    access: ClusterAccess,
    cluster: KubernetesCluster,
    namespace: str,
) -> None:
    """A fabric's events are those of its namespace."""
    elsewhere = served.create_namespace()
    other = KubernetesCluster(access, elsewhere)
    try:
        listing = await events.list(VPC)
        async with _watch(events, listing.version) as stream:
            other.apply(vpc(elsewhere, name="theirs"))
            cluster.apply(vpc(namespace, name="ours"))

            assert await next_change(stream) == ("ADDED", "ours")
        assert [one.key.name for one in (await events.list(VPC)).resources] == ["ours"]
    finally:
        other.close()
        served.delete_hedgehog_objects(elsewhere)


async def test_a_token_that_changes_is_used(
    served: KubernetesServer, cluster: KubernetesCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open stream goes on; whatever is asked next carries the token of the moment."""
    monkeypatch.setattr(async_transport, "TOKEN_HOLDS", 0.0)
    tokens = [served.admin_token]
    access = ClusterAccess(server=served.url, token=lambda: bytes(tokens[0], "ascii"), ca_file=served.ca_file)
    first = cluster.apply(vpc(namespace, name="a"))
    async with _events(access, namespace) as events:
        async with _watch(events, str(int(first.resource_version) - 1)) as stream:
            await next_change(stream)
            tokens[0] = "stale-canary"
            cluster.apply(vpc(namespace, name="b"))
            assert await next_change(stream) == ("ADDED", "b")
        with pytest.raises(ClusterAccessError) as raised:
            await _rest(events.watch(VPC, first.resource_version))
        tokens[0] = served.admin_token
        async with _watch(events, first.resource_version) as stream:
            assert await next_change(stream) == ("ADDED", "b")

    assert "canary" not in raised.value.message


async def test_missing_rights_are_an_access_error(served: KubernetesServer, namespace: str) -> None:
    """403, for lists and watches."""
    access = ClusterAccess(server=served.url, token=served.limited_token.encode, ca_file=served.ca_file)
    async with _events(access, namespace) as events:
        with pytest.raises(ClusterAccessError, match="forbidden"):
            await events.list(VPC)
        with pytest.raises(ClusterAccessError, match="forbidden"):
            await _rest(events.watch(VPC, "1"))


async def test_a_kind_that_disappears_and_comes_back(
    served: KubernetesServer, events: KubernetesEvents, namespace: str
) -> None:
    """Its watch tells of the deletion of its objects, and ends; then the kind is not served, until it is again."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    objects = f"/apis/{GADGET.api_version}/namespaces/{namespace}/gadgets"
    gadget = {"apiVersion": GADGET.api_version, "kind": "Gadget", "metadata": {"name": "g"}}

    async def served_again() -> Listing:
        await asyncio.to_thread(served.api.request, "POST", definitions, _definition())
        listing: Listing = await _until(lambda: _listed(events, GADGET), KindNotServedError)
        return listing

    listing = await served_again()
    await _until(lambda: asyncio.to_thread(served.api.request, "POST", objects, gadget), AnswerError)
    async with _watch(events, listing.version, GADGET) as stream:
        assert await next_change(stream) == ("ADDED", "g")
        await asyncio.to_thread(served.api.request, "DELETE", f"{definitions}/gadgets.{GADGET.group}")
        told = await _rest(stream)
    assert [one.type for one in told if one.resource] == [EventType.DELETED]
    with pytest.raises(KindNotServedError):
        await _listed(events, GADGET)
    with pytest.raises(KindNotServedError):
        await _rest(events.watch(GADGET, listing.version))

    assert (await served_again()).resources == ()
    await asyncio.to_thread(served.api.request, "DELETE", f"{definitions}/gadgets.{GADGET.group}")


def _definition() -> JSONObject:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{GADGET.group}"},
        "spec": {
            "group": GADGET.group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [version],
        },
    }


async def _until(attempt: Callable[[], Any], not_yet: type[Exception]) -> Any:
    """What it gives once it does not fail any more for not being ready."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await attempt()
            except not_yet:
                await asyncio.sleep(0.05)
