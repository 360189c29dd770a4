"""Owned records that people edit or delete in NetBox come back; what the cluster does not hold empties nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox_schema import OWNED
from tests.e2e import mirrored
from tests.e2e.fabrics import bodies, rendered

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World
    from tests.lab.git_server import GitServer
    from tests.lab.kubernetes_server import KubernetesServer

# a NetBox of its own: whole tables are looked at
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("pristine_netbox")]

REBUILT_TIMEOUT = 120.0


@pytest.fixture
def synced(world: World) -> World:
    """A pruning fabric in sync, with all of its records."""
    world.fabric["cluster"] |= {"prune": True, "max_deletes": 1000}
    world.fabric["netbox"]["max_deletes"] = 1000
    world.service.start()
    world.service.wait_applied(world.service.push(rendered(bodies())))
    mirrored.assert_mirrored(world.netbox, bodies().values())
    return world


def _delete_of(world: World, part: str) -> int:
    """As a person, delete every owned record whose key begins like this, dependents first; how many."""
    number = 0
    for model in reversed(OWNED):
        for key, record in world.netbox.owned(model.path).items():
            if key.startswith(f"{world.netbox.site}/{part}"):
                world.netbox.delete(model.path, record)
                number += 1
    return number


def test_a_vrf_is_deleted_with_everything_in_it(synced: World) -> None:
    """The next pass restores it with its prefixes, VLANs and whatever else stands for the VPC, and writes nothing
    else.
    """
    assert _delete_of(synced, "VPC/vpc-01") >= 3

    assert synced.service.reconcile()["outcome"] == "succeeded"

    mirrored.assert_mirrored(synced.netbox, bodies().values())
    mark = synced.netbox.mark()
    assert synced.service.reconcile()["outcome"] == "succeeded"
    assert mirrored.writes_since(synced.netbox, mark) == []


def test_owned_records_are_edited(synced: World) -> None:
    """Fields that we write get their values back, in one pass; a field that we do not write stays a person's."""
    netbox, site = synced.netbox, synced.netbox.site
    edits: dict[tuple[str, str], JSONObject] = {
        ("dcim/devices", f"{site}/Server/server-01"): {"name": "renamed", "description": "by hand"},
        ("ipam/vrfs", f"{site}/VPC/vpc-01"): {"name": "renamed", "enforce_unique": False},
        ("ipam/vlans", f"{site}/VPC/vpc-01#default"): {"vid": 1777},
    }
    before = {place: netbox.owned(place[0])[place[1]] for place in edits}
    for (model, _), record, fields in zip(edits, before.values(), edits.values(), strict=True):
        netbox.update(model, record, {**fields, "comments": "mine"})
    mark = netbox.mark()

    assert synced.service.reconcile()["outcome"] == "succeeded"

    for (model, key), fields in edits.items():
        record = netbox.owned(model)[key]
        assert {name: record[name] for name in fields} == {name: before[model, key][name] for name in fields}
        assert (record["id"], record["comments"]) == (before[model, key]["id"], "mine")
    assert {method for method, _ in mirrored.writes_since(netbox, mark)} == {"PATCH"}
    mirrored.assert_mirrored(netbox, bodies().values())


def test_a_rebuilt_cluster(synced: World, git_server: GitServer, kubernetes_server: KubernetesServer) -> None:
    """A namespace that lost all of its objects while Git declares nothing, or while nothing at all is known of Git,
    empties nothing in NetBox; the objects come back when Git does.
    """
    service = synced.service
    mark = synced.netbox.mark()
    service.push({**dict.fromkeys(rendered(bodies())), "README.md": "moved"})
    service.wait_idle()
    kubernetes_server.delete_hedgehog_objects(synced.cluster.namespace)
    service.reconcile()
    assert synced.cluster.everything() == set()
    assert mirrored.writes_since(synced.netbox, mark) == []

    service.stop()
    # without its copy of the repository: else it would put the last known objects back
    shutil.rmtree(service.folder / "state")
    git_server.stop()
    try:
        service.start()
        service.reconcile()
        assert service.status()["connections"]["git"]["state"] == "failing"
    finally:
        git_server.start()
    assert synced.cluster.everything() == set()
    assert mirrored.writes_since(synced.netbox, mark) == []
    mirrored.assert_mirrored(synced.netbox, bodies().values())

    service.wait_applied(service.push(rendered(bodies())), seconds=REBUILT_TIMEOUT)
    assert synced.cluster.everything() == {tuple(key.split("/")) for key in bodies()}
    assert service.status()["sync_status"] == "in_sync"
    mirrored.assert_mirrored(synced.netbox, bodies().values())
