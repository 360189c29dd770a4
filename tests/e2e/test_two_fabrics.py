"""Two fabrics in one service, one repository and one NetBox: neither touches what is the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import World
from tests.e2e.fabrics import documents, file_name, files
from tests.e2e.targets import ClusterView, NetBoxView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

MODELS = ("dcim/devices", "ipam/vlan-groups", "ipam/vrfs", "ipam/vlans", "ipam/prefixes")


@pytest.fixture
def other(world: World) -> Iterator[World]:
    """A second fabric of the same names, in a namespace and a site of its own."""
    server = world.cluster.server
    namespace, name = server.create_namespace(), f"{world.service.fabric}b"
    targets = {
        "cluster": {**world.fabric["cluster"], "namespace": namespace},
        "netbox": {**world.fabric["netbox"], "site": name},
    }
    service = world.service.add_fabric(name, targets)
    view = World(service, ClusterView(server, namespace), NetBoxView(world.netbox.server, name))
    yield view
    view.netbox.session.close()
    server.delete_hedgehog_objects(namespace)


def _records(world: World) -> dict[str, dict[str, tuple[int, str]]]:
    """The fabric's own records: id and time of the last change, by model and key."""
    return {
        model: {key: (record["id"], record["last_updated"]) for key, record in world.netbox.owned(model).items()}
        for model in MODELS
    }


def _same_for_both(*services: Installation) -> dict[str, str | None]:
    return {f"{service.path}/{name}": text for service in services for name, text in files().items()}


def test_two_fabrics_of_the_same_names_in_one_netbox(world: World, other: World) -> None:
    """Both are mirrored whole under their own keys; a prune in one leaves every record of the other as it is."""
    for fabric in (world.fabric, other.fabric):
        fabric["cluster"]["prune"] = True
    commit = world.service.repository.push_files(_same_for_both(world.service, other.service))
    world.service.start()

    for view in (world, other):
        status = view.service.wait_applied(commit)
        assert status["sync_status"] == "in_sync", status["message"]
        assert len(view.cluster.everything()) == len(documents())
    first, second = _records(world), _records(other)
    for model in MODELS:
        assert len(first[model]) == len(second[model]) > 0, model
        assert not {id_ for id_, _ in first[model].values()} & {id_ for id_, _ in second[model].values()}, model

    objects = other.cluster.everything()
    gone = [file_name(document) for document in documents() if "server-03" in document.name]
    world.service.wait_applied(world.service.push(dict.fromkeys(gone)))
    assert other.service.reconcile()["outcome"] == "succeeded"

    assert f"{world.service.fabric}/Server/server-03" not in world.netbox.owned("dcim/devices")
    assert _records(other) == second
    assert other.cluster.everything() == objects
