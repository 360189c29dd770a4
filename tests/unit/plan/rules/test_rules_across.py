"""Rules between documents: who stands, who is refused, and what the message names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.problems import Severity
from tests.unit.plan.rules.judging import at, judge, link, live, network, short, subnet, unbundled
from tests.unit.plan.world import key, manifest, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest

A = subnet("10.0.1.0/24", 1001)
HOST_BGP = {"subnet": "10.0.2.0/24", "hostBGP": True}


def _conn(name: str, spec: JSONObject) -> Manifest:
    return manifest("Connection", name, spec)


def _cable(name: str, switch: str) -> Manifest:
    return _conn(name, unbundled(f"s/{name}", switch))


def _fabric(name: str, leaf: str, spine: str) -> Manifest:
    sides = {"leaf": {"port": f"l/{name}", "ip": leaf}, "spine": {"port": f"s/{name}", "ip": spine}}
    return _conn(name, {"fabric": {"links": [sides]}})


def _switch(name: str, **spec: object) -> Manifest:
    return manifest("Switch", name, {"role": "server-leaf", **spec})


def _attach(name: str, subnet: str, connection: str = "c", **spec: object) -> Manifest:
    return manifest("VPCAttachment", name, {"subnet": subnet, "connection": connection, **spec})


def _external_attach(name: str, connection: str = "c", **spec: object) -> Manifest:
    return manifest("ExternalAttachment", name, {"connection": connection, "external": "e", **spec})


PAIRS = [
    pytest.param(
        [_cable("a", "l/E1/4"), _cable("b", "l/E1/4/1")],
        "Connection/b spec.unbundled.link.switch.port PortUsedTwice",
        "port l/E1/4/1 is taken by Connection/a (Connection/a.yaml), as port l/E1/4",
        [_cable("a", "l/E1/4"), _cable("b", "l/E1/4/2")],
        id="port by its alias",
    ),
    pytest.param(
        [_cable("a", "l/E1/1"), _conn("b", {"mclag": {"links": [link(switch="l/E1/1")]}})],
        "Connection/b spec.mclag.links.0.switch.port PortUsedTwice",
        "port l/E1/1 is taken by Connection/a (Connection/a.yaml)",
        [_cable("a", "l/E1/1"), _cable("b", "m/E1/1")],
        id="port in two types",
    ),
    pytest.param(
        [_fabric("a", "172.30.128.0/31", "172.30.128.1/31"), _fabric("b", "172.30.128.1/31", "")],
        "Connection/b spec.fabric.links.0.leaf.ip LinkIPUsedTwice",
        "address 172.30.128.1/31 is taken by Connection/a (Connection/a.yaml)",
        [_fabric("a", "172.30.128.0/31", "172.30.128.1/31"), _fabric("b", "172.30.128.3/31", "172.30.128.2/31")],
        id="address of a link",
    ),
    pytest.param(
        [vpc("a", subnets={"x": A}), vpc("b", subnets={"y": subnet("10.0.2.0/24", 1001)})],
        "VPC/b spec.subnets.y.vlan VLANUsedTwice",
        "VLAN 1001 of VLANNamespace default is taken by VPC/a (VPC/a.yaml)",
        [vpc("a", subnets={"x": A}), vpc("b", vlanNamespace="v", subnets={"y": subnet("10.0.2.0/24", 1001)})],
        id="VLAN",
    ),
    pytest.param(
        [vpc("a", subnets={"x": A}), vpc("b", subnets={"y": subnet("10.0.0.0/16", 1002)})],
        "VPC/b spec.subnets.y.subnet SubnetsOverlap",
        "10.0.0.0/16 overlaps 10.0.1.0/24 of VPC/a (VPC/a.yaml)",
        [vpc("a", subnets={"x": A}), vpc("b", ipv4Namespace="n", subnets={"y": subnet("10.0.0.0/16", 1002)})],
        id="subnet around another one",
    ),
    pytest.param(
        [vpc("a", subnets={"x": A}), vpc("b", subnets={"y": subnet("10.0.1.7/30", 1002)})],
        "VPC/b spec.subnets.y.subnet SubnetsOverlap",
        "10.0.1.7/30 overlaps 10.0.1.0/24 of VPC/a (VPC/a.yaml)",
        [vpc("a", subnets={"x": A}), vpc("b", subnets={"y": subnet("10.0.2.7/30", 1002)})],
        id="subnet inside another one, written with host bits",
    ),
    pytest.param(
        [_switch("a", asn=65101), _switch("b", asn=65101)],
        "Switch/b spec.asn ASNUsedTwice",
        "ASN 65101 is taken by Switch/a (Switch/a.yaml)",
        [_switch("a", asn=65101, role="spine"), _switch("b", asn=65101, role="spine")],
        id="ASN of a leaf",
    ),
    pytest.param(
        [_switch("a", asn=65101, vtepIP="172.30.12.0/32"), _switch("b", vtepIP="172.30.12.0/32")],
        "Switch/b spec.vtepIP IPUsedTwice",
        "vtepIP 172.30.12.0/32 is taken by Switch/a (Switch/a.yaml)",
        [
            _switch(name, asn=65101, vtepIP="172.30.12.0/32", redundancy={"type": "mclag", "group": "g"})
            for name in ("a", "b")
        ],
        id="VTEP address, which an mclag pair shares",
    ),
    pytest.param(
        [_switch("b", protocolIP="172.30.8.2/32"), manifest("Gateway", "a", {"protocolIP": "172.30.8.2/32"})],
        "Switch/b spec.protocolIP IPUsedTwice",
        "protocolIP 172.30.8.2/32 is taken by Gateway/a (Gateway/a.yaml)",
        [_switch("b", ip="172.30.8.2/21"), manifest("Gateway", "a", {"protocolIP": "172.30.8.2/32"})],
        id="address of a switch and a gateway",
    ),
    pytest.param(
        [_attach("a", "v"), _attach("b", "v/default")],
        "VPCAttachment/b spec.subnet SubnetAttachedTwice",
        "connection c for subnet v/default is taken by VPCAttachment/a (VPCAttachment/a.yaml)",
        [_attach("a", "v"), _attach("b", "v/other"), _attach("d", "v", "d")],
        id="subnet at a connection",
    ),
    pytest.param(
        [_attach("a", "v", nativeVLAN=True), _attach("b", "w", nativeVLAN=True)],
        "VPCAttachment/b spec.nativeVLAN NativeVLANUsedTwice",
        "the native VLAN of connection c is taken by VPCAttachment/a (VPCAttachment/a.yaml)",
        [_attach("a", "v", nativeVLAN=True), _attach("b", "w", nativeVLAN=False)],
        id="native VLAN",
    ),
    pytest.param(
        [_external_attach("a", switch={"vlan": 100}), _external_attach("b", static={"vlan": 100})],
        "ExternalAttachment/b spec.static.vlan ExternalVLANUsedTwice",
        "VLAN 100 on connection c is taken by ExternalAttachment/a (ExternalAttachment/a.yaml)",
        [_external_attach("a", switch={"vlan": 100}), _external_attach("b", "d", switch={"vlan": 100})],
        id="VLAN of an external",
    ),
    pytest.param(
        [_external_attach("a"), _external_attach("b", switch={})],
        "ExternalAttachment/b spec.switch.vlan ExternalVLANUsedTwice",
        "connection c without a VLAN is taken by ExternalAttachment/a (ExternalAttachment/a.yaml)",
        [_external_attach("a"), _external_attach("b", switch={"vlan": 1})],
        id="two externals without a VLAN",
    ),
]


@pytest.mark.parametrize(("broken", "expected", "message", "fine"), PAIRS)
def test_what_only_one_may_have_stays_with_the_first(
    broken: list[Manifest], expected: str, message: str, fine: list[Manifest]
) -> None:
    """The second is refused and told who has it; in whatever order they come."""
    for documents in (broken, broken[::-1]):
        faults = judge(*documents)
        assert short(faults) == [expected]
        assert faults[0].message == message
    assert judge(*fine) == ()


def _space(*subnets: str) -> Manifest:
    return manifest("IPv4Namespace", "default", {"subnets": list(subnets)})


def _ranges(*ranges: tuple[int, int]) -> Manifest:
    return manifest("VLANNamespace", "default", {"ranges": [{"from": low, "to": high} for low, high in ranges]})


def _group(name: str, group: str, kind: str = "eslag") -> Manifest:
    return _switch(name, redundancy={"group": group, "type": kind})


ESLAG = _conn("c", {"eslag": {"links": [link(server="s/1", switch="l/E1/1"), link(server="s/2", switch="m/E1/1")]}})
V = vpc("v", subnets={"default": A, "b": HOST_BGP})
W = vpc("w", subnets={"default": subnet("10.0.3.0/24", 1003)})


def _peering(**sides: JSONObject | None) -> Manifest:
    return manifest("VPCPeering", "p", {"permit": [sides]})


def _external_peering(*subnets: str) -> Manifest:
    permit = {"vpc": {"name": "v", "subnets": list(subnets)}, "external": {"name": "e"}}
    return manifest("ExternalPeering", "p", {"permit": permit})


def _exposure(**block: object) -> Manifest:
    return manifest("GatewayPeering", "p", {"peering": {"v": {"expose": [{"ips": [block]}]}, "ext.e": {}}})


OTHERS = [
    pytest.param(
        [vpc("v", subnets={"a": A}), _ranges((1002, 2000))],
        ["VPC/v spec.subnets.a.vlan VLANOutsideNamespace"],
        "VLAN 1001 is in none of the ranges of VLANNamespace/default (VLANNamespace/default.yaml)",
        [vpc("v", subnets={"a": A}), _ranges((1002, 2000), (1001, 1001))],
        id="VLAN outside",
    ),
    pytest.param(
        [vpc("v", subnets={"a": A}), _ranges((1002, 2000))],
        ["VPC/v spec.subnets.a.vlan VLANOutsideNamespace"],
        "VLAN 1001 is in none of the ranges of VLANNamespace/default (VLANNamespace/default.yaml)",
        [vpc("v", subnets={"a": {**A, "hostBGP": True}}), _ranges((1002, 2000))],
        id="VLAN of hostBGP",
    ),
    pytest.param(
        [vpc("v", subnets={"a": A}), _space("10.0.0.0/24", "10.1.0.0/16")],
        ["VPC/v spec.subnets.a.subnet SubnetOutsideNamespace"],
        "10.0.1.0/24 is in none of the subnets of IPv4Namespace/default (IPv4Namespace/default.yaml)",
        [vpc("v", subnets={"a": A}), _space("10.1.0.0/16", "10.0.0.0/23")],
        id="subnet outside",
    ),
    pytest.param(
        [_attach("x", "v/c"), V],
        ["VPCAttachment/x spec.subnet MissingSubnet"],
        "VPC/v (VPC/v.yaml) has no subnet 'c'",
        [_attach("x", "v"), _attach("y", "v/b"), V],
        id="attached to no subnet",
    ),
    pytest.param(
        [_attach("x", "v"), _conn("c", {"mclag": {}}), V],
        ["VPCAttachment/x spec.connection NotAttachable"],
        "Connection/c (Connection/c.yaml) is mclag; VPCs hang on unbundled, bundled, eslag",
        [_attach("x", "v"), _conn("c", {"bundled": {}}), V],
        id="attached to another type",
    ),
    pytest.param(
        [_external_attach("x"), _conn("c", {"unbundled": {}})],
        ["ExternalAttachment/x spec.connection NotAttachable"],
        "Connection/c (Connection/c.yaml) is unbundled; externals are attached to external ones",
        [_external_attach("x"), _conn("c", {"external": {}})],
        id="external attached to another type",
    ),
    pytest.param(
        [_attach("x", "v/b"), _conn("c", {"bundled": {}}), V],
        ["VPCAttachment/x spec.connection HostBGPNotUnbundled"],
        "b of VPC/v (VPC/v.yaml) is for hostBGP; Connection/c (Connection/c.yaml) is bundled, not unbundled",
        [_attach("x", "v/b"), _conn("c", {"unbundled": {}}), V],
        id="hostBGP",
    ),
    pytest.param(
        [_attach("x", "v/a"), _conn("c", {"eslag": {}}), vpc("v", mode="l3vni", subnets={"a": A})],
        ["VPCAttachment/x spec.connection ModeNotOnESLAG"],
        "VPC/v (VPC/v.yaml) has the mode l3vni; Connection/c (Connection/c.yaml) is eslag",
        [_attach("x", "v/a"), _conn("c", {"bundled": {}}), vpc("v", mode="l3vni", subnets={"a": A})],
        id="mode on eslag",
    ),
    pytest.param(
        [_attach("x", "v"), _cable("c", "l/E1/1"), _switch("l", vlanNamespaces=["w"]), V],
        ["VPCAttachment/x spec.connection SwitchOutsideVLANNamespace"],
        "Switch/l (Switch/l.yaml) is not in VLANNamespace default, which VPC/v (VPC/v.yaml) takes its VLANs from",
        [_attach("x", "v"), _cable("c", "l/E1/1"), _switch("l"), V],
        id="switch of another VLANNamespace",
    ),
    pytest.param(
        [ESLAG, _group("l", "g"), _group("m", "h")],
        ["Connection/c spec.eslag.links SwitchesOfTwoGroups"],
        "Switch/m (Switch/m.yaml) and Switch/l (Switch/l.yaml) are in different redundancy groups",
        [ESLAG, _group("l", "g"), _group("m", "g")],
        id="eslag over two groups",
    ),
    pytest.param(
        [ESLAG, _group("l", "g", "mclag"), _switch("m")],
        ["Connection/c spec.eslag.links SwitchNotInESLAG"],
        "the redundancy group of Switch/l (Switch/l.yaml) is not of type eslag",
        [ESLAG, _group("l", "g"), _switch("m")],
        id="eslag at an mclag pair",
    ),
    pytest.param(
        [ESLAG, _switch("l"), _switch("m")],
        ["Connection/c spec.eslag.links SwitchNotInESLAG"],
        "none of its switches is in a redundancy group: Switch/l (Switch/l.yaml), Switch/m (Switch/m.yaml)",
        [ESLAG, _switch("l")],
        id="eslag without a group",
    ),
    pytest.param(
        [_peering(v={}, w={}), V, vpc("w", ipv4Namespace="i", vlanNamespace="n", subnets={"a": A})],
        ["VPCPeering/p spec.permit IPv4NamespacesDiffer", "VPCPeering/p spec.permit VLANNamespacesDiffer"],
        "VPC/v (VPC/v.yaml) is of IPv4Namespace default, VPC/w (VPC/w.yaml) of i",
        [_peering(v={}, w={}), V, W],
        id="peering across namespaces",
    ),
    pytest.param(
        [_peering(v={"subnets": ["default", "c"]}, w=None), V, W],
        ["VPCPeering/p spec.permit.0.v.subnets.1 MissingSubnet"],
        "VPC/v (VPC/v.yaml) has no subnet 'c'",
        [_peering(v={"subnets": ["default", "b"]}, w=None), V, W],
        id="peering of no subnet",
    ),
    pytest.param(
        [_external_peering("default"), V, manifest("External", "e", {"ipv4Namespace": "i"})],
        ["ExternalPeering/p spec.permit IPv4NamespacesDiffer"],
        "VPC/v (VPC/v.yaml) is of IPv4Namespace default, External/e (External/e.yaml) of i",
        [_external_peering("default"), V, manifest("External", "e")],
        id="external of another namespace",
    ),
    pytest.param(
        [_external_peering("c"), V],
        ["ExternalPeering/p spec.permit.vpc.subnets.0 MissingSubnet"],
        "VPC/v (VPC/v.yaml) has no subnet 'c'",
        [_external_peering("b"), V],
        id="external peering of no subnet",
    ),
    pytest.param(
        [_exposure(vpcSubnet="c"), V],
        ["GatewayPeering/p spec.peering.v.expose.0.ips.0.vpcSubnet MissingSubnet"],
        "VPC/v (VPC/v.yaml) has no subnet 'c'",
        [_exposure(vpcSubnet="b"), V],
        id="gateway shows no subnet",
    ),
    pytest.param(
        [_exposure(cidr="10.0.0.0/16"), V],
        ["GatewayPeering/p spec.peering.v.expose.0.ips.0.cidr CIDROutsideVPC"],
        "10.0.0.0/16 is in none of the subnets of VPC/v (VPC/v.yaml)",
        [_exposure(cidr="10.0.1.128/25"), V],
        id="gateway shows what is not the VPC's",
    ),
]


@pytest.mark.parametrize(("broken", "expected", "message", "fine"), OTHERS)
def test_what_does_not_fit_other_objects_is_refused(
    broken: list[Manifest], expected: list[str], message: str, fine: list[Manifest]
) -> None:
    """It is told which object does not fit; the other object stands. The nearest thing that fits is not refused."""
    faults = judge(*broken)

    assert short(faults) == expected
    assert faults[0].message == message
    assert judge(*fine) == ()


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([_attach("x", "v/c")], id="nothing is known"),
        pytest.param([_attach("x", "v/c"), vpc("v", subnets={"a": 7})], id="odd subnet"),
        pytest.param([_attach("x", "v"), _conn("c", {"unbundled": {}})], id="VPC is not known"),
        pytest.param([_attach("x", "v"), _cable("c", "l/E1/1"), _switch("l", vlanNamespaces=[7]), V], id="odd switch"),
        pytest.param(
            [_attach("x", "v"), _cable("c", "l/E1/1"), vpc("v", vlanNamespace=7, subnets={"default": A})], id="odd VPC"
        ),
        pytest.param([ESLAG, _switch("l", redundancy=7), _switch("m", redundancy={"type": 7})], id="odd groups"),
        pytest.param([vpc("v", subnets={"a": A}), manifest("VLANNamespace", "default", {"ranges": 7})], id="ranges"),
        pytest.param([vpc("v", subnets={"a": A}), manifest("IPv4Namespace", "default", {"subnets": [7]})], id="space"),
        pytest.param([_peering(v={}, w={}), V], id="one side of a peering"),
        pytest.param([_peering(v={}, w={}), V, vpc("w", ipv4Namespace=7, vlanNamespace=7, subnets={"a": A})], id="7"),
        pytest.param([_exposure(cidr="10.9.0.0/16"), vpc("v", subnets={"a": {"hostBGP": True}})], id="no prefix"),
        pytest.param([manifest("ExternalPeering", "p", {"permit": {"vpc": {"name": "v"}}}), V], id="no external"),
        pytest.param(
            [manifest("GatewayPeering", "p", {"peering": {"v": {"expose": [{"default": True}]}, "w": {}}})],
            id="gateway shows all",
        ),
    ],
)
def test_where_the_other_object_is_not_known_nothing_is_broken(documents: list[Manifest]) -> None:
    """Not there, or not as its schema says: then it is not this document that is wrong."""
    assert judge(*documents) == ()


def test_the_order_is_that_of_files_and_of_documents_in_them() -> None:
    """Not that of names: the first to be written stands."""
    one, two, three = (_cable(name, "l/E1/1") for name in ("a", "b", "c"))

    faults = judge(at(one, "x.yaml", 10), at(two, "x.yaml", 9), at(three, "y.yaml"))

    assert [str(fault.key) for fault in faults] == ["Connection/a", "Connection/c"]
    assert all("taken by Connection/b (x.yaml)" in fault.message for fault in faults)


def test_a_refused_document_takes_nothing_away() -> None:
    """Whatever rule it breaks: what it would have used is free for those behind it."""
    broken = vpc("a", mode="l3flat", subnets={"x": A})
    clashing = vpc("b", subnets={"x": A, "y": HOST_BGP, "z": {**HOST_BGP, "vlan": 1002}})
    behind = vpc("c", subnets={"x": A, "y": HOST_BGP})

    refused = {str(fault.key) for fault in judge(broken, clashing, behind)}

    assert refused == {"VPC/a", "VPC/b"}


def test_what_a_warning_is_about_stands() -> None:
    """It keeps what it has."""
    first = _conn("a", {"unbundled": {**unbundled("s/1", "l/E1/1")["unbundled"], "mtu": 9100}})

    faults = judge(first, _cable("b", "l/E1/1"))

    assert [(fault.rule, fault.severity) for fault in faults] == [
        ("LargeMTU", Severity.WARNING),
        ("PortUsedTwice", Severity.ERROR),
    ]


def test_what_only_the_cluster_holds_takes_nothing_away() -> None:
    """It may be about to go: the server decides."""
    in_cluster = live("Connection", "old", unbundled("s/1", "l/E1/1"))

    assert judge(_cable("a", "l/E1/1"), observed=[in_cluster]) == ()


def test_where_git_declares_nothing_the_cluster_counts() -> None:
    """A subnet is looked for in the VPC that is live; what Git declares goes before it."""
    in_cluster = live("VPC", "v", network(a=A))

    (fault,) = judge(_attach("x", "v"), observed=[in_cluster])

    assert fault.message == "VPC/v (in the cluster) has no subnet 'default'"
    assert judge(_attach("x", "v/a"), observed=[in_cluster]) == ()
    assert judge(_attach("x", "v"), V, observed=[in_cluster]) == ()


def test_of_a_refused_document_nothing_is_known_but_that_it_exists() -> None:
    """Not even what the cluster holds: its author wants something newer."""
    in_cluster = live("VPC", "v", network(a=A))

    faults = judge(_attach("x", "v"), observed=[in_cluster], unknown=["Connection"], refused=[key("VPC", "v")])

    assert faults == ()
