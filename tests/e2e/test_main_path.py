"""A push reaches the cluster and NetBox, exactly, and the service says truthfully that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.demo.fabric import FABRIC_500, FABRIC_DEMO, render
from reconciler.model.objects import FABRIC_ANNOTATION, FIELD_MANAGER, MANAGED_BY_ANNOTATION
from tests.e2e.fabrics import SMALL, documents, file_name, files, generated_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab

OWN = {"demo": FABRIC_DEMO, "own": FABRIC_500}


def _identities(texts: dict[str, str | None]) -> set[tuple[str, str]]:
    bodies = [yaml.safe_load(text) for text in texts.values() if text]
    return {(body["kind"], body["metadata"]["name"]) for body in bodies}


def _names(texts: dict[str, str | None], *kinds: str) -> set[str]:
    return {name for kind, name in _identities(texts) if kind in kinds}


def _expected_keys(fabric: str, texts: dict[str, str | None]) -> dict[str, set[str]]:
    """The records that these documents become, by model."""
    bodies = [yaml.safe_load(text) for text in texts.values() if text]
    vpcs = {body["metadata"]["name"]: body["spec"]["subnets"] for body in bodies if body["kind"] == "VPC"}
    subnets = {f"{fabric}/VPC/{vpc}#{subnet}" for vpc, found in vpcs.items() for subnet in found}
    tagged = {
        f"{fabric}/VPC/{vpc}#{name}" for vpc, found in vpcs.items() for name, one in found.items() if one.get("vlan")
    }
    spaces = {b["metadata"]["name"]: b["spec"]["subnets"] for b in bodies if b["kind"] == "IPv4Namespace"}
    devices = ("Switch", "Server", "Gateway")
    return {
        "dcim/devices": {f"{fabric}/{kind}/{name}" for kind in devices for name in _names(texts, kind)},
        "ipam/vlan-groups": {f"{fabric}/VLANNamespace/{name}" for name in _names(texts, "VLANNamespace")},
        "ipam/vrfs": {
            *(f"{fabric}/VPC/{name}" for name in vpcs),
            *(f"{fabric}/IPv4Namespace/{name}" for name in spaces),
            f"{fabric}/Fabric/underlay",
        },
        "ipam/vlans": tagged,
        "ipam/prefixes": {
            *subnets,
            *(f"{fabric}/IPv4Namespace/{name}#{prefix}" for name, found in spaces.items() for prefix in found),
            *(f"{fabric}/Connection/{name}#{prefix}" for name, prefix in _static_prefixes(bodies)),
        },
    }


def _static_prefixes(bodies: list[JSONObject]) -> Iterator[tuple[str, str]]:
    """What lies behind static externals within VPCs, by connection."""
    for body in bodies:
        static = body["spec"].get("staticExternal") if body["kind"] == "Connection" else None
        if static and static.get("withinVPC"):
            yield from ((body["metadata"]["name"], prefix) for prefix in static["link"]["switch"]["subnets"])


def _assert_mirrored(world: World, texts: dict[str, str | None]) -> None:
    for model, expected in _expected_keys(world.service.fabric, texts).items():
        assert set(world.netbox.owned(model)) == expected, model


@pytest.fixture(
    params=[
        "demo",
        "100",
        pytest.param("own", marks=pytest.mark.long),
        pytest.param("500", marks=pytest.mark.long),
    ]
)
def large_fabric(request: pytest.FixtureRequest, namespace: str, tmp_path: Path) -> dict[str, str | None]:
    """About 100 and 490 objects: of our generator on our CRDs, and of the shared one (its presets by name) on the real
    CRDs where that is present.
    """
    if request.param in OWN:
        return files(OWN[request.param])
    return generated_files(request.getfixturevalue("shared"), request.param, tmp_path / "generated", namespace)


def test_a_fabric_arrives_whole_and_stays_still(world: World, large_fabric: dict[str, str | None]) -> None:
    """Many objects arrive in the cluster and in NetBox; the next full pass writes nothing, anywhere."""
    service = world.service
    commit = service.repository.push_files({f"{service.path}/{name}": text for name, text in large_fabric.items()})
    service.start()

    status = service.wait_applied(commit, seconds=240)

    assert world.cluster.everything() == _identities(large_fabric)
    _assert_mirrored(world, large_fabric)
    assert status["sync_status"] == "in_sync", status["message"]
    assert status["revision"] == f"main@sha1:{commit}"
    assert status["counts"]["in_sync"] == status["counts"]["desired"] == len(large_fabric)
    assert status["simulated"] == []

    service.wait_idle()
    marks = world.cluster.mark(), world.netbox.mark()
    request = service.reconcile()
    assert (request["state"], request["outcome"]) == ("succeeded", "succeeded")
    assert world.cluster.writes_since(marks[0]) == []
    assert world.netbox.all_writes_since(marks[1]) == []


@pytest.fixture
def synced(world: World) -> World:
    """A small fabric, pushed and applied, by a running service."""
    world.service.start()
    commit = world.service.push(files())
    status = world.service.wait_applied(commit)
    assert status["sync_status"] == "in_sync", status["message"]
    return world


def _document(kind: str, index: int = 0) -> tuple[str, dict[str, Any]]:
    """File and body of a document of the small fabric."""
    found = [document for document in documents(SMALL) if document.body["kind"] == kind][index]
    return file_name(found), yaml.safe_load(render(found))


def test_applied_objects_say_whose_they_are(synced: World) -> None:
    """Every applied object carries both annotations and our field manager's entry."""
    vpc = synced.cluster.read("VPC", _document("VPC")[1]["metadata"]["name"])

    assert vpc["metadata"]["annotations"][MANAGED_BY_ANNOTATION] == FIELD_MANAGER
    assert vpc["metadata"]["annotations"][FABRIC_ANNOTATION] == synced.service.fabric
    assert [entry["manager"] for entry in vpc["metadata"]["managedFields"]] == [FIELD_MANAGER]


def test_one_subnet_changes(synced: World) -> None:
    """Changing one subnet's VLAN is one write in the cluster, and in NetBox only that VLAN's record."""
    file, body = _document("VPC")
    (subnet, content), *_ = body["spec"]["subnets"].items()
    content["vlan"] = int(content["vlan"]) + 500
    marks = synced.cluster.mark(), synced.netbox.mark()

    commit = synced.service.push({file: yaml.safe_dump(body)})
    status = synced.service.wait_applied(commit)

    name = body["metadata"]["name"]
    assert synced.cluster.writes_since(marks[0]) == [("patch", "vpcs", name)]
    assert synced.netbox.writes_since(marks[1]) == [("PATCH", "/api/ipam/vlans/")]
    vlan = synced.netbox.owned("ipam/vlans")[f"{synced.service.fabric}/VPC/{name}#{subnet}"]
    assert vlan["vid"] == content["vlan"]
    assert status["sync_status"] == "in_sync"


def test_a_field_that_git_no_longer_declares_goes(synced: World) -> None:
    """A field removed from a document is removed from the cluster; one that somebody else set stays."""
    file, body = _document("Server")
    name = body["metadata"]["name"]
    body["spec"]["description"] = "from Git"
    synced.service.wait_applied(synced.service.push({file: yaml.safe_dump(body)}))
    synced.cluster.patch("Server", name, '{"metadata":{"labels":{"rack":"r1"}}}')
    assert synced.cluster.read("Server", name)["spec"]["description"] == "from Git"

    del body["spec"]["description"]
    synced.service.wait_applied(synced.service.push({file: yaml.safe_dump(body)}))

    server = synced.cluster.read("Server", name)
    assert "description" not in server.get("spec", {})
    assert server["metadata"]["labels"]["rack"] == "r1"


def test_drift_is_healed_by_the_next_full_pass(synced: World) -> None:
    """A declared field that somebody changed in the cluster is put back, and they are named."""
    body = _document("VPC")[1]
    name = body["metadata"]["name"]
    (subnet, content), *_ = body["spec"]["subnets"].items()
    patch = f'{{"spec":{{"subnets":{{"{subnet}":{{"vlan":{int(content["vlan"]) + 700}}}}}}}}}'
    synced.cluster.patch("VPC", name, patch)

    request = synced.service.reconcile()

    assert request["outcome"] == "succeeded"
    assert synced.cluster.read("VPC", name)["spec"]["subnets"][subnet]["vlan"] == content["vlan"]
    assert synced.service.status()["sync_status"] == "in_sync"


def _without_server() -> tuple[dict[str, str | None], str, set[str]]:
    """The removal of a server with all that refers to it: changed files, its name, the removed objects' names."""
    server = next(document for document in documents(SMALL) if document.body["kind"] == "Server")
    gone = [server]
    connections = {
        document.name
        for document in documents(SMALL)
        if document.body["kind"] == "Connection" and f"{server.name}/" in str(document.body["spec"])
    }
    gone += [
        document
        for document in documents(SMALL)
        if document.name in connections
        or (document.body["kind"] == "VPCAttachment" and document.body["spec"]["connection"] in connections)
    ]
    return {file_name(document): None for document in gone}, server.name, {document.name for document in gone}


def test_without_prune_nothing_is_deleted(synced: World) -> None:
    """With prune off, what left Git stays in the cluster, is counted, and keeps the fabric out of sync."""
    changes, server, gone = _without_server()

    commit = synced.service.push(changes)
    status = synced.service.wait_applied(commit)

    assert server in synced.cluster.names("Server")
    assert status["counts"]["prune_pending"] == len(gone)
    assert (status["sync_status"], status["reason"]) == ("out_of_sync", "PrunePending")
    assert f"{synced.service.fabric}/Server/{server}" in synced.netbox.owned("dcim/devices")


def _devices_of_people(world: World, *names: str) -> dict[int, str]:
    """Devices that a person made in the fabric's site: when each was last updated, by id."""
    netbox = world.netbox
    site = netbox.create("dcim/sites", {"name": netbox.site, "slug": netbox.site})
    maker = netbox.create("dcim/manufacturers", {"name": f"maker {netbox.site}", "slug": f"maker-{netbox.site}"})
    model = netbox.create(
        "dcim/device-types", {"manufacturer": maker["id"], "model": "box", "slug": f"box-{netbox.site}"}
    )
    role = netbox.create("dcim/device-roles", {"name": f"role {netbox.site}", "slug": f"role-{netbox.site}"})
    device = {"device_type": model["id"], "role": role["id"], "site": site["id"]}
    made = [netbox.create("dcim/devices", {"name": name, **device}) for name in names]
    return {record["id"]: record["last_updated"] for record in made}


def _last_updated(world: World, devices: dict[int, str]) -> dict[int, str]:
    found = world.netbox.records("dcim/devices", site=world.netbox.site)
    return {record["id"]: record["last_updated"] for record in found if record["id"] in devices}


def test_prune(world: World) -> None:
    """With prune on, what left Git leaves the cluster and NetBox; unless another file is broken: then nothing does."""
    world.fabric["cluster"]["prune"] = True
    people = _devices_of_people(world, "coffee-machine")
    world.service.start()
    world.service.wait_applied(world.service.push(files()))
    changes, server, gone = _without_server()
    broken, body = _document("VPC")
    marks = world.cluster.mark()

    world.service.push({**changes, broken: "kind: VPC\n  metadata: {\n"})
    status = world.service.wait_idle()

    assert [write for write in world.cluster.writes_since(marks) if write[0] == "delete"] == []
    assert server in world.cluster.names("Server")
    assert f"{world.service.fabric}/Server/{server}" in world.netbox.owned("dcim/devices")
    assert status["sync_status"] == "error"
    assert world.service.condition("PruneBlocked")["status"] == "True"

    status = world.service.wait_applied(world.service.push({broken: yaml.safe_dump(body)}))

    assert server not in world.cluster.names("Server")
    deleted = {name for verb, _, name in world.cluster.writes_since(marks) if verb == "delete"}
    assert deleted == gone
    assert f"{world.service.fabric}/Server/{server}" not in world.netbox.owned("dcim/devices")
    assert status["sync_status"] == "in_sync"
    assert world.service.condition("PruneBlocked")["status"] == "False"
    assert _last_updated(world, people) == people


def test_more_deletes_than_allowed(world: World) -> None:
    """Over max_deletes none of them runs, the rest of the commit is applied, and the fabric is blocked and says why."""
    world.fabric["cluster"] |= {"prune": True, "max_deletes": 1}
    world.fabric.pop("netbox")
    world.service.start()
    world.service.wait_applied(world.service.push(files()))
    changes, server, _ = _without_server()
    changed, body = _document("VPC")
    body["spec"]["defaultIsolated"] = True

    world.service.push({**changes, changed: yaml.safe_dump(body)})
    status = world.service.wait_idle()

    assert server in world.cluster.names("Server")
    assert world.cluster.read("VPC", body["metadata"]["name"])["spec"]["defaultIsolated"] is True
    assert (status["sync_status"], status["reason"]) == ("out_of_sync", "TooManyDeletes")
    assert status["last_pass"]["outcome"] == "blocked"


def test_first_contact_with_somebody_elses_object(world: World) -> None:
    """A field that another manager holds is a conflict that names both; nothing is taken until it is allowed."""
    file, body = _document("VPC")
    name = body["metadata"]["name"]
    theirs = {**body, "metadata": {"name": name, "namespace": world.cluster.namespace}}
    theirs["spec"] = {**body["spec"], "defaultIsolated": True}
    world.cluster.server.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(theirs))
    body["spec"]["defaultIsolated"] = False
    world.fabric.pop("netbox")
    world.service.start()

    world.service.push({**files(), file: yaml.safe_dump(body)})
    status = world.service.wait_idle()

    assert world.cluster.read("VPC", name)["spec"]["defaultIsolated"] is True
    assert status["sync_status"] == "error"
    failed = world.service.passes()[0]["failures"][0]
    assert (failed["subject"], failed["reason"]) == (f"VPC/{name}", "Conflict")
    assert "defaultIsolated" in failed["message"]
    assert "kubectl" in failed["message"]


def test_one_broken_file_among_good_ones(synced: World) -> None:
    """The good files are applied; the status is an error that names file, line and reason."""
    changed, body = _document("VPC")
    body["spec"]["defaultIsolated"] = True
    broken = _document("Server")[0]

    synced.service.push({changed: yaml.safe_dump(body), broken: "apiVersion: v1\nspec: {}\nspec: {}\n"})
    synced.service.wait_idle()
    status = synced.service.status()

    assert synced.cluster.read("VPC", body["metadata"]["name"])["spec"]["defaultIsolated"] is True
    assert status["sync_status"] == "error"
    (problem,) = status["problems"]
    assert problem["file"] == f"{synced.service.path}/{broken}"
    assert (problem["line"], problem["rule"]) == (3, "DuplicateKey")
    assert problem["message"]
    assert status["last_pass"]["outcome"] == "partial"


def test_an_object_that_the_cluster_refuses(synced: World) -> None:
    """An object with a wrong type fails alone: the others are applied, and its error names the field."""
    refused, body = _document("VPC", 0)
    (content, *_) = body["spec"]["subnets"].values()
    content["vlan"] = {"not": "a number"}
    good, other = _document("VPC", 1)
    other["spec"]["defaultIsolated"] = True

    synced.service.push({refused: yaml.safe_dump(body), good: yaml.safe_dump(other)})
    status = synced.service.wait_idle()

    assert synced.cluster.read("VPC", other["metadata"]["name"])["spec"]["defaultIsolated"] is True
    assert status["sync_status"] == "error"
    states = synced.service.get(f"/fabrics/{synced.service.fabric}/resources")["resources"]
    failed = [state for state in states if state["state"] == "failed"]
    assert [state["name"] for state in failed] == [body["metadata"]["name"]]
    assert "vlan" in failed[0]["message"]


def test_what_people_made_in_netbox_stays(world: World) -> None:
    """A device of a person is untouched throughout; one whose name clashes is reported and left alone too."""
    clash = _document("Server")[1]["metadata"]["name"]
    netbox = world.netbox
    before = _devices_of_people(world, clash, "coffee-machine")

    world.service.start()
    world.service.push(files())
    status = world.service.wait_idle()
    world.service.reconcile()

    assert _last_updated(world, before) == before
    assert f"{world.service.fabric}/Server/{clash}" not in netbox.owned("dcim/devices")
    assert status["sync_status"] == "error"
    assert clash in status["message"]
    assert clash in world.cluster.names("Server")
    pass_ = world.service.passes()[0]
    conflicts = [failure["subject"] for failure in pass_["failures"] if failure["reason"] == "NetBoxConflict"]
    assert conflicts == [f"dcim/devices {world.service.fabric}/Server/{clash}"]
    assert {failure["reason"] for failure in pass_["failures"]} == {"NetBoxConflict", "NetBoxWaiting"}


def test_a_push_that_leaves_the_directory_alone(synced: World) -> None:
    """A commit beside the fabric's directory moves the applied revision and touches nothing."""
    marks = synced.cluster.mark(), synced.netbox.mark()

    commit = synced.service.repository.push_files({"README.md": "elsewhere"})
    answer = synced.service.deliver(commit)
    (accepted,) = answer.json()["requests"]
    synced.service.wait_applied(commit)

    request = synced.service.get(f"/requests/{accepted['id']}")
    assert (request["state"], request["outcome"]) == ("succeeded", "no_change")
    assert synced.cluster.writes_since(marks[0]) == []
    assert synced.netbox.writes_since(marks[1]) == []
