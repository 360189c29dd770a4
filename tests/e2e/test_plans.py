"""Plans over the real systems: seen, approved by hash, refused when they changed, and only observed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.e2e.fabrics import SMALL, documents, file_name, files

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab


def _vpc() -> tuple[str, dict[str, Any]]:
    """A file of the fabric that declares a VPC, and what is in it."""
    document = next(one for one in documents(SMALL) if one.body["kind"] == "VPC")
    body: dict[str, Any] = yaml.safe_load(files()[file_name(document)] or "")
    return file_name(document), body


def _attachments() -> dict[str, str | None]:
    """Every file that attaches a VPC, to be removed."""
    return {file_name(one): None for one in documents(SMALL) if one.body["kind"] == "VPCAttachment"}


def _reason(world: World) -> tuple[str, str]:
    status = world.service.wait_idle()
    return status["sync_status"], status["reason"]


def _plan(world: World) -> JSONObject:
    return world.service.get(f"/fabrics/{world.service.fabric}/plan")


def _approve(world: World, plan_hash: str) -> int:
    answer = world.service.post(f"/fabrics/{world.service.fabric}/approve", {"hash": plan_hash, "by": "ann"})
    return answer.status_code


def test_an_observed_cluster_is_not_written_to(world: World) -> None:
    """What kubectl applied is in sync, what it did not is reported, and the API server sees no write of ours."""
    world.fabric["cluster"]["mode"] = "observe"
    world.fabric.pop("netbox")
    _, body = _vpc()
    name = body["metadata"]["name"]
    theirs = {**body, "metadata": {"name": name, "namespace": world.cluster.namespace}}
    namespaces = [one for one in documents(SMALL) if one.body["kind"] in {"IPv4Namespace", "VLANNamespace"}]
    for document in namespaces:
        applied = {**document.body, "metadata": {"name": document.name, "namespace": world.cluster.namespace}}
        world.cluster.server.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(applied))
    world.cluster.server.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(theirs))
    before = world.cluster.everything()
    mark = world.cluster.mark()
    world.service.start()

    world.service.wait_applied(world.service.push(files()))

    assert _reason(world) == ("out_of_sync", "Drifted")
    assert world.cluster.everything() == before
    assert world.cluster.writes_since(mark) == []
    resources = world.service.get(f"/fabrics/{world.service.fabric}/resources")["resources"]
    states = {(one["kind"], one["name"]): one["state"] for one in resources}
    assert states["VPC", name] == "in_sync"
    assert {state for key, state in states.items() if key not in before} == {"desired_only"}
    assert world.service.passes()[0]["outcome"] == "succeeded"


def test_a_plan_is_approved_by_hash(world: World) -> None:
    """Nothing is written before; over HTTP and by the command line the plan that was shown is carried out, and one that
    changed since is refused.
    """
    world.fabric["cluster"] |= {"approval": "required", "prune": True}
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    mark = world.cluster.mark()
    service.push(files())
    assert _reason(world) == ("out_of_sync", "ApprovalRequired")
    assert world.cluster.writes_since(mark) == []

    first = json.loads(service.run_cli("plan", service.fabric, "--output", "json").stdout)
    assert _approve(world, first["hash"]) == 200
    assert _reason(world)[0] == "in_sync"
    assert world.cluster.everything() == {(one.body["kind"], one.name) for one in documents(SMALL)}

    file, body = _vpc()
    body["spec"]["defaultIsolated"] = True
    service.push({file: yaml.safe_dump(body)})
    assert _reason(world) == ("out_of_sync", "ApprovalRequired")
    second = _plan(world)
    mark = world.cluster.mark()
    service.push(_attachments())
    assert _reason(world) == ("out_of_sync", "ApprovalRequired")
    assert _approve(world, second["hash"]) == 409
    assert world.cluster.writes_since(mark) == []

    third = _plan(world)["hash"]
    answer = service.run_cli("approve", service.fabric, third[:12], "--by", "ann")
    assert answer.returncode == 0, answer.stderr
    assert _reason(world)[0] == "in_sync"
    assert world.cluster.names("VPCAttachment") == set()


def test_max_deletes_is_lifted_by_approval(world: World) -> None:
    """Deletes beyond the limit wait; the guard names the command, and approving the plan lets them go."""
    world.fabric["cluster"] |= {"prune": True, "max_deletes": 0}
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    service.wait_applied(service.push(files()))
    attached = world.cluster.names("VPCAttachment")
    assert attached

    service.push(_attachments())
    assert _reason(world) == ("out_of_sync", "TooManyDeletes")
    assert world.cluster.names("VPCAttachment") == attached
    plan_hash = _plan(world)["hash"]
    assert f"reconciler approve {service.fabric} {plan_hash[:12]}" in service.status()["message"]

    assert _approve(world, plan_hash) == 200
    assert _reason(world)[0] == "in_sync"
    assert world.cluster.names("VPCAttachment") == set()


def test_a_dry_run_moves_nothing(world: World) -> None:
    """A commit that nobody applied yet is planned with its fields, and neither cluster, NetBox nor status move."""
    service = world.service
    service.start()
    service.wait_applied(service.push(files()))
    service.wait_idle()
    file, body = _vpc()
    body["spec"]["defaultIsolated"] = True
    commit = service.push({file: yaml.safe_dump(body)}, deliver=False)
    before, mark = (service.status(), service.passes()), world.cluster.mark()
    records = world.netbox.owned("ipam/vrfs")

    answer = service.post("/reconcile", {"fabric": service.fabric, "dry_run": True})

    assert answer.status_code == 200, answer.text
    (plan,) = answer.json()["plans"]
    assert plan["revision"] == f"main@sha1:{commit}"
    (action,) = plan["actions"]
    assert (action["action"], action["name"]) == ("update", body["metadata"]["name"])
    assert [field["path"] for field in action["fields"]] == [".spec.defaultIsolated"]
    assert (service.status(), service.passes()) == before
    assert world.cluster.writes_since(mark) == []
    assert world.netbox.owned("ipam/vrfs") == records
