"""Objects and records of a small fabric, as the suite of `ports.NetBox` mirrors them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Record, Ref
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.projection import project

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Projection, Value
    from reconciler.model.netbox_site import SiteValue

POLICY = NetBoxPolicy("dc1")
STANDING: dict[str, SiteValue] = {
    "hh_sync_status": "in_sync",
    "hh_last_sync": None,
    "hh_drift": 0,
    "hh_valid_until": "2026-03-01T14:00:00.000Z",
    "hh_installation": "0123456789abcdef",
}
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
        "boot": {"serial": "ABC123", "mac": "52:54:00:12:34:08"},
        "redundancy": {"group": "eslag-1"},
        "ip": "172.30.0.8/21",
        "protocolIP": "172.30.8.8/32",
        "vtepIP": "172.30.12.8/32",
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


def _plugged(**ends: str) -> JSONObject:
    return {side: {"port": port} for side, port in ends.items()}


SPINE = declared("Switch", "spine-01", {"role": "spine", "protocolIP": "172.30.8.1/32", "ip": "172.30.0.2/21"})
WIRED = (
    *FABRIC,
    SPINE,
    declared("Connection", "up", {"fabric": {"links": [_plugged(spine="spine-01/E1/1", leaf="leaf-01/E1/49")]}}),
    declared(
        "Connection",
        "bundle",
        {
            "bundled": {
                "links": [
                    _plugged(server="server-01/p1", switch="leaf-01/E1/1"),
                    _plugged(server="server-01/p2", switch="leaf-01/E1/2"),
                ]
            }
        },
    ),
    declared("Connection", "single", {"unbundled": {"link": _plugged(server="server-02/p1", switch="leaf-01/E1/3")}}),
    declared("Connection", "out", {"external": {"link": _plugged(switch="leaf-01/E1/48")}}),
    declared("External", "ext", {"inboundCommunity": "65102:10", "static": {"prefixes": ["0.0.0.0/0"]}}),
    declared(
        "ExternalAttachment",
        "ext--leaf-01",
        {
            "connection": "out",
            "external": "ext",
            "switch": {"vlan": 40, "ip": "100.64.0.1/30"},
            "neighbor": {"asn": 64600, "ip": "100.64.0.2"},
        },
    ),
    declared(
        "VPC",
        "vpc-3",
        {
            "permit": [["data", "more"]],
            "subnets": {
                "data": {
                    "subnet": "10.30.0.0/24",
                    "vlan": 30,
                    "dhcp": {
                        "enable": True,
                        "range": {"start": "10.30.0.10", "end": "10.30.0.99"},
                        "static": {"52:54:00:12:34:56": {"ip": "10.30.0.200"}},
                    },
                },
                "more": {"subnet": "10.31.0.0/24", "vlan": 31},
            },
        },
    ),
    declared("VPCAttachment", "a1", {"connection": "bundle", "subnet": "vpc-3/data"}),
    declared("VPCAttachment", "a2", {"connection": "bundle", "subnet": "vpc-3/more", "nativeVLAN": True}),
    declared("VPCAttachment", "a3", {"connection": "single", "subnet": "vpc-1/back"}),
    declared("VPCPeering", "vpc-1--vpc-3", {"permit": [{"vpc-1": {}, "vpc-3": {"subnets": ["data"]}}]}),
)
"""A fabric of which every owned model has a record, and every late field a value."""


def recabled(**ports: str) -> tuple[Manifest, ...]:
    """The wired fabric, with other ports of the leaf for the two servers of these names."""
    plugged = {
        name: declared(
            "Connection",
            f"to-{name}",
            {"unbundled": {"link": _plugged(server=f"{name.replace('_', '-')}/q1", switch=f"leaf-01/{port}")}},
        )
        for name, port in ports.items()
    }
    return (*WIRED, *plugged.values())


def port(owner: str, name: str) -> Ref:
    """An interface of a device."""
    return Ref("dcim/interfaces", f"dc1/{owner}#{name}")
