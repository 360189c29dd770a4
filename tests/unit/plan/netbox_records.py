"""Records of a small fabric, and the plan for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import ExistingRecord, Observation, Projection, Record, Ref, SharedRecord, Skipped, Value
from reconciler.model.netbox_schema import MODELS
from reconciler.plan.netbox import plan_netbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.netbox_plan import NetBoxPlan

POLICY = NetBoxPolicy("dc1")
SITE = Ref("dcim/sites", "dc1")
ROLE = Ref("dcim/device-roles", "spine")
GROUP = Ref("ipam/vlan-groups", "dc1/VLANNamespace/default")
VRF = Ref("ipam/vrfs", "dc1/VPC/v")
SHARED = (SharedRecord(SITE, {"name": "dc1", "slug": "dc1"}), SharedRecord(ROLE, {"name": "Spine", "slug": "spine"}))


def device(name: str = "spine-01", **fields: Value) -> Record:
    values: dict[str, Value] = {"name": name, "site": SITE, "role": ROLE, "serial": ""}
    return Record(Ref("dcim/devices", f"dc1/Switch/{name}"), name, {**values, **fields})


def group(name: str = "default") -> Record:
    fields: dict[str, Value] = {"name": name, "slug": name, "scope": SITE, "vid_ranges": ((1, 99),)}
    return Record(Ref("ipam/vlan-groups", f"dc1/VLANNamespace/{name}"), name, fields)


def vrf(name: str = "v") -> Record:
    return Record(Ref("ipam/vrfs", f"dc1/VPC/{name}"), name, {"name": f"dc1/{name}"})


def vlan(name: str, vid: int, parent: Ref = GROUP) -> Record:
    fields: dict[str, Value] = {"group": parent, "vid": vid, "name": f"v/{name}"}
    return Record(Ref("ipam/vlans", f"dc1/VPC/v#{name}"), f"v/{name}", fields)


def prefix(name: str, cidr: str, parent: Ref = VRF) -> Record:
    return Record(Ref("ipam/prefixes", f"dc1/VPC/v#{name}"), cidr, {"prefix": cidr, "vrf": parent})


def standing(record: Record, record_id: int, **changes: Value) -> ExistingRecord:
    """The record as we wrote it, and as somebody then changed it."""
    fields: dict[str, Value] = {**dict.fromkeys(MODELS[record.ref.model].fields), **record.fields, **changes}
    label = str(fields[MODELS[record.ref.model].label])
    return ExistingRecord(record.ref.model, record_id, label, fields, record.ref.key, is_tagged=True, version="1")


def strangers(record: Record, record_id: int, **changes: Value) -> ExistingRecord:
    """A record of a person at the same place."""
    return replace(standing(record, record_id, **changes), key=None, is_tagged=False)


def untagged(record: Record, record_id: int) -> ExistingRecord:
    return replace(standing(record, record_id), is_tagged=False)


def plan(
    desired: list[Record],
    observed: list[ExistingRecord],
    policy: NetBoxPolicy = POLICY,
    *,
    incomplete: str | None = None,
    skipped: tuple[Skipped, ...] = (),
    lines: Mapping[Ref, str] | None = None,
) -> NetBoxPlan:
    projection = Projection(SHARED, tuple(desired), skipped)
    observation = Observation(tuple(observed), frozenset({SITE, ROLE}))
    return plan_netbox(projection, observation, policy, "dc1", incomplete=incomplete, lines=lines)


def told(found: NetBoxPlan) -> list[str]:
    """The refusals, one line each."""
    return [f"{item.ref.key}: {item.message}" for item in found.refusals]
