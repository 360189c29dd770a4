"""The subnets of VPCs, with all that is in them, and the peerings between VPCs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from tests.unit.plan.projecting import NAMESPACE, declared, fields, keys, messages, projected

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Projection
    from reconciler.model.objects import Manifest

VRF = Ref("ipam/vrfs", "dc1/VPC/v")


def vpc(name: str, **settings: JSON) -> Manifest:
    return declared("VPC", name, settings)


def with_subnet(**settings: JSON) -> Projection:
    """A VPC with one subnet that has these settings."""
    return projected(NAMESPACE, vpc("v", subnets={"s": {"subnet": "10.0.0.0/24", "vlan": 1000, **settings}}))


def test_vrf() -> None:
    """The VRF of a VPC has what NetBox has no field for in custom fields."""
    catalog = declared("Catalog", "vpcs", {"vpcVNIs": {"v": 100, "w": "x"}})
    projection = projected(catalog, vpc("v", mode="l3flat", permit=[["a", "b"]]), vpc("w"))

    assert fields(projection, "ipam/vrfs", "VPC/v") == {
        "name": "dc1/v",
        "enforce_unique": True,
        "import_targets": (),
        "export_targets": (),
        "custom_fields.hh_mode": "l3flat",
        "custom_fields.hh_vni": 100,
        "custom_fields.hh_permit": '[["a","b"]]',
        "custom_fields.hh_peerings": None,
    }
    bare = fields(projection, "ipam/vrfs", "VPC/w")
    assert [bare[f"custom_fields.hh_{name}"] for name in ("mode", "vni", "permit")] == [None, None, None]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        pytest.param({"gateway": "10.0.0.254"}, "10.0.0.254/24", id="named"),
        pytest.param({}, "10.0.0.1/24", id="the first"),
        pytest.param({"gateway": ""}, "10.0.0.1/24", id="empty"),
        pytest.param({"subnet": "10.0.0.9/31"}, "10.0.0.9/31", id="two addresses"),
        pytest.param({"subnet": "10.0.0.9/32"}, "10.0.0.9/32", id="one address"),
    ],
)
def test_gateway(settings: dict[str, JSON], address: str) -> None:
    """The gateway's address has the prefix length of its subnet, and is on many switches."""
    assert fields(with_subnet(**settings), "ipam/ip-addresses", "VPC/v#s/gateway") == {
        "address": address,
        "vrf": VRF,
        "assigned_object": None,
        "role": "anycast",
        "status": "active",
        "description": "",
        "custom_fields.hh_asn": None,
    }


def test_dhcp_range() -> None:
    """The addresses that DHCP gives out are a range."""
    dhcp = {"enable": True, "range": {"start": "10.0.0.10", "end": "10.0.0.255"}}

    assert fields(with_subnet(dhcp=dhcp), "ipam/ip-ranges", "VPC/v#s/dhcp") == {
        "start_address": "10.0.0.10/24",
        "end_address": "10.0.0.255/24",
        "vrf": VRF,
        "status": "active",
        "description": "DHCP",
    }


@pytest.mark.parametrize(
    "dhcp",
    [
        pytest.param(None, id="no DHCP"),
        pytest.param({"enable": False, "range": {"start": "10.0.0.10", "end": "10.0.0.99"}}, id="off"),
        pytest.param({"enable": True}, id="no range yet"),
        pytest.param({"enable": True, "range": {"start": "10.0.0.10"}}, id="no end yet"),
        pytest.param({"enable": True, "range": {"end": "10.0.0.10"}}, id="no start yet"),
        pytest.param({"relay": "10.9.0.1/32"}, id="relay"),
    ],
)
def test_no_dhcp_range(dhcp: JSON) -> None:
    """Without DHCP, and while its range is not known, there is none."""
    projection = with_subnet(dhcp=dhcp)

    assert projection.skipped == ()
    assert keys(projection, "ipam/ip-ranges") == []


def test_static_lease() -> None:
    """A static lease is an address of DHCP; its key has the MAC address in one spelling."""
    projection = with_subnet(dhcp={"static": {"52-54-00-AA-00-01": {"ip": "10.0.0.250"}}})

    lease = fields(projection, "ipam/ip-addresses", "VPC/v#s/static/52:54:00:aa:00:01")
    assert (lease["address"], lease["status"], lease["vrf"]) == ("10.0.0.250/24", "dhcp", VRF)
    assert lease["description"] == "52:54:00:AA:00:01"


def test_l2vpn() -> None:
    """A subnet is an L2VPN that ends in its VLAN; its number is that of the Catalog."""
    catalog = declared("Catalog", "vpcs", {"vpcSubnetVNIs": {"v": {"s": 101}}})
    projection = projected(NAMESPACE, catalog, vpc("v", subnets={"s": {"subnet": "10.0.0.0/24", "vlan": 1000}}))

    assert fields(projection, "vpn/l2vpns", "VPC/v#s/l2vpn") == {
        "name": "dc1/v/s",
        "slug": "dc1-v-s-ec8e344f",
        "type": "vxlan-evpn",
        "identifier": 101,
    }
    assert fields(projection, "vpn/l2vpn-terminations", "VPC/v#s/l2vpn/vlan") == {
        "l2vpn": Ref("vpn/l2vpns", "dc1/VPC/v#s/l2vpn"),
        "assigned_object": Ref("ipam/vlans", "dc1/VPC/v#s"),
    }


def test_l2vpn_without_vlan() -> None:
    """A subnet whose hosts speak BGP has no VLAN that its L2VPN could end in, and until the number is known none."""
    projection = with_subnet(vlan=0, hostBGP=True)

    assert fields(projection, "vpn/l2vpns", "VPC/v#s/l2vpn")["identifier"] is None
    assert keys(projection, "vpn/l2vpn-terminations") == []
    assert fields(projection, "ipam/prefixes", "VPC/v#s")["vlan"] is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"gateway": 7}, "gateway: is a number, not an address", id="gateway"),
        pytest.param({"dhcp": 7}, "dhcp: is a number, not an object", id="dhcp"),
        pytest.param({"dhcp": {"enable": "yes"}}, "dhcp.enable: is a text, not a boolean", id="enable"),
        pytest.param(
            {"dhcp": {"enable": True, "range": {"start": "x", "end": "10.0.0.9"}}},
            "dhcp.range.start: 'x' is not an address",
            id="start",
        ),
        pytest.param(
            {"dhcp": {"enable": True, "range": {"start": "10.0.0.9", "end": "10.0.0.8"}}},
            "dhcp.range: is not a range of addresses (10.0.0.9 to 10.0.0.8)",
            id="backwards",
        ),
        pytest.param(
            {"dhcp": {"enable": True, "range": {"start": "10.0.0.9", "end": "10.0.1.8"}}},
            "dhcp.range: is not a range of addresses (10.0.0.9 to 10.0.1.8)",
            id="out of the subnet",
        ),
        pytest.param({"dhcp": {"static": {"x": {}}}}, "dhcp.static.x: 'x' is not a MAC address", id="mac"),
        pytest.param(
            {"dhcp": {"static": {"52:54:00:aa:00:01": {}}}},
            "dhcp.static.52:54:00:aa:00:01.ip: is absent, not an address",
            id="lease",
        ),
    ],
)
def test_a_malformed_part_of_a_subnet(settings: dict[str, JSON], expected: str) -> None:
    """A part of a subnet that makes no sense does not take the subnet along."""
    projection = with_subnet(**settings)

    assert messages(projection) == [f"VPC/v: spec.subnets.s.{expected}"]
    assert keys(projection, "ipam/prefixes") == ["VPC/v#s"]
    assert keys(projection, "vpn/l2vpns") == ["VPC/v#s/l2vpn"]


def test_a_lease_that_is_the_gateway() -> None:
    """Of two parts of a VPC with one address the first has it."""
    projection = with_subnet(dhcp={"static": {"52:54:00:aa:00:01": {"ip": "10.0.0.1"}}})

    assert messages(projection) == ["VPC/v: VPC/v: vrf and address are those of dc1/VPC/v#s/gateway as well"]


VPCS = tuple(vpc(name) for name in ("a", "b", "c", "d"))


def peering(name: str, *permits: JSONObject) -> Manifest:
    return declared("VPCPeering", name, {"permit": [*permits]})


def targets(projection: Projection, name: str) -> tuple[list[str], list[str]]:
    """The VPCs whose routes the VRF of a VPC imports and exports."""
    vrf = fields(projection, "ipam/vrfs", f"VPC/{name}")
    found = [vrf["import_targets"], vrf["export_targets"]]
    named = [[ref.key for ref in refs if isinstance(ref, Ref)] for refs in found if isinstance(refs, tuple)]
    imports, exports = ([key.removeprefix("dc1/VPC/").removesuffix("#rt") for key in each] for each in named)
    return imports, exports


def test_route_targets() -> None:
    """VPCs that peer import each other's routes, and their own; others have no route target."""
    projection = projected(*VPCS, peering("p", {"a": {}, "b": {}}), peering("q", {"c": {}, "a": {}}))

    assert keys(projection, "ipam/route-targets") == ["VPC/a#rt", "VPC/b#rt", "VPC/c#rt"]
    assert fields(projection, "ipam/route-targets", "VPC/a#rt") == {"name": "dc1:a", "description": ""}
    assert targets(projection, "a") == (["a", "b", "c"], ["a"])
    assert targets(projection, "b") == (["a", "b"], ["b"])
    assert targets(projection, "d") == ([], [])


def test_long_route_target() -> None:
    """The name of a route target fits, and tells VPCs apart."""
    names = ["n" * 30 + "1", "n" * 30 + "2"]
    projection = projected(*(vpc(name) for name in names), peering("p", {name: {} for name in names}))

    found = [str(fields(projection, "ipam/route-targets", f"VPC/{name}#rt")["name"]) for name in names]
    assert [len(name) for name in found] == [21, 21]
    assert len(set(found)) == 2


def test_peerings_of_a_vpc() -> None:
    """A VRF tells all peerings of its VPC, each with the part that matters to it, by name."""
    permit: JSONObject = {"a": {"subnets": ["x"]}, "b": {}}
    outside: JSONObject = {"vpc": {"name": "a", "subnets": ["x"]}, "external": {"name": "e", "prefixes": []}}
    exposed: JSONObject = {"a": {"expose": []}, "ext.e": {}}
    projection = projected(
        *VPCS,
        peering("q", permit, {"b": {}, "c": {}}),
        peering("p", permit),
        declared("ExternalPeering", "o", {"permit": outside}),
        declared("GatewayPeering", "g", {"gatewayGroup": "default", "peering": exposed}),
    )
    text = fields(projection, "ipam/vrfs", "VPC/a")["custom_fields.hh_peerings"]

    assert isinstance(text, str)
    assert json.loads(text) == {
        "vpc": [{"name": "p", "permit": [permit]}, {"name": "q", "permit": [permit]}],
        "external": [{"name": "o", "permit": outside}],
        "gateway": [{"name": "g", "peering": exposed}],
    }
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert targets(projection, "a")[0] == ["a", "b"]
    assert fields(projection, "ipam/vrfs", "VPC/d")["custom_fields.hh_peerings"] is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(peering("p", {"a": {}, "x": {}}), "spec: there is no VPC x", id="no VPC"),
        pytest.param(
            declared("VPCPeering", "p", {"permit": [7]}), "spec.permit[0]: is a number, not an object", id="permit"
        ),
        pytest.param(declared("ExternalPeering", "p", {"permit": {}}), "spec: there is no VPC ", id="no name"),
        pytest.param(
            declared("ExternalPeering", "p", {"permit": {"vpc": {"name": 7}}}),
            "spec.permit.vpc.name: is a number, not a text",
            id="name",
        ),
        pytest.param(
            declared("GatewayPeering", "p", {"peering": {"x": {}, "ext.e": {}}}),
            "spec: there is no VPC x",
            id="gateway",
        ),
        pytest.param(
            declared("GatewayPeering", "p", {"peering": 7}), "spec.peering: is a number, not an object", id="peering"
        ),
    ],
)
def test_malformed_peering(found: Manifest, expected: str) -> None:
    """A peering that makes no sense, or names a VPC that is not there, is named, and leads to no exchange of routes."""
    projection = projected(*VPCS, found)

    assert messages(projection) == [f"{found.key}: {expected}"]
    assert keys(projection, "ipam/route-targets") == []


def test_a_peering_with_a_vpc_that_is_not_there() -> None:
    """The VPCs of a peering that are there tell of it, although another is not."""
    projection = projected(*VPCS, peering("p", {"a": {}, "b": {}, "x": {}}))

    assert targets(projection, "a") == (["a", "b"], ["a"])
    assert fields(projection, "ipam/vrfs", "VPC/a")["custom_fields.hh_peerings"] is not None
