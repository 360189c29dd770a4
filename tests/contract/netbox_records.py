"""Objects and records of a small fabric, as the suite of `ports.NetBox` mirrors them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Projection, Record, Ref, SharedRecord
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Value

POLICY = NetBoxPolicy("dc1")
SITE = Ref("dcim/sites", "dc1")
ROLE = Ref("dcim/device-roles", "server")
DEVICE_TYPE = Ref("dcim/device-types", "hedgehog/generic-server")
GROUP = Ref("ipam/vlan-groups", "dc1/VLANNamespace/default")
VRF = Ref("ipam/vrfs", "dc1/VPC/vpc-1")


def declared(kind: str, name: str, spec: JSONObject | None = None) -> Manifest:
    return Manifest(ObjectKey(kind, "default", name), Source(f"{name}.yaml"), spec or {})


def vpc(name: str, **vlans: int) -> Manifest:
    """A VPC with a subnet for each VLAN id."""
    subnets = {subnet: {"subnet": f"10.{vlan}.0.0/24", "vlan": vlan} for subnet, vlan in vlans.items()}
    return declared("VPC", name, {"subnets": subnets})


LEAF = declared(
    "Switch",
    "leaf-01",
    {
        "role": "server-leaf",
        "profile": "dell-s5248f-on",
        "asn": 65101,
        "description": "Zürich, rack 7",
        "boot": {"serial": "ABC123"},
        "redundancy": {"group": "eslag-1"},
    },
)
NAMESPACES = (
    declared("VLANNamespace", "default", {"ranges": [{"from": 100, "to": 199}, {"from": 1, "to": 50}]}),
    declared("IPv4Namespace", "default", {"subnets": ["10.0.0.0/8", "fd00::/48"]}),
)
SERVERS = (declared("Server", "server-01"), declared("Server", "server-02"))
FABRIC = (*NAMESPACES, LEAF, *SERVERS, vpc("vpc-1", back=11, front=12), vpc("vpc-2", front=13))


def projected(*objects: Manifest) -> Projection:
    return project("dc1", POLICY, objects)


def device(name: str, /, **fields: Value) -> Record:
    """A server as a record, beside the projection."""
    base: dict[str, Value] = {"name": name, "site": SITE, "role": ROLE, "device_type": DEVICE_TYPE, "status": "active"}
    return Record(Ref("dcim/devices", f"dc1/Server/{name}"), name, {**base, **fields})


ENDS = Ref("dcim/devices", "dc1/Server/a"), Ref("dcim/devices", "dc1/Server/b")


def interface(owner: str, name: str, **fields: Value) -> Record:
    """An interface of a server, beside the projection."""
    base: dict[str, Value] = {"device": Ref("dcim/devices", f"dc1/Server/{owner}"), "name": name, "type": "other"}
    return Record(Ref("dcim/interfaces", f"dc1/Server/{owner}#{name}"), name, {**base, **fields})


def port(owner: str, name: str) -> Ref:
    return interface(owner, name).ref


def cable(name: str, a: Ref, b: Ref) -> Record:
    fields: dict[str, Value] = {"a": a, "b": b, "status": "connected", "label": name}
    return Record(Ref("dcim/cables", f"dc1/Connection/{name}#x"), name, fields)


def address(key: str, text: str, **fields: Value) -> Record:
    return Record(Ref("ipam/ip-addresses", f"dc1/{key}"), text, {"address": text, "status": "active", **fields})


def record(model: str, key: str, fields: Mapping[str, Value]) -> Record:
    return Record(Ref(model, f"dc1/{key}"), key, fields)


def uplink() -> tuple[SharedRecord, list[Record]]:
    """A circuit to an external with all that it needs; its terminations come last."""
    circuit_type = SharedRecord(Ref("circuits/circuit-types", "lab"), {"name": "Lab", "slug": "lab"})
    provider = record("circuits/providers", "External/e", {"name": "dc1/e", "slug": "dc1-e"})
    network = record("circuits/provider-networks", "External/e#network", {"provider": provider.ref, "name": "e"})
    fields: dict[str, Value] = {"cid": "x", "provider": provider.ref, "type": circuit_type.ref, "status": "active"}
    circuit = record("circuits/circuits", "Connection/x", fields)
    sides = {"A": SITE, "Z": network.ref}
    ends = [
        record(
            "circuits/circuit-terminations",
            f"Connection/x#{side}",
            {"circuit": circuit.ref, "term_side": side, "termination": termination},
        )
        for side, termination in sides.items()
    ]
    return circuit_type, [provider, network, circuit, *ends]


def wired() -> Projection:
    """Two servers with everything that can hang on them, beside the projection: a bundle, cables, addresses, a MAC
    address; a VPC with peers; an external with its circuit. Every owned model has a record, and every late field.
    """
    base = projected(*NAMESPACES, *SERVERS, vpc("vpc-1", back=11, front=12))
    vlans = tuple(sorted(one.ref for one in base.records if one.ref.model == "ipam/vlans"))
    target = record("ipam/route-targets", "VPC/vpc-1#rt", {"name": "dc1:vpc-1"})
    lag = record("dcim/interfaces", "Connection/c#lag/a", {"device": ENDS[0], "name": "bond0", "type": "lag"})
    loopback = address("Server/a#lo/10.9.9.1/32", "10.9.9.1/32", assigned_object=port("a", "lo"))
    mac_fields: dict[str, Value] = {"mac_address": "AA:BB:CC:00:00:01", "assigned_object": port("a", "e1")}
    mac = record("dcim/mac-addresses", "Server/a#e1/mac", mac_fields)
    pool: dict[str, Value] = {"start_address": "10.11.0.10/24", "end_address": "10.11.0.99/24", "vrf": VRF}
    l2vpn_fields: dict[str, Value] = {"name": "dc1/l", "slug": "dc1-l", "type": "vxlan-evpn", "identifier": 7}
    l2vpn = record("vpn/l2vpns", "VPC/vpc-1#back/l2vpn", l2vpn_fields)
    bound: dict[str, Value] = {"l2vpn": l2vpn.ref, "assigned_object": vlans[0]}
    shared, circuit = uplink()
    records = (
        device("a", primary_ip4=loopback.ref),
        device("b"),
        target,
        lag,
        interface("a", "e1", lag=lag.ref, primary_mac_address=mac.ref, speed=25_000_000, mtu=9036),
        interface("a", "e1.7", type="virtual", parent=port("a", "e1")),
        interface("a", "lo", type="virtual"),
        interface("b", "e1", mode="tagged", untagged_vlan=vlans[0], tagged_vlans=vlans[1:]),
        interface("b", "e2"),
        loopback,
        address("VPC/vpc-1#back/gateway", "10.11.0.1/24", vrf=VRF, role="anycast"),
        mac,
        record("ipam/ip-ranges", "VPC/vpc-1#back/dhcp", {**pool, "status": "active"}),
        l2vpn,
        record("vpn/l2vpn-terminations", "VPC/vpc-1#back/l2vpn/vlan", bound),
        *circuit,
        cable("c", port("a", "e1"), port("b", "e1")),
        cable("x", circuit[-2].ref, port("b", "e2")),
    )
    peered = [
        replace(one, fields={**one.fields, "import_targets": (target.ref,), "export_targets": (target.ref,)})
        if one.ref == VRF
        else one
        for one in base.records
    ]
    return replace(base, shared=(*base.shared, shared), records=(*peered, *records))
