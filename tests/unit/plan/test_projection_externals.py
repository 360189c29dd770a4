"""What lies outside of the fabric: providers, circuits, subinterfaces and neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from tests.unit.plan.projecting import (
    declared,
    external,
    fields,
    keys,
    leaf,
    messages,
    projected,
    record,
    static_external,
)

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Manifest

LEAF = leaf("leaf-01")
UPLINK = external("c", "leaf-01/E1/48")
UNDERLAY = Ref("ipam/vrfs", "dc1/Fabric/underlay")
PORT = "Switch/leaf-01#E1/48/1"
BASE = (LEAF, UPLINK, declared("External", "e"), declared("External", "f"))


def attachment(name: str, **settings: JSON) -> Manifest:
    return declared("ExternalAttachment", name, {"connection": "c", "external": "e", **settings})


BGP = attachment("a", switch={"vlan": 100, "ip": "100.64.0.1/30"}, neighbor={"asn": 64600, "ip": "100.64.0.2"})


def test_provider() -> None:
    """An External is a provider with a network; what NetBox has no field for is in custom fields."""
    spec = {"inboundCommunity": "65102:10", "outboundCommunity": "50000:10", "static": {"prefixes": ["0.0.0.0/0"]}}
    projection = projected(declared("External", "e", spec), declared("External", "f"))

    assert fields(projection, "circuits/providers", "External/e") == {
        "name": "dc1/e",
        "slug": "dc1-e-5df4657a",
        "custom_fields.hh_inbound_community": "65102:10",
        "custom_fields.hh_outbound_community": "50000:10",
        "custom_fields.hh_prefixes": '["0.0.0.0/0"]',
    }
    assert fields(projection, "circuits/provider-networks", "External/e#network") == {
        "provider": Ref("circuits/providers", "dc1/External/e"),
        "name": "e",
    }
    bare = fields(projection, "circuits/providers", "External/f")
    assert [bare[f"custom_fields.hh_{name}"] for name in ("inbound_community", "outbound_community", "prefixes")] == [
        None,
        None,
        None,
    ]


def test_circuit() -> None:
    """A connection to externals is a circuit of the first of them, from the site to the provider's network, and is
    cabled to the port.
    """
    projection = projected(*BASE, attachment("b", external="f"), BGP)

    assert projection.skipped == ()
    assert fields(projection, "circuits/circuits", "Connection/c") == {
        "cid": "c",
        "provider": Ref("circuits/providers", "dc1/External/e"),
        "type": Ref("circuits/circuit-types", "fabric-external"),
        "status": "active",
    }
    ends = [record(projection, "circuits/circuit-terminations", f"Connection/c#{side}").fields for side in "AZ"]
    circuit = Ref("circuits/circuits", "dc1/Connection/c")
    assert ends == [
        {"circuit": circuit, "term_side": "A", "termination": Ref("dcim/sites", "dc1")},
        {
            "circuit": circuit,
            "term_side": "Z",
            "termination": Ref("circuits/provider-networks", "dc1/External/e#network"),
        },
    ]
    assert fields(projection, "dcim/cables", "Connection/c#leaf-01/E1/48/1--circuit") == {
        "a": Ref("circuits/circuit-terminations", "dc1/Connection/c#A"),
        "b": Ref("dcim/interfaces", f"dc1/{PORT}"),
        "status": "connected",
        "label": "c",
        "custom_fields.hh_connection_type": "external",
    }
    assert fields(projection, "dcim/interfaces", PORT)["mark_connected"] is False


@pytest.mark.parametrize(
    "others",
    [
        pytest.param([], id="nothing attached"),
        pytest.param([attachment("a", external="x")], id="no such external"),
        pytest.param([attachment("a", external=7)], id="malformed"),
    ],
)
def test_an_uplink_without_externals(others: list[Manifest]) -> None:
    """A port that leads to no external that is known says no more than that it is connected."""
    projection = projected(*BASE, *others)

    assert fields(projection, "dcim/interfaces", PORT)["mark_connected"] is True
    assert keys(projection, "dcim/cables") == keys(projection, "circuits/circuits") == []


def test_attachment() -> None:
    """An attachment is a subinterface with the switch's address, and the address of the neighbour on nothing."""
    projection = projected(*BASE, BGP)
    subinterface = fields(projection, "dcim/interfaces", "ExternalAttachment/a")

    assert (subinterface["name"], subinterface["type"]) == ("E1/48.100", "virtual")
    assert subinterface["parent"] == Ref("dcim/interfaces", f"dc1/{PORT}")
    local = fields(projection, "ipam/ip-addresses", "ExternalAttachment/a#100.64.0.1/30")
    assert local["assigned_object"] == Ref("dcim/interfaces", "dc1/ExternalAttachment/a")
    assert fields(projection, "ipam/ip-addresses", "ExternalAttachment/a#100.64.0.2/30") == {
        "address": "100.64.0.2/30",
        "vrf": UNDERLAY,
        "assigned_object": None,
        "role": None,
        "status": "active",
        "description": "Neighbor in External e",
        "custom_fields.hh_asn": 64600,
    }


@pytest.mark.parametrize(
    ("settings", "parent", "addresses"),
    [
        pytest.param(
            {"static": {"vlan": 35, "ip": "192.168.30.5/24", "remoteIP": "192.168.30.1"}, "switch": {}, "neighbor": {}},
            "ExternalAttachment/a",
            ["192.168.30.1/24", "192.168.30.5/24"],
            id="static",
        ),
        pytest.param(
            {"static": {"proxy": True, "remoteIP": "100.1.10.1", "vlan": 10}},
            "ExternalAttachment/a",
            ["100.1.10.1/32"],
            id="proxy",
        ),
        pytest.param(
            {"switch": {"ip": "100.64.0.1/30"}, "neighbor": {"ip": "100.64.9.9"}},
            PORT,
            ["100.64.0.1/30", "100.64.9.9/32"],
            id="no VLAN, neighbour elsewhere",
        ),
        pytest.param({"switch": {"vlan": 10}}, "ExternalAttachment/a", [], id="no addresses"),
    ],
)
def test_forms_of_attachments(settings: JSONObject, parent: str, addresses: list[str]) -> None:
    """An attachment may be static, and may be on the port itself."""
    projection = projected(*BASE, attachment("a", **settings))

    assert projection.skipped == ()
    assert keys(projection, "ipam/ip-addresses") == [f"ExternalAttachment/a#{address}" for address in addresses]
    found = [fields(projection, "ipam/ip-addresses", f"ExternalAttachment/a#{address}") for address in addresses]
    on = {item["assigned_object"] for item in found} - {None}
    assert on <= {Ref("dcim/interfaces", f"dc1/{parent}")}
    assert ("ExternalAttachment/a" in keys(projection, "dcim/interfaces")) is (parent != PORT)


def test_a_neighbor_of_two_attachments() -> None:
    """The address of a neighbour that several attachments lead to is there once."""
    other = attachment("b", switch={"vlan": 101, "ip": "100.64.0.5/30"}, neighbor={"ip": "100.64.0.2"})
    projection = projected(*BASE, BGP, other)

    assert projection.skipped == ()
    assert keys(projection, "ipam/ip-addresses") == [
        "ExternalAttachment/a#100.64.0.1/30",
        "ExternalAttachment/a#100.64.0.2/30",
        "ExternalAttachment/b#100.64.0.5/30",
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(attachment("a", external="x"), "spec.external: there is no External x", id="no external"),
        pytest.param(
            attachment("a", connection="x"), "spec.connection: there is no external Connection x", id="no connection"
        ),
        pytest.param(attachment("a", switch={"vlan": 5000}), "spec.switch.vlan: 5000 is not a VLAN id", id="VLAN"),
        pytest.param(attachment("a", switch={"ip": "x"}), "spec.switch.ip: 'x' is not an address", id="address"),
        pytest.param(attachment("a", neighbor={"ip": "x"}), "spec.neighbor.ip: 'x' is not an address", id="neighbour"),
        pytest.param(
            attachment("a", static={"remoteIP": "x"}), "spec.static.remoteIP: 'x' is not an address", id="static"
        ),
    ],
)
def test_malformed_attachment(found: Manifest, expected: str) -> None:
    """An attachment that makes no sense is named."""
    assert messages(projected(*BASE, found)) == [f"ExternalAttachment/a: {expected}"]


VPC = declared("VPC", "v", {"subnets": {"default": {"subnet": "10.0.0.0/24"}}})


@pytest.mark.parametrize(
    ("within", "vlan", "port", "vrf"),
    [
        pytest.param(None, None, "E1/1/1", UNDERLAY, id="on the port"),
        pytest.param(None, 1005, "E1/1/1.1005", UNDERLAY, id="on a subinterface"),
        pytest.param("v", 1005, "E1/1/1.1005", Ref("ipam/vrfs", "dc1/VPC/v"), id="within a VPC"),
    ],
)
def test_static_external(within: str | None, vlan: int | None, port: str, vrf: Ref) -> None:
    """A static external is a connected port with an address; within a VPC its subnets are known too."""
    settings: JSONObject = {"ip": "172.30.50.5/24", "vlan": vlan, "subnets": ["10.99.0.7/24"]}
    projection = projected(LEAF, VPC, static_external("s", "leaf-01/E1/1", within, **settings))

    assert projection.skipped == ()
    assert fields(projection, "dcim/interfaces", "Switch/leaf-01#E1/1/1")["mark_connected"] is True
    address = fields(projection, "ipam/ip-addresses", f"Switch/leaf-01#{port}/172.30.50.5/24")
    assert (address["vrf"], address["assigned_object"]) == (vrf, Ref("dcim/interfaces", f"dc1/Switch/leaf-01#{port}"))
    if vlan:
        assert fields(projection, "dcim/interfaces", f"Switch/leaf-01#{port}")["name"] == "E1/1.1005"
    prefixes = [key for key in keys(projection, "ipam/prefixes") if key.startswith("Connection/")]
    assert prefixes == (["Connection/s#10.99.0.0/24"] if within else [])
    if within:
        prefix = fields(projection, "ipam/prefixes", "Connection/s#10.99.0.0/24")
        assert prefix == {"prefix": "10.99.0.0/24", "vrf": vrf, "status": "active"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            static_external("s", "leaf-01/E1/1", "x"), "spec.staticExternal.withinVPC: there is no VPC x", id="no VPC"
        ),
        pytest.param(
            static_external("s", "leaf-01/E1/1", ip="x"),
            "spec.staticExternal.link.switch.ip: 'x' is not an address",
            id="address",
        ),
        pytest.param(
            static_external("s", "leaf-01/E1/1", "v", subnets=["0.0.0.0/0"]),
            "spec.staticExternal.link.switch.subnets[0]: NetBox holds no prefix of length 0 (0.0.0.0/0)",
            id="whole internet",
        ),
        pytest.param(
            static_external("s", "leaf-01/E1/1", "v", subnets=["10.0.0.0/24"]),
            "Connection/s: vrf and prefix are those of dc1/VPC/v#default as well",
            id="a subnet of the VPC",
        ),
        pytest.param(
            declared("Connection", "s", {"staticExternal": {}}),
            "spec.staticExternal.link.switch.port: '' names no port of a device",
            id="no link",
        ),
    ],
)
def test_malformed_static_external(found: Manifest, expected: str) -> None:
    """A static external that makes no sense is named; its port is there where it is known."""
    projection = projected(LEAF, VPC, found)

    assert messages(projection) == [f"Connection/s: {expected}"]


def test_two_uplinks_on_one_port() -> None:
    """Of two connections on one port the first has it."""
    projection = projected(*BASE, static_external("d", "leaf-01/E1/48/1"))

    assert messages(projection) == [
        "Connection/d: spec.staticExternal.link: leaf-01/E1/48/1 is used by Connection/c as well"
    ]
