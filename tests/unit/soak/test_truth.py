"""The soak's own comparison of Git, cluster and NetBox sees what differs, and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from reconciler.model.objects import FIELD_MANAGER, MANAGED_BY_ANNOTATION
from tests.e2e.fabrics import bodies
from tests.soak.truth import World, untrue

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject
    from tests.soak.truth import Records

CABLES = {
    "spine-01--fabric--leaf-01": 1,
    "spine-01--fabric--leaf-02": 1,
    "server-01--eslag--leaf-01--leaf-02": 2,
    "server-02--eslag--leaf-01--leaf-02": 2,
    "server-03--unbundled--leaf-01": 1,
}
DEVICES = ["Switch/spine-01", "Switch/leaf-01", "Switch/leaf-02", "Server/server-01", "Server/server-02"]


def record(key: str, **fields: object) -> JSONObject:
    return {"custom_fields": {"hh_key": f"f/{key}"}, **fields}


def records() -> Records:
    devices = [*DEVICES, "Server/server-03"]
    return {
        "dcim/devices": [
            record(one, name=one.partition("/")[2], description=bodies()[one]["spec"].get("description", ""))
            for one in devices
        ],
        "dcim/cables": [record(f"Connection/{name}#{n}") for name, number in CABLES.items() for n in range(number)],
        "ipam/vrfs": [
            record("Fabric/underlay", name="f/fabric/underlay"),
            *(record(f"VPC/{name}", name=f"f/{name}") for name in ("vpc-01", "vpc-02")),
        ],
        "ipam/vlans": [record("VPC/vpc-01#default", vid=1000), record("VPC/vpc-02#default", vid=1002)],
        "ipam/prefixes": [
            record("IPv4Namespace/default#10.0.0.0/15", prefix="10.0.0.0/15"),
            record("VPC/vpc-01#default", prefix="10.0.0.0/24"),
            record("VPC/vpc-02#default", prefix="10.0.2.0/24"),
            record("VPC/vpc-02#default/relay", prefix="10.0.4.200/32"),
        ],
    }


def world() -> World:
    """All agree; the server filled in a default, and somebody has an object of his own."""
    declared = bodies()
    live = copy.deepcopy(declared)
    for one in live.values():
        one["metadata"]["annotations"] = {MANAGED_BY_ANNOTATION: FIELD_MANAGER}
    live["VPC/vpc-01"]["spec"]["mode"] = "l2vni"
    live["VLANNamespace/theirs"] = {"kind": "VLANNamespace", "metadata": {"name": "theirs"}, "spec": {}}
    return World(declared, live, records())


def test_all_agree() -> None:
    assert untrue("f", world()) == []
    assert untrue("f", World(world().declared, world().live)) == []


def _emptied(kind_and_name: str) -> Callable[[World], None]:
    def change(found: World) -> None:
        found.live[kind_and_name]["spec"] = {}

    return change


def _gone(found: World) -> None:
    assert isinstance(found.live, dict)
    del found.live["Server/server-03"]


def _left(found: World) -> None:
    assert isinstance(found.declared, dict)
    del found.declared["VPCAttachment/vpc-01--default--server-03--unbundled--leaf-01"]


def _vlan(found: World) -> None:
    found.live["VPC/vpc-02"]["spec"]["subnets"]["default"]["vlan"] = 2900


def _shorter(found: World) -> None:
    found.live["Connection/server-01--eslag--leaf-01--leaf-02"]["spec"]["eslag"]["links"].pop()


def _of(model: str, index: int, **fields: object) -> Callable[[World], None]:
    def change(found: World) -> None:
        assert found.records
        found.records[model][index].update(fields)

    return change


def _lost(model: str) -> Callable[[World], None]:
    def change(found: World) -> None:
        assert found.records
        found.records[model].pop(1)

    return change


def _doubled(model: str) -> Callable[[World], None]:
    def change(found: World) -> None:
        assert found.records
        found.records[model].append(found.records[model][1])

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_gone, "Git declares Server/server-03, which is not in the cluster"),
        (_left, "is in the cluster, is ours, and Git does not declare it"),
        (_vlan, "VPC/vpc-02: spec.subnets.default.vlan is 2900, declared 1002"),
        (_shorter, "Connection/server-01--eslag--leaf-01--leaf-02: spec.eslag.links is"),
        (_emptied("Switch/leaf-01"), "Switch/leaf-01: spec.role is None, declared 'server-leaf'"),
        (_of("ipam/vlans", 1, vid=2800), "ipam/vlans lacks f/VPC/vpc-02#default 1002"),
        (_of("ipam/prefixes", 1, prefix="10.0.9.0/24"), "ipam/prefixes has f/VPC/vpc-01#default 10.0.9.0/24"),
        (_of("ipam/vrfs", 1, name="edited"), "ipam/vrfs lacks f/VPC/vpc-01 f/vpc-01"),
        (_of("dcim/devices", 0, name="edited"), "dcim/devices has f/Switch/spine-01 edited"),
        (_of("dcim/devices", 0, description="edited 5"), "dcim/devices has f/Switch/spine-01 spine-01: 'edited 5'"),
        (_lost("dcim/cables"), "dcim/cables lacks f/Connection/spine-01--fabric--leaf-02"),
        (_doubled("dcim/devices"), "dcim/devices has f/Switch/leaf-01 leaf-01"),
    ],
)
def test_what_differs_is_named(change: Callable[[World], None], told: str) -> None:
    found = world()

    change(found)

    assert [one for one in untrue("f", found) if told in one], untrue("f", found)
