"""A fabric in which records that cannot be renamed stand in each other's place, because a person exchanged them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Ref
from tests.contract.netbox_records import GROUP, WIRED, declared, port, projected

if TYPE_CHECKING:
    from reconciler.model.netbox import ExistingRecord
    from tests.contract.netbox_world import World

CABLES = (
    Ref("dcim/cables", "dc1/Connection/single#leaf-01/E1/3/1--server-02/p1"),
    Ref("dcim/cables", "dc1/Connection/up#leaf-01/E1/49/1--spine-01/E1/1/1"),
)
RANGES = tuple(Ref("ipam/ip-ranges", f"dc1/VPC/vpc-4#{subnet}/dhcp") for subnet in ("one", "two"))
MACS = tuple(Ref("dcim/mac-addresses", f"dc1/Switch/{leaf}#M1/mac") for leaf in ("leaf-01", "leaf-02"))
L2VPN_ENDS = tuple(Ref("vpn/l2vpn-terminations", f"dc1/VPC/vpc-1#{subnet}/l2vpn/vlan") for subnet in ("back", "front"))
CIRCUIT_ENDS = tuple(Ref("circuits/circuit-terminations", f"dc1/Connection/out#{side}") for side in "AZ")
KEPT = (*CABLES, *RANGES, *MACS)
"""Those that step aside, and stay the records that they are."""

REMADE = (*L2VPN_ENDS, *CIRCUIT_ENDS)

_SUBNETS = {
    subnet: {
        "subnet": f"10.{vlan}.0.0/24",
        "vlan": vlan,
        "dhcp": {"enable": True, "range": {"start": f"10.{vlan}.0.10", "end": f"10.{vlan}.0.{last}"}},
    }
    for subnet, vlan, last in (("one", 41, 99), ("two", 42, 50))
}
RINGS = (
    *WIRED,
    declared("Switch", "leaf-02", {"role": "server-leaf", "boot": {"mac": "52:54:00:12:34:09"}, "ip": "172.30.0.9/21"}),
    declared("VPC", "vpc-4", {"subnets": _SUBNETS}),
)


def records(world: World) -> dict[Ref, ExistingRecord]:
    return {record.ref: record for record in world.netbox.observe("dc1", projected(*RINGS)).records}


def exchange(world: World) -> None:
    """A person exchanges two records of each kind, by the way over some free place."""
    found, edit = records(world), world.person.edit
    one, other = (found[ref] for ref in CABLES)
    edit(one.model, one.id, {"a": None, "b": None})
    edit(other.model, other.id, {name: one.fields[name] for name in "ab"})
    edit(one.model, one.id, {name: other.fields[name] for name in "ab"})
    one, other = (found[ref] for ref in RANGES)
    bounds = ("start_address", "end_address")
    edit(one.model, one.id, {"start_address": "192.0.2.1/32", "end_address": "192.0.2.2/32"})
    edit(other.model, other.id, {name: one.fields[name] for name in bounds})
    edit(one.model, one.id, {name: other.fields[name] for name in bounds})
    _exchange_macs(world, found)
    _exchange_ends(world, found)


def _exchange_macs(world: World, found: dict[Ref, ExistingRecord]) -> None:
    edit = world.person.edit
    ports = [found[port(f"Switch/{leaf}", "M1")] for leaf in ("leaf-01", "leaf-02")]
    for one in ports:
        edit(one.model, one.id, {"primary_mac_address": None})
    for one, mac in zip(reversed(ports), MACS, strict=True):
        edit(mac.model, found[mac].id, {"assigned_object": one.ref})
        edit(one.model, one.id, {"primary_mac_address": mac})


def _exchange_ends(world: World, found: dict[Ref, ExistingRecord]) -> None:
    edit, add = world.person.edit, world.person.add
    add("ipam/vlans", {"group": GROUP, "vid": 49, "name": "limbo", "status": "active"})
    limbo = next(one.ref for one in records(world).values() if one.fields.get("name") == "limbo")
    one, other = (found[ref] for ref in L2VPN_ENDS)
    edit(one.model, one.id, {"assigned_object": limbo})
    edit(other.model, other.id, {"assigned_object": one.fields["assigned_object"]})
    edit(one.model, one.id, {"assigned_object": other.fields["assigned_object"]})
    circuit = found[Ref("circuits/circuits", "dc1/Connection/out")]
    spare = add(circuit.model, {**{name: circuit.fields[name] for name in ("provider", "type", "status")}, "cid": "s"})
    one, other = (found[ref] for ref in CIRCUIT_ENDS)
    edit(one.model, one.id, {"circuit": Ref(circuit.model, f"#{spare}"), "term_side": "Z"})
    edit(other.model, other.id, {"term_side": "A"})
    edit(one.model, one.id, {"circuit": circuit.ref})
