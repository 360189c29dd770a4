"""Rules that one document breaks by itself: one row each, and beside it the nearest thing that is fine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.problems import Severity
from tests.unit.plan.rules.judging import judge, link, network, short, subnet, unbundled
from tests.unit.plan.world import manifest

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

A = subnet("10.0.1.0/24", 1001)


def _vpc(**more: object) -> JSONObject:
    """A VPC of one subnet, with these settings in it."""
    return network(a={**A, **more})


def _dhcp(start: JSON, end: JSON, *, enable: bool = True) -> JSONObject:
    return _vpc(dhcp={"enable": enable, "range": {"start": start, "end": end}})


def _fabric(leaf: str, spine: str) -> JSONObject:
    sides = {"leaf": {"port": "l/E1/1", "ip": leaf}, "spine": {"port": "s/E1/1", "ip": spine}}
    return {"fabric": {"links": [sides]}}


def _eslag(switches: int) -> JSONObject:
    return {"eslag": {"links": [link(server=f"s/e{n}", switch=f"l{n}/E1/1") for n in range(switches)]}}


def _peering(*names: str) -> JSONObject:
    return {"peering": {name: {"expose": []} for name in names}}


ROWS = [
    pytest.param("VPC", _vpc(subnet="10.0.1.0"), "spec.subnets.a.subnet MalformedPrefix", _vpc(), id="no prefix"),
    pytest.param("VPC", {}, "spec.subnets NoSubnets", _vpc(), id="no subnets"),
    pytest.param("VPC", {"subnets": {}}, "spec.subnets NoSubnets", _vpc(), id="empty subnets"),
    pytest.param(
        "VPC",
        network(**{f"s{n}": subnet(f"10.0.{n}.0/24", 1000 + n) for n in range(21)}),
        "spec.subnets TooManySubnets",
        network(**{f"s{n}": subnet(f"10.0.{n}.0/24", 1000 + n) for n in range(20)}),
        id="21 subnets",
    ),
    pytest.param(
        "VPC", {**_vpc(), "mode": "l3flat"}, "spec.mode UnsupportedMode", {**_vpc(), "mode": "l3vni"}, id="mode"
    ),
    pytest.param(
        "VPC", _vpc(subnet="10.0.1.0/31"), "spec.subnets.a.subnet SubnetTooSmall", _vpc(subnet="10.0.1.0/30"), id="/31"
    ),
    pytest.param(
        "VPC", _vpc(vlan=None), "spec.subnets.a.vlan MissingVLAN", _vpc(vlan=None, hostBGP=True), id="no VLAN"
    ),
    pytest.param("VPC", _vpc(vlan=0), "spec.subnets.a.vlan MissingVLAN", _vpc(vlan=0, hostBGP=True), id="VLAN 0"),
    pytest.param(
        "VPC",
        _vpc(gateway="10.0.2.1"),
        "spec.subnets.a.gateway GatewayOutsideSubnet",
        _vpc(gateway="10.0.1.1"),
        id="gateway outside",
    ),
    pytest.param(
        "VPC",
        _vpc(gateway="10.0.2.1"),
        "spec.subnets.a.gateway GatewayOutsideSubnet",
        _vpc(gateway="10.0.2.1", hostBGP=True),
        id="gateway of hostBGP, which has none",
    ),
    pytest.param(
        "VPC", _vpc(gateway="10.0.1"), "spec.subnets.a.gateway MalformedAddress", _vpc(gateway=""), id="odd gateway"
    ),
    pytest.param(
        "VPC",
        _dhcp("10.0.2.10", "10.0.1.99"),
        "spec.subnets.a.dhcp.range.start DHCPRangeOutsideSubnet",
        _dhcp("10.0.1.10", "10.0.1.99"),
        id="range begins outside",
    ),
    pytest.param(
        "VPC",
        _dhcp("10.0.1.10", "10.0.2.99"),
        "spec.subnets.a.dhcp.range.end DHCPRangeOutsideSubnet",
        _dhcp("10.0.1.10", "10.0.2.99", enable=False),
        id="range ends outside",
    ),
    pytest.param(
        "VPC",
        _dhcp("10.0.1.99", "10.0.1.10"),
        "spec.subnets.a.dhcp.range DHCPRangeBackwards",
        _dhcp("10.0.1.99", None),
        id="range backwards",
    ),
    pytest.param(
        "VPC",
        _vpc(dhcp={"relay": "10.99.0.100"}),
        "spec.subnets.a.dhcp.relay RelayNotAPrefix",
        _vpc(dhcp={"relay": "10.99.0.100/32"}),
        id="relay",
    ),
    pytest.param(
        "VPC",
        _vpc(dhcp={"relay": "10.99.0.100"}),
        "spec.subnets.a.dhcp.relay RelayNotAPrefix",
        _vpc(dhcp={"relay": "fd00::1/128"}),
        id="relay by IPv6",
    ),
    pytest.param(
        "VPC",
        network(a=A, b=subnet("10.0.2.0/24", 1001)),
        "spec.subnets.b.vlan VLANUsedTwice",
        network(a=A, b=subnet("10.0.2.0/24", 1002)),
        id="VLAN twice in a VPC",
    ),
    pytest.param(
        "VPC",
        network(a=A, b=subnet("10.0.0.0/16", 1002)),
        "spec.subnets.a.subnet SubnetsOverlap",
        network(a=A, b=subnet("10.1.0.0/16", 1002)),
        id="subnet inside another one of the VPC",
    ),
    pytest.param(
        "VPC",
        network(a=A, b=subnet("10.0.1.128/25", 1002), c=subnet("10.0.1.0/26", 1003)),
        "spec.subnets.a.subnet SubnetsOverlap, spec.subnets.b.subnet SubnetsOverlap",
        network(a=A, b=subnet("10.0.2.128/25", 1002), c=subnet("10.0.3.0/26", 1003)),
        id="two subnets inside one",
    ),
    pytest.param(
        "VPC",
        {**_vpc(), "permit": [["a", "b"]]},
        "spec.permit.0.1 MissingSubnet",
        {**network(a=A, b=subnet("10.0.2.0/24", 1002)), "permit": [["a", "b"]]},
        id="permit of a subnet that is not there",
    ),
    pytest.param(
        "IPv4Namespace",
        {"subnets": ["10.0.0.0/16", "10.0.1.0/24"]},
        "spec.subnets.1 SubnetsOverlap",
        {"subnets": ["10.0.0.0/16", "10.1.1.0/24"]},
        id="namespace overlaps itself",
    ),
    pytest.param(
        "IPv4Namespace",
        {"subnets": [f"10.{n}.0.0/16" for n in range(11)]},
        "spec.subnets TooManySubnets",
        {"subnets": [f"10.{n}.0.0/16" for n in range(10)]},
        id="namespace of 11 subnets",
    ),
    pytest.param(
        "IPv4Namespace",
        {"subnets": ["10.0.0.0"]},
        "spec.subnets.0 MalformedPrefix",
        {"subnets": ["10.0.0.0/32"]},
        id="namespace of no prefix",
    ),
    pytest.param(
        "VLANNamespace",
        {"ranges": [{"from": 20, "to": 10}]},
        "spec.ranges.0 RangeBackwards",
        {"ranges": [{"from": 20}]},
        id="range of VLANs backwards",
    ),
    pytest.param("Connection", {}, "spec ConnectionType", unbundled("s/e1", "l/E1/1"), id="no type"),
    pytest.param("Connection", {"unbundled": None}, "spec ConnectionType", {"unbundled": {}}, id="null type"),
    pytest.param("Connection", {}, "spec ConnectionType", {"newer": {}}, id="a type that is not known yet"),
    pytest.param(
        "Connection",
        {**unbundled("s/e1", "l/E1/1"), "external": {"link": link(switch="l/E1/2")}},
        "spec ConnectionType",
        {**unbundled("s/e1", "l/E1/1"), "external": None},
        id="two types",
    ),
    pytest.param(
        "Connection",
        unbundled("s", "l/E1/1"),
        "spec.unbundled.link.server.port MalformedPort",
        unbundled("s/e", "l/E1/1"),
        id="no port",
    ),
    pytest.param(
        "Connection",
        unbundled("s/e", "/E1/1"),
        "spec.unbundled.link.switch.port MalformedPort",
        unbundled("s/e", "l/1"),
        id="no device",
    ),
    pytest.param(
        "Connection",
        {"vpcLoopback": {"links": [link(switch1="l/E1/4", switch2="l/E1/4/1")]}},
        "spec.vpcLoopback.links.0.switch2.port PortUsedTwice",
        {"vpcLoopback": {"links": [link(switch1="l/E1/4", switch2="l/E1/4/2")]}},
        id="port and alias in one connection",
    ),
    pytest.param(
        "Connection",
        {"bundled": {"links": [link(server="s/e", switch="l/E1/1"), link(server="s/e", switch="l/E1/2")]}},
        "spec.bundled.links.1.server.port PortUsedTwice",
        {"bundled": {"links": [link(server="s/e", switch="l/E1/1"), link(server="s/f", switch="l/E1/2")]}},
        id="port of a server twice",
    ),
    pytest.param(
        "Connection",
        _fabric("172.30.128.0/31", "172.30.128.0/31"),
        "spec.fabric.links.0.spine.ip LinkIPUsedTwice",
        _fabric("172.30.128.0/31", "172.30.128.1/31"),
        id="one address at both ends",
    ),
    pytest.param(
        "Connection",
        _fabric("172.30.128.0/31", "172.30.128.1/30"),
        "spec.fabric.links.0.spine.ip LinkPrefix",
        _fabric("172.30.128.1/31", "172.30.128.0/31"),
        id="link that is no /31",
    ),
    pytest.param(
        "Connection",
        _fabric("172.30.128.0/31", "172.30.128.2/31"),
        "spec.fabric.links.0.spine.ip LinkEndsApart",
        _fabric("172.30.128.2/31", ""),
        id="ends in two networks",
    ),
    pytest.param("Connection", _eslag(5), "spec.eslag.links TooManySwitches", _eslag(4), id="five switches"),
    pytest.param(
        "Switch",
        {"role": "spine", "vtepIP": "172.30.12.0/32"},
        "spec.vtepIP VTEPOnSpine",
        {"role": "server-leaf", "vtepIP": "172.30.12.0/32"},
        id="VTEP of a spine",
    ),
    pytest.param(
        "Gateway",
        {"interfaces": {"e": {}}},
        "spec.interfaces.e InterfaceName",
        {"interfaces": {"e1": {}, "enp2s1np10": {}}},
        id="short interface",
    ),
    pytest.param(
        "Gateway",
        {"interfaces": {"enp2s1np100": {}}},
        "spec.interfaces.enp2s1np100 InterfaceName",
        {"interfaces": {"enp2s1np10": {}}},
        id="long interface",
    ),
    pytest.param(
        "VPCPeering",
        {"permit": [{"a": {}, "b": {}}], "remote": "border"},
        "spec.remote RemotePeering",
        {"permit": [{"a": {}, "b": {}}], "remote": ""},
        id="remote peering",
    ),
    pytest.param(
        "VPCPeering",
        {"permit": [{"a": {}}]},
        "spec.permit.0 NotAPair",
        {"permit": [{"a": {}, "b": None}]},
        id="one VPC",
    ),
    pytest.param(
        "VPCPeering",
        {"permit": [{"a": {}, "b": {}}, {"a": {}, "c": {}}]},
        "spec.permit NotAPair",
        {"permit": [{"a": {}, "b": {}}, {"b": {}, "a": {}}]},
        id="three VPCs",
    ),
    pytest.param("GatewayPeering", _peering("a"), "spec.peering NotAPair", _peering("a", "ext.b"), id="one side"),
    pytest.param(
        "VPCAttachment",
        {"subnet": "a", "connection": "c" * 64},
        "spec.connection NameTooLong",
        {"subnet": "a", "connection": "c" * 63},
        id="attached to a long name",
    ),
    pytest.param(
        "ExternalAttachment",
        {"connection": "c" * 64},
        "spec.connection NameTooLong",
        {"connection": "c" * 63},
        id="external at a long name",
    ),
]


@pytest.mark.parametrize(("kind", "broken", "expected", "fine"), ROWS)
def test_a_document_that_breaks_a_rule_is_refused(
    kind: str, broken: JSONObject, expected: str, fine: JSONObject
) -> None:
    """By exactly this rule, at this field; and the nearest thing that is right is not."""
    found = short(judge(manifest(kind, "one", broken)))

    assert found == [f"{kind}/one {part}" for part in expected.split(", ")]
    assert judge(manifest(kind, "one", fine)) == ()


@pytest.mark.parametrize(
    ("kind", "spec", "name", "rule"),
    [
        pytest.param("VPC", _vpc(), "a-name-of-12", "NameTooLong", id="VPC"),
        pytest.param("External", {}, "a-name-of-12", "NameTooLong", id="External"),
        pytest.param("IPv4Namespace", {}, "a-name-of-12", "NameTooLong", id="IPv4Namespace"),
        pytest.param("VPC", _vpc(), "ext.a", "ReservedName", id="reserved"),
    ],
)
def test_a_name_that_the_fabric_cannot_use_is_refused(kind: str, spec: JSONObject, name: str, rule: str) -> None:
    """It would be part of a name of an interface, or of another object's."""
    (fault,) = judge(manifest(kind, name, spec))

    assert (fault.path, fault.rule, fault.severity) == (("metadata", "name"), rule, Severity.ERROR)
    assert judge(manifest(kind, "name-of-11c", spec)) == ()


@pytest.mark.parametrize(
    ("kind", "name", "broken", "fine", "rule"),
    [
        pytest.param(
            "VLANNamespace",
            "v",
            {"ranges": [{"from": 2000, "to": 3000}]},
            {"ranges": [{"from": 2000, "to": 2999}, {"from": 4000}]},
            "ReservedVLANs",
            id="reserved VLANs",
        ),
        pytest.param(
            "Connection",
            "c",
            {"bundled": {"mtu": 9037}},
            {"bundled": {"mtu": 9036}},
            "LargeMTU",
            id="MTU",
        ),
        pytest.param("Connection", "c" * 64, {"bundled": {}}, None, "NameTooLong", id="long connection"),
    ],
)
def test_what_a_fabric_may_be_configured_for_is_a_warning(
    kind: str, name: str, broken: JSONObject, fine: JSONObject | None, rule: str
) -> None:
    """It is refused by the server of most fabrics, or of use to nobody: its author should look."""
    (fault,) = judge(manifest(kind, name, broken))

    assert (fault.rule, fault.severity) == (rule, Severity.WARNING)
    assert judge(manifest(kind, name[:63], fine or broken)) == ()


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        pytest.param("VPC", {"subnets": []}, id="subnets"),
        pytest.param("VPC", {"subnets": {"a": 7, "b": None}}, id="subnet"),
        pytest.param("VPC", _vpc(vlan="1001"), id="VLAN"),
        pytest.param("VPC", _vpc(vlan=None, hostBGP="yes"), id="hostBGP"),
        pytest.param("VPC", _vpc(subnet=7, gateway="10.0.2.1"), id="prefix"),
        pytest.param("VPC", {**_vpc(), "ipv4Namespace": 7, "vlanNamespace": []}, id="namespaces"),
        pytest.param("VPC", {**_vpc(), "permit": ["a", [7]]}, id="permit"),
        pytest.param("IPv4Namespace", {"subnets": "10.0.0.0/8"}, id="address space"),
        pytest.param("IPv4Namespace", {"subnets": [7]}, id="prefix of an address space"),
        pytest.param("VLANNamespace", {"ranges": [7, {"from": True}]}, id="ranges"),
        pytest.param("Connection", {"unbundled": "x", "bundled": {}}, id="types"),
        pytest.param("Connection", {"unbundled": {"link": {"server": {"port": 7}}}}, id="port"),
        pytest.param("Switch", {"role": [], "asn": "65101", "ip": 7}, id="switch"),
        pytest.param("VPCAttachment", {"subnet": 7, "connection": []}, id="attachment"),
        pytest.param("VPCAttachment", {"subnet": "", "connection": "c"}, id="attachment of nothing"),
        pytest.param("ExternalAttachment", {"connection": 7}, id="external attachment"),
        pytest.param("ExternalAttachment", {"connection": "c", "switch": "x"}, id="side of an external attachment"),
        pytest.param("VPCPeering", {"permit": [7]}, id="peering"),
        pytest.param("VPCPeering", {"permit": [{"a": {"subnets": [7]}, "b": 7}]}, id="subnets of a peering"),
        pytest.param("ExternalPeering", {"permit": {"vpc": {"name": 7}}}, id="external peering"),
        pytest.param("GatewayPeering", {"peering": [7]}, id="gateway peering"),
    ],
)
def test_a_value_of_another_type_breaks_no_rule(kind: str, spec: JSONObject) -> None:
    """Schemas are checked elsewhere; what they refuse is not refused twice."""
    assert judge(manifest(kind, "one", spec)) == ()


@pytest.mark.parametrize("name", ["x" * 1000, "a\nb", "\x1b[31m"])
def test_a_message_shows_no_text_of_a_document_for_ever(name: str) -> None:
    """Nor its control characters."""
    twice = link(switch1=f"{name}/E1/4", switch2=f"{name}/E1/4")
    faults = [
        *judge(manifest("Connection", "c", unbundled(name, "l/E1/1"))),
        *judge(manifest("Connection", "c", {"vpcLoopback": {"links": [twice]}})),
        *judge(manifest("External", "e", {"ipv4Namespace": name}), unknown=()),
    ]

    assert len(faults) == 3
    assert all(len(fault.message) < 250 and fault.message.isprintable() for fault in faults)
