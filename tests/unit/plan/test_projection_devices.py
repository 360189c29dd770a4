"""Devices with the interfaces that are theirs by nature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import Ref
from tests.unit.plan.projecting import PROFILE, connection, declared, fields, keys, leaf, link, messages, projected

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.objects import Manifest


def test_switch() -> None:
    """A switch names all that NetBox shows of it."""
    switch = leaf(
        "leaf-01",
        profile="dell",
        asn=65101,
        ip="172.30.0.8/21",
        boot={"serial": "ABC"},
        groups=["b", "a", "a", ""],
        redundancy={"group": "c"},
    )
    projection = projected(switch, declared("SwitchProfile", "dell", PROFILE))

    assert fields(projection, "dcim/devices", "Switch/leaf-01") == {
        "name": "leaf-01",
        "site": Ref("dcim/sites", "dc1"),
        "device_type": Ref("dcim/device-types", "dell/dell"),
        "role": Ref("dcim/device-roles", "server-leaf"),
        "status": "active",
        "platform": Ref("dcim/platforms", "sonic-bcm-base"),
        "serial": "ABC",
        "description": "",
        "tags": tuple(Ref("extras/tags", f"hh-group-dc1-{group}") for group in "abc"),
        "primary_ip4": Ref("ipam/ip-addresses", "dc1/Switch/leaf-01#M1/172.30.0.8/21"),
        "custom_fields.hh_asn": 65101,
        "custom_fields.hh_redundancy": "c",
    }
    shared = {str(item.ref): item.fields for item in projection.shared}
    assert shared["dcim/platforms sonic-bcm-base"] == {"name": "sonic-bcm-base", "slug": "sonic-bcm-base"}
    assert shared["extras/tags hh-group-dc1-c"]["description"] == "Switches of group c of fabric dc1"


def test_group_tags_are_slugs() -> None:
    """A group whose name is no slug, or too long for one, has a tag of its own all the same."""
    groups = ["rack.7", "rack-7", "g" * 120 + "1", "g" * 120 + "2"]
    tags = fields(projected(leaf("leaf-01", groups=groups)), "dcim/devices", "Switch/leaf-01")["tags"]

    assert isinstance(tags, tuple)
    slugs = [tag.key for tag in tags if isinstance(tag, Ref)]
    assert len(set(slugs)) == 4
    assert all(slug.startswith("hh-group-dc1-") and "." not in slug and len(slug) <= 100 for slug in slugs)


@pytest.mark.parametrize(
    ("device", "primary"),
    [
        pytest.param(leaf("a", ip="172.30.0.8"), "Switch/a#M1/172.30.0.8/32", id="IPv4"),
        pytest.param(leaf("a", ip="2001:db8::1/64"), None, id="IPv6"),
        pytest.param(leaf("a", ip=""), None, id="empty"),
        pytest.param(leaf("a"), None, id="absent"),
        pytest.param(
            declared("Gateway", "a", {"protocolIP": "172.30.8.1/32"}), "Gateway/a#lo/172.30.8.1/32", id="gateway"
        ),
    ],
)
def test_primary_address(device: Manifest, primary: str | None) -> None:
    """The primary address is the one of IPv4 by which the device is reached."""
    found = fields(projected(device), "dcim/devices", f"{device.key}")["primary_ip4"]

    assert found == (Ref("ipam/ip-addresses", f"dc1/{primary}") if primary else None)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"ip": 7}, "spec.ip: is a number, not an address", id="ip"),
        pytest.param({"ip": "10.0.0.0/33"}, "spec.ip: '10.0.0.0/33' is not an address", id="text"),
        pytest.param({"boot": {"mac": 41135085296}}, "spec.boot.mac: 41135085296 is not a MAC address", id="mac"),
        pytest.param({"boot": {"mac": "0c:20"}}, "spec.boot.mac: '0c:20' is not a MAC address", id="short mac"),
        pytest.param({"protocolIP": True}, "spec.protocolIP: is a boolean, not an address", id="protocolIP"),
        pytest.param({"vtepIP": "x"}, "spec.vtepIP: 'x' is not an address", id="vtepIP"),
    ],
)
def test_a_malformed_part_is_skipped_alone(settings: dict[str, JSON], expected: str) -> None:
    """An address that cannot be read does not take its switch along."""
    projection = projected(leaf("leaf-01", **settings))

    assert messages(projection) == [f"Switch/leaf-01: {expected}"]
    assert fields(projection, "dcim/devices", "Switch/leaf-01")["primary_ip4"] is None
    assert keys(projection, "ipam/ip-addresses") == keys(projection, "dcim/mac-addresses") == []


def test_management_port() -> None:
    """The management port has the address and the MAC address of the switch, however that is written."""
    projection = projected(leaf("leaf-01", ip="172.30.0.8/21", boot={"mac": "0c20.12FF.0100"}))
    port = fields(projection, "dcim/interfaces", "Switch/leaf-01#M1")

    assert (port["type"], port["mgmt_only"]) == ("1000base-t", True)
    assert port["primary_mac_address"] == Ref("dcim/mac-addresses", "dc1/Switch/leaf-01#M1/mac")
    assert fields(projection, "dcim/mac-addresses", "Switch/leaf-01#M1/mac") == {
        "mac_address": "0C:20:12:FF:01:00",
        "assigned_object": Ref("dcim/interfaces", "dc1/Switch/leaf-01#M1"),
    }


def test_a_vtep_of_two_switches() -> None:
    """The switches of an MCLAG pair are one VTEP, and have one address."""
    pair = {"group": "m", "type": "mclag"}
    projection = projected(*(leaf(name, vtepIP="172.30.12.0/32", redundancy=pair) for name in ("a", "b")))

    found = [fields(projection, "ipam/ip-addresses", f"Switch/{name}#Loopback1/172.30.12.0/32") for name in ("a", "b")]
    assert [address["role"] for address in found] == ["vip", "vip"]
    assert projection.skipped == ()


def test_an_address_of_two_switches() -> None:
    """Of two switches with one address the first has it, whatever the prefix lengths."""
    projection = projected(leaf("a", ip="172.30.0.8/21"), leaf("b", ip="172.30.0.8/24"))

    assert messages(projection) == [
        "Switch/b: Switch/b: vrf and address are those of dc1/Switch/a#M1/172.30.0.8/21 as well"
    ]
    assert keys(projection, "ipam/ip-addresses") == ["Switch/a#M1/172.30.0.8/21"]
    assert "primary_ip4" not in fields(projection, "dcim/devices", "Switch/b")


def test_gateway() -> None:
    """A gateway has its interfaces, a loopback, and a VTEP where there is one."""
    spec = {
        "asn": 65534,
        "protocolIP": "172.30.8.1/32",
        "vtepMAC": "ca:fe:ba:be:00:01",
        "vtepMTU": 9100,
        "groups": [{"name": "default"}],
        "interfaces": {"enp2s1": {"ips": ["172.30.128.9/31"], "mtu": 9216}, "enp2s2": None},
    }
    projection = projected(declared("Gateway", "gw", spec))
    device = fields(projection, "dcim/devices", "Gateway/gw")

    assert device["tags"] == (Ref("extras/tags", "hh-group-dc1-gw-default"),)
    assert device["custom_fields.hh_asn"] == 65534
    ports = {key: fields(projection, "dcim/interfaces", key) for key in keys(projection, "dcim/interfaces")}
    assert {key.partition("#")[2]: (port["type"], port["mtu"]) for key, port in ports.items()} == {
        "enp2s1": ("other", 9216),
        "enp2s2": ("other", None),
        "lo": ("virtual", None),
        "vtep": ("virtual", 9100),
    }
    assert keys(projection, "ipam/ip-addresses") == ["Gateway/gw#enp2s1/172.30.128.9/31", "Gateway/gw#lo/172.30.8.1/32"]
    assert keys(projection, "dcim/mac-addresses") == ["Gateway/gw#vtep/mac"]


def test_a_gateway_without_vtep() -> None:
    """A gateway without a VTEP has a loopback only."""
    assert keys(projected(declared("Gateway", "gw")), "dcim/interfaces") == ["Gateway/gw#lo"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"groups": [7]}, "spec.groups[0]: is a number, not an object", id="group"),
        pytest.param({"interfaces": {"x": 7}}, "spec.interfaces.x: is a number, not an object", id="interface"),
        pytest.param(
            {"interfaces": {"x": {"ips": ["y"]}}}, "spec.interfaces.x.ips[0]: 'y' is not an address", id="address"
        ),
        pytest.param(
            {"vtepIP": "1.1.1.1", "vtepMTU": "x"}, "spec.vtepMTU: is a text, not an integer", id="MTU of the VTEP"
        ),
    ],
)
def test_malformed_gateway(spec: dict[str, JSON], expected: str) -> None:
    """What makes no sense about a gateway is named."""
    assert messages(projected(declared("Gateway", "gw", spec))) == [f"Gateway/gw: {expected}"]


def test_an_address_that_two_objects_name() -> None:
    """Gateway and connection both tell the address of a port; it is one."""
    gateway = declared("Gateway", "gw", {"interfaces": {"enp2s1": {"ips": ["172.30.128.9/31"]}}})
    ends = link(switch="leaf-01/E1/1") | {"gateway": {"port": "gw/enp2s1", "ip": "172.30.128.9/31"}}
    projection = projected(gateway, leaf("leaf-01"), connection("c", "gateway", ends))

    assert keys(projection, "ipam/ip-addresses") == ["Gateway/gw#enp2s1/172.30.128.9/31"]
    assert projection.skipped == ()
