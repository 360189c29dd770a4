"""Git, cluster and NetBox each away for a while: said, survived, healed; nothing deleted on what could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.demo.fabric import render
from tests.e2e.fabrics import documents, file_name, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import World
    from tests.lab.git_server import GitServer
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.netbox_server import NetBoxServer

pytestmark = pytest.mark.lab

HEAL = 120.0
"""Seconds within which the retries find a system that is back; the longest delay until then is under 60 s."""


@pytest.fixture
def synced(world: World) -> World:
    """A pruning fabric in sync."""
    world.fabric["cluster"]["prune"] = True
    world.service.start()
    world.service.wait_applied(world.service.push(files()))
    return world


def _change(vlan_offset: int) -> tuple[dict[str, str | None], str, int]:
    """A changed VPC: the file, its name, its new VLAN."""
    document = next(document for document in documents() if document.body["kind"] == "VPC")
    body = yaml.safe_load(render(document))
    (content, *_) = body["spec"]["subnets"].values()
    content["vlan"] = int(content["vlan"]) + vlan_offset
    return {file_name(document): yaml.safe_dump(body)}, document.name, content["vlan"]


def _vlan(world: World, vpc: str) -> int:
    (content, *_) = world.cluster.read("VPC", vpc)["spec"]["subnets"].values()
    vlan: int = content["vlan"]
    return vlan


def _assert_failing(world: World, name: str, condition: str, reason: str) -> None:
    status = world.service.status()
    assert status["sync_status"] == "error"
    assert status["connections"][name]["state"] == "failing"
    assert status["connections"][name]["last_error"]
    found = world.service.condition(condition)
    assert (found["status"], found["reason"]) == ("False", reason)
    assert world.service.session.get(f"{world.service.url}/readyz", timeout=10).status_code == 200
    assert world.service.session.get(f"{world.service.url}/healthz", timeout=10).status_code == 503


def _wait_healed(world: World) -> None:
    wait_until(lambda: world.service.status()["sync_status"] == "in_sync", seconds=HEAL, what="in sync again")


@pytest.fixture
def no_git(synced: World, git_server: GitServer) -> Iterator[GitServer]:
    git_server.stop()
    yield git_server
    if not git_server.is_running():
        git_server.start()


def test_git_is_away(synced: World, no_git: GitServer) -> None:
    """The pass says that Git is away; drift is healed all the same at the last fetched commit; it heals by itself."""
    _, vpc, _ = _change(0)
    expected = _vlan(synced, vpc)
    (subnet, *_) = synced.cluster.read("VPC", vpc)["spec"]["subnets"]
    synced.cluster.patch("VPC", vpc, f'{{"spec":{{"subnets":{{"{subnet}":{{"vlan":{expected + 9}}}}}}}}}')
    last_sync = synced.service.status()["last_sync"]

    request = synced.service.reconcile()

    assert (request["state"], request["outcome"], request["reason"]) == ("failed", "failed", "GitUnavailable")
    _assert_failing(synced, "git", "GitReady", "GitUnavailable")
    assert synced.service.status()["connections"]["cluster"]["state"] == "ok"
    assert synced.service.status()["last_sync"] == last_sync
    assert _vlan(synced, vpc) == expected

    no_git.start()
    _wait_healed(synced)
    assert synced.service.status()["last_sync"] > last_sync


@pytest.fixture
def no_cluster(synced: World, kubernetes_server: KubernetesServer) -> Iterator[KubernetesServer]:
    kubernetes_server.stop()
    yield kubernetes_server
    if not kubernetes_server.is_running():
        kubernetes_server.start()


def test_the_cluster_is_away(synced: World, no_cluster: KubernetesServer) -> None:
    """The pass says that the cluster is away and empties nothing in NetBox; what was pushed arrives once it is back."""
    devices = set(synced.netbox.owned("dcim/devices"))
    mark = synced.netbox.mark()
    change, vpc, vlan = _change(11)
    removed = next(file_name(document) for document in documents() if document.body["kind"] == "VPCAttachment")

    commit = synced.service.push({**change, removed: None})
    status = synced.service.wait_idle()

    assert status["last_pass"]["outcome"] == "failed"
    _assert_failing(synced, "cluster", "ClusterReady", "ClusterUnavailable")
    assert status["connections"]["git"]["state"] == status["connections"]["netbox"]["state"] == "ok"
    assert set(synced.netbox.owned("dcim/devices")) == devices
    assert synced.netbox.writes_since(mark) == []

    no_cluster.start()
    synced.service.wait_applied(commit, seconds=HEAL)
    assert _vlan(synced, vpc) == vlan
    _wait_healed(synced)


@pytest.fixture
def no_netbox(synced: World, netbox_server: NetBoxServer) -> Iterator[NetBoxServer]:
    netbox_server.stop()
    yield netbox_server
    if not netbox_server.is_running():
        netbox_server.start()


def test_netbox_is_away(synced: World, no_netbox: NetBoxServer) -> None:
    """The cluster gets what was pushed while NetBox is away; that is no success, and NetBox follows by itself."""
    change, vpc, vlan = _change(12)
    last_sync = synced.service.status()["last_sync"]

    commit = synced.service.push(change)
    status = synced.service.wait_idle()

    assert _vlan(synced, vpc) == vlan
    assert status["last_pass"]["outcome"] == "failed"
    assert status["last_sync"] == last_sync
    _assert_failing(synced, "netbox", "NetBoxReady", "NetBoxUnavailable")

    no_netbox.start()
    synced.service.wait_applied(commit, seconds=HEAL)
    (record,) = [
        r for key, r in synced.netbox.owned("ipam/vlans").items() if f"/VPC/{vpc}#" in key and r["vid"] == vlan
    ]
    assert record["vid"] == vlan
    _wait_healed(synced)
