"""The promises of `ports.Cluster`, kept by a real Kubernetes API server; and what only a server does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    ObjectRejectedError,
)
from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.schema import check_schema
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.contract.test_cluster import VPC, ClusterContract, subnets, vpc
from tests.lab.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.json import JSONObject
    from tests.contract.test_cluster import Others
    from tests.lab.kubernetes_server import KubernetesServer

CRDS = Path(__file__).parent.parent / "crds"

pytestmark = pytest.mark.lab


class ServerOthers:
    """Other managers of the server, over plain HTTP."""

    def __init__(self, server: KubernetesServer) -> None:
        self._api = server.api

    def apply(self, body: JSONObject, manager: str) -> None:
        metadata = body["metadata"]
        path = self._path(body["kind"], metadata["namespace"], metadata["name"], manager)
        self._api.request("PATCH", path, body, content_type="application/apply-patch+yaml")

    def edit(self, key: ObjectKey, patch: JSONObject, manager: str) -> None:
        path = self._path(key.kind, key.namespace, key.name, manager)
        self._api.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def _path(self, kind_name: str, namespace: str, name: str, manager: str) -> str:
        kind = KINDS[kind_name]
        collection = f"/apis/{kind.api_version}/namespaces/{namespace}/{kind.plural}"
        return f"{collection}/{name}?fieldManager={quote(manager)}"


@pytest.fixture(scope="session")
def served(kubernetes_server: KubernetesServer) -> KubernetesServer:
    """The server with the Hedgehog kinds. It tells of their schemas a moment after it serves them."""
    kubernetes_server.apply_crds(CRDS)
    cluster = KubernetesCluster(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), "default")
    _wait_until(lambda: all(cluster.served().schema(kind) for kind in DECLARABLE))
    cluster.close()
    return kubernetes_server


@pytest.fixture
def cluster(served: KubernetesServer, namespace: str) -> Iterator[KubernetesCluster]:
    yield from _closing(KubernetesCluster(ClusterAccess(kubeconfig=served.kubeconfig), namespace))


@pytest.fixture
def others(served: KubernetesServer) -> Others:
    return ServerOthers(served)


def _closing(cluster: KubernetesCluster) -> Iterator[KubernetesCluster]:
    yield cluster
    cluster.close()


def _with_token(server: KubernetesServer, namespace: str, token: str) -> Iterator[KubernetesCluster]:
    access = ClusterAccess(server=server.url, token=token.encode, ca_file=server.ca_file)
    yield from _closing(KubernetesCluster(access, namespace))


@pytest.fixture
def limited(served: KubernetesServer, namespace: str) -> Iterator[KubernetesCluster]:
    """As a user without rights."""
    yield from _with_token(served, namespace, served.limited_token)


@pytest.fixture
def unknown(served: KubernetesServer, namespace: str) -> Iterator[KubernetesCluster]:
    """As nobody that the server knows."""
    yield from _with_token(served, namespace, "no-such-token")


class TestKubernetesCluster(ClusterContract):
    """On the server of the lab, each test in a namespace of its own."""


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({"subnets": {"a": {"vlan": "1001"}}}, ".spec.subnets.a.vlan", id="wrong type"),
        pytest.param({"nonesuch": 1}, ".spec.nonesuch", id="unknown field"),
        pytest.param({"subnets": {"a": {"dhcp": {"options": {"pxeURL": "x"}}}}}, "interfaceMTU", id="required field"),
    ],
)
def test_a_wrong_object_is_rejected(cluster: KubernetesCluster, namespace: str, spec: JSONObject, said: str) -> None:
    """Also where the server answers 500: it is the object, named with its field, and no outage."""
    with pytest.raises(ObjectRejectedError) as raised:
        cluster.apply(vpc(namespace, **spec))

    assert "VPC/vpc-1" in raised.value.message
    assert said in raised.value.message
    assert cluster.list(VPC) == ()


def test_every_kind_has_its_schema(cluster: KubernetesCluster) -> None:
    """That of its CRD: what Git may hold can be checked."""
    served = cluster.served()

    assert [kind.name for kind in DECLARABLE if served.schema(kind) is None] == []


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        pytest.param({"subnets": {"a": {"vlan": "1001"}}}, ("spec", "subnets", "a", "vlan"), id="wrong type"),
        pytest.param({"nonesuch": 1}, ("spec", "nonesuch"), id="unknown field"),
    ],
)
def test_the_schema_refuses_what_the_server_refuses(
    cluster: KubernetesCluster, namespace: str, spec: JSONObject, path: tuple[str, ...]
) -> None:
    """The same document is found wrong without sending it."""
    schema = cluster.served().schema(VPC)
    assert schema is not None
    manifest = Manifest(ObjectKey("VPC", namespace, "vpc-1"), Source("vpc.yaml"), spec)

    (fault,) = check_schema(manifest, schema)

    assert fault.path == path
    with pytest.raises(ObjectRejectedError):
        cluster.apply(manifest.body("dc1"))


def test_the_schema_takes_what_the_server_takes(cluster: KubernetesCluster, namespace: str) -> None:
    """Of an object that was applied nothing is wrong."""
    schema = cluster.served().schema(VPC)
    assert schema is not None
    spec = {"subnets": {"a": {"subnet": "10.0.1.0/24", "vlan": 1001, "dhcp": {"enable": True}}}}
    manifest = Manifest(ObjectKey("VPC", namespace, "vpc-1"), Source("vpc.yaml"), spec)

    assert check_schema(manifest, schema) == ()
    assert cluster.apply(manifest.body("dc1")).key == manifest.key


def test_a_user_without_rights_may_read_schemas(limited: KubernetesCluster) -> None:
    """Whoever the server knows may, unless somebody took that from its default roles."""
    assert limited.served().schema(VPC) is not None


def test_an_unknown_user_may_not_read_schemas(unknown: KubernetesCluster) -> None:
    """401 is an access error here too."""
    with pytest.raises(ClusterAccessError):
        unknown.served()


def test_a_kind_that_is_withdrawn(cluster: KubernetesCluster, served: KubernetesServer) -> None:
    """It is served no longer within seconds, and again once its CRD is back; schemas of others stay the very same."""
    before, group = cluster.served(), KINDS["GatewayGroup"]
    served.kubectl("delete", "crd", f"{group.plural}.{group.group}")
    try:
        _wait_until(lambda: cluster.served().find(group) is None)
    finally:
        served.apply_crds(CRDS)

    _wait_until(lambda: cluster.served().schema(group) is not None)
    assert cluster.served().schema(VPC) is before.schema(VPC)


def _wait_until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_missing_namespace_is_waited_for(served: KubernetesServer) -> None:
    """Somebody may create it: nothing is wrong with the object."""
    for cluster in _closing(KubernetesCluster(ClusterAccess(kubeconfig=served.kubeconfig), "nonesuch")):
        with pytest.raises(DependencyNotReadyError, match='namespaces "nonesuch" not found'):
            cluster.apply(vpc("nonesuch"))


def test_rights_are_asked_for(limited: KubernetesCluster) -> None:
    """What a user may not do is listed right by right."""
    assert limited.denied(DECLARABLE[:2], ["list", "patch"]) == (
        "list vlannamespaces.wiring.githedgehog.com",
        "patch vlannamespaces.wiring.githedgehog.com",
        "list ipv4namespaces.vpc.githedgehog.com",
        "patch ipv4namespaces.vpc.githedgehog.com",
    )


def test_missing_rights_are_an_access_error(limited: KubernetesCluster, namespace: str) -> None:
    """403, for reads and writes."""
    with pytest.raises(ClusterAccessError, match="forbidden"):
        limited.list(VPC)
    with pytest.raises(ClusterAccessError, match="forbidden"):
        limited.apply(vpc(namespace))


def test_an_unknown_token_is_an_access_error(unknown: KubernetesCluster) -> None:
    """401; and the token is in no message."""
    with pytest.raises(ClusterAccessError) as raised:
        unknown.list(VPC)

    assert "no-such-token" not in str(raised.value)


def test_a_renewed_token_is_used(served: KubernetesServer, namespace: str) -> None:
    """The token is asked for before every request: a token file that changes needs no restart."""
    tokens = [b"stale-token", served.admin_token.encode()]
    access = ClusterAccess(server=served.url, token=lambda: tokens[0], ca_file=served.ca_file)
    for cluster in _closing(KubernetesCluster(access, namespace)):
        with pytest.raises(ClusterAccessError):
            cluster.list(VPC)

        tokens.pop(0)

        assert cluster.list(VPC) == ()


def test_a_foreign_certificate_is_an_access_error(served: KubernetesServer, namespace: str, tmp_path: Path) -> None:
    """A server that the CA file does not vouch for gets no token."""
    Authority(tmp_path)
    access = ClusterAccess(server=served.url, token=served.admin_token.encode, ca_file=tmp_path / "ca.crt")
    for cluster in _closing(KubernetesCluster(access, namespace)):
        with pytest.raises(ClusterAccessError, match="not trusted"):
            cluster.version()


def test_a_long_list_comes_in_pages(
    cluster: KubernetesCluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More objects than a page holds are all there, once each."""
    monkeypatch.setattr("reconciler.targets.kubernetes.cluster.PAGE", 4)
    names = {cluster.apply(vpc(namespace, name=f"vpc-{n}")).key.name for n in range(10)}

    listed = [one.key.name for one in cluster.list(VPC)]

    assert len(listed) == 10
    assert set(listed) == names


def test_the_way_around_null_touches_nothing_else(cluster: KubernetesCluster, others: Others, namespace: str) -> None:
    """Letting go of the last member of an object leaves everything else as it was, with its owners."""
    cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1001, "dhcp": {"enable": True}}}))
    others.apply(vpc(namespace, subnets={"a": {"isolated": True}}), "argocd")

    applied = cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1001}}))

    assert applied.spec == {"subnets": {"a": {"vlan": 1001, "isolated": True}}}
    assert {entry["manager"] for entry in applied.managed_fields} == {"hedgehog-reconciler", "argocd"}


def test_a_stopped_server_is_unavailable(served: KubernetesServer, cluster: KubernetesCluster, namespace: str) -> None:
    """Refused connections are an outage, and the same client works again when the server is back."""
    cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
    served.stop()
    try:
        with pytest.raises(ClusterUnavailableError, match="cannot be reached"):
            cluster.list(VPC)
    finally:
        served.start()

    assert [one.key.name for one in cluster.list(VPC)] == ["vpc-1"]
