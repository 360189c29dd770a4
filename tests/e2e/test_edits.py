"""Edits that need more than order: what cannot become what Git declares in place is deleted and made anew.

The lab's API server has no admission webhooks, which would refuse each single write that clashes with what is there at
that moment. So it is the order of the requests that shows whether they would have let them pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.demo.fabric import FabricShape
from tests.e2e.fabrics import bodies, rendered

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab

FIRST, SECOND, THIRD = (
    "server-01--eslag--leaf-01--leaf-02",
    "server-02--eslag--leaf-01--leaf-02",
    "server-03--unbundled--leaf-01",
)
DELETE, WRITE = "delete", "patch"
MANY = FabricShape(spines=1, leafs=4, servers=96, vpcs=2, attachments_per_server=2, externals=0)
"""Each VPC has 96 attachments."""


def _subnet(body: dict[str, Any]) -> dict[str, Any]:
    subnet: dict[str, Any] = body["spec"]["subnets"]["default"]
    return subnet


def _swap_vlans(found: dict[str, Any]) -> None:
    one, other = (_subnet(found[f"VPC/{name}"]) for name in ("vpc-01", "vpc-02"))
    one["vlan"], other["vlan"] = other["vlan"], one["vlan"]


def _swap_ports(found: dict[str, Any]) -> None:
    one, other = (found[f"Connection/{name}"]["spec"]["eslag"]["links"][0]["switch"] for name in (FIRST, SECOND))
    one["port"], other["port"] = other["port"], one["port"]


def _change_type(found: dict[str, Any]) -> None:
    spec = found[f"Connection/{THIRD}"]["spec"]
    spec["bundled"] = {"links": [spec.pop("unbundled")["link"]]}


def _attached(vpc: str, connection: str) -> str:
    return f"{vpc}--default--{connection}"


VPCS_SWAPPED = [
    (DELETE, "vpcattachments", _attached("vpc-02", SECOND)),
    (DELETE, "vpcs", "vpc-02"),
    (WRITE, "vpcs", "vpc-01"),
    (WRITE, "vpcs", "vpc-02"),
    (WRITE, "vpcattachments", _attached("vpc-02", SECOND)),
]
PORTS_SWAPPED = [
    (DELETE, "vpcattachments", _attached("vpc-01", FIRST)),
    (DELETE, "connections", FIRST),
    (WRITE, "connections", SECOND),
    (WRITE, "connections", FIRST),
    (WRITE, "vpcattachments", _attached("vpc-01", FIRST)),
]
TYPE_CHANGED = [
    (DELETE, "vpcattachments", _attached("vpc-01", THIRD)),
    (DELETE, "connections", THIRD),
    (WRITE, "connections", THIRD),
    (WRITE, "vpcattachments", _attached("vpc-01", THIRD)),
]
EDITS = [(_swap_vlans, VPCS_SWAPPED), (_swap_ports, PORTS_SWAPPED), (_change_type, TYPE_CHANGED)]


def _assert_in_line(world: World, declared: dict[str, Any]) -> None:
    """The cluster holds what is declared, and nothing else."""
    assert world.cluster.specs() == {key: body["spec"] for key, body in declared.items()}


def test_swaps_and_replacements(world: World) -> None:
    """Two VPCs swap their VLANs, two connections a port, and a connection changes its type: each in one pass, that
    deletes what stands in the way, with what is attached to it, and makes it anew.
    """
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    declared = bodies()
    service.wait_applied(service.push(rendered(declared)))

    for edit, expected in EDITS:
        edit(declared)
        mark, before = world.cluster.mark(), len(service.passes())
        status = service.wait_applied(service.push(rendered(declared)))

        assert world.cluster.writes_since(mark) == expected
        _assert_in_line(world, declared)
        assert (status["sync_status"], status["last_pass"]["outcome"]) == ("in_sync", "succeeded")
        assert len(service.passes()) == before + 1


def test_what_replacements_delete_counts(world: World) -> None:
    """With max_deletes 0 a swap is not begun, and the status says why; approved by hash, it is carried out."""
    world.fabric["cluster"]["max_deletes"] = 0
    world.fabric.pop("netbox")
    service = world.service
    service.start()
    declared = bodies()
    service.wait_applied(service.push(rendered(declared)))
    mark = world.cluster.mark()

    _swap_vlans(declared)
    service.push(rendered(declared))
    status, plan = service.wait_idle(), service.get(f"/fabrics/{service.fabric}/plan")

    assert world.cluster.writes_since(mark) == []
    assert (status["sync_status"], status["reason"]) == ("out_of_sync", "TooManyDeletes")
    assert "2 deletes are more than cluster.max_deletes (0)" in status["message"]
    assert service.post(f"/fabrics/{service.fabric}/approve", {"hash": plan["hash"]}).status_code == 200
    assert service.wait_idle()["sync_status"] == "in_sync"
    assert world.cluster.writes_since(mark) == VPCS_SWAPPED
    _assert_in_line(world, declared)


def _has_begun(world: World) -> bool:
    return len(world.cluster.names("VPCAttachment")) < 2 * MANY.servers


def _comes_back(world: World) -> bool:
    wanted, found = _subnet(bodies(MANY)["VPC/vpc-02"]), world.cluster.specs("VPC").get("VPC/vpc-01")
    return found is not None and bool(_subnet({"spec": found})["vlan"] == wanted["vlan"])


@pytest.mark.parametrize("moment", [pytest.param(_has_begun, marks=pytest.mark.long), _comes_back])
def test_kill_in_the_middle_of_a_replacement(world: World, moment: Callable[[World], bool]) -> None:
    """A service that is killed between the delete and the create makes the object anew after its start, even one that
    leaves drift alone: it was deleted by our own hand.
    """
    world.fabric["cluster"] |= {"max_deletes": 1000, "self_heal": False}
    world.fabric.pop("netbox")
    service, declared = world.service, bodies(MANY)
    service.start()
    service.wait_applied(service.push(rendered(declared)))

    _swap_vlans(declared)
    commit = service.push(rendered(declared))
    service.process.run_until(lambda: moment(world), what="the moment")
    service.kill()
    missing = len(declared) - len(world.cluster.everything())
    service.start()
    status = service.wait_applied(commit)

    assert missing, "the pass was over before the kill"
    _assert_in_line(world, declared)
    assert status["sync_status"] == "in_sync"
    mark = world.cluster.mark()
    assert service.reconcile()["outcome"] == "succeeded"
    assert world.cluster.writes_since(mark) == []
