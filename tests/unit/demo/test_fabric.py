"""The fabric generator: what it makes is what the fabric controller's admission would take."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.demo.fabric import FABRIC_500, FABRIC_DEMO, FabricShape, build_fabric
from reconciler.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from ipaddress import IPv4Network, IPv6Network

    from reconciler.model.json import JSON, JSONObject

Identity: TypeAlias = tuple[str, str]

LONE_LEAF = FabricShape(spines=1, leafs=1, servers=24, vpcs=1, attachments_per_server=2)
LARGEST = FabricShape(spines=8, leafs=32, servers=768, vpcs=250, attachments_per_server=2, externals=16)

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@st.composite
def shapes(draw: st.DrawFn) -> FabricShape:
    leafs = draw(st.integers(1, 9))
    return FabricShape(
        spines=draw(st.integers(1, 8)),
        leafs=leafs,
        servers=draw(st.integers(0, 24 * leafs)),
        vpcs=draw(st.integers(0, 40)),
        attachments_per_server=draw(st.integers(0, 3)),
        externals=draw(st.integers(0, 16)),
    )


def of_every_shape(test: Callable[[FabricShape], None]) -> Callable[[], None]:
    """Try the named shapes, the smallest and the largest, and what Hypothesis thinks of."""
    tried = settings(max_examples=20, deadline=None)(given(shapes())(test))
    for shape in (FABRIC_DEMO, FABRIC_500, LONE_LEAF, LARGEST):
        tried = example(shape)(tried)
    return tried


def specs(shape: FabricShape) -> dict[str, dict[str, JSONObject]]:
    """Specs by name by kind; every kind is there."""
    found: dict[str, dict[str, JSONObject]] = {kind: {} for kind in KINDS}
    for document in build_fabric(shape):
        found[document.body["kind"]][document.name] = document.body["spec"]
    return found


def ends(spec: JSON) -> Iterator[tuple[str, str, JSONObject]]:
    """Role, device and body of every end of a connection."""
    for role, part in spec.items():
        if isinstance(part, dict) and "port" in part:
            yield role, part["port"].split("/", 1)[0], part
        for inner in part if isinstance(part, list) else [part]:
            if isinstance(inner, dict):
                yield from ends(inner)


def canonical_port(port: str) -> str:
    """A port that may break out has two names: `E1/4` is also its first lane, `E1/4/1`."""
    return f"{port}/1" if re.fullmatch(r"[^/]+/E1/\d+", port) else port


def subnets(shape: FabricShape) -> list[JSONObject]:
    return [subnet for vpc in specs(shape)["VPC"].values() for subnet in vpc["subnets"].values()]


def are_disjoint(networks: list[IPv4Network | IPv6Network]) -> bool:
    ordered = sorted(networks, key=lambda network: int(network.network_address))
    return not any(left.overlaps(right) for left, right in pairwise(ordered))


def test_demo_counts() -> None:
    """The demo is 2 spines, 4 leafs, 16 servers and 6 VPCs, and has something in each of the twelve directories."""
    counts = Counter(document.directory for document in build_fabric(FABRIC_DEMO))

    assert counts == {
        "vlannamespaces": 1,
        "ipv4namespaces": 1,
        "switchgroups": 2,
        "switches": 2 + 4,
        "servers": 16,
        "vpcs": 6,
        "externals": 1,
        "connections": 2 * 4 + 16 + 2,
        "vpcattachments": 16,
        "externalattachments": 2,
        "vpcpeerings": 2,
        "externalpeerings": 1,
    }


def test_fabric_500_counts() -> None:
    """The larger fabric has 490 objects."""
    assert len(build_fabric(FABRIC_500)) == 490


@of_every_shape
def test_counts_follow_the_shape(shape: FabricShape) -> None:
    """As many switches, servers, VPCs, attachments and links as the shape asks for."""
    found = specs(shape)
    border = min(2, shape.leafs) if shape.externals else 0

    assert len(found["Switch"]) == shape.spines + shape.leafs
    assert len(found["Server"]) == shape.servers
    assert len(found["VPC"]) == shape.vpcs
    assert len(found["External"]) == shape.externals
    assert len(found["Connection"]) == shape.spines * shape.leafs + shape.servers + border
    assert len(found["VPCAttachment"]) == shape.servers * min(shape.attachments_per_server, shape.vpcs)
    assert len(found["ExternalAttachment"]) == shape.externals * border


def test_connection_mix() -> None:
    """A leaf of a pair has half of its servers on ESLAG, a quarter unbundled, a quarter bundled."""
    kinds = Counter(next(iter(spec)) for spec in specs(FABRIC_DEMO)["Connection"].values())

    assert kinds == {"fabric": 8, "eslag": 8, "unbundled": 4, "bundled": 4, "external": 2}


@of_every_shape
def test_documents_are_well_formed(shape: FabricShape) -> None:
    """Each document carries its kind's API version and directory, its own name, and no name twice."""
    documents = build_fabric(shape)

    for document in documents:
        kind = KINDS[document.body["kind"]]
        assert document.directory == kind.plural
        assert document.body["apiVersion"] == kind.api_version
        assert document.body["metadata"] == {"name": document.name, "namespace": "default"}
    assert len({(document.directory, document.name) for document in documents}) == len(documents)


@of_every_shape
def test_names_are_accepted(shape: FabricShape) -> None:
    """Names are DNS labels of at most 63 characters; those of VPCs, externals and IPv4 namespaces of at most 11."""
    for kind, named in specs(shape).items():
        limit = 11 if kind in {"VPC", "External", "IPv4Namespace"} else 63
        assert all(DNS_LABEL.fullmatch(name) and len(name) <= limit for name in named)


@pytest.mark.parametrize(
    ("port", "canonical"),
    [
        pytest.param("leaf-01/E1/4", "leaf-01/E1/4/1", id="whole port"),
        pytest.param("leaf-01/E1/4/1", "leaf-01/E1/4/1", id="first lane"),
        pytest.param("leaf-01/E1/4/2", "leaf-01/E1/4/2", id="second lane"),
        pytest.param("server-01/enp2s1", "server-01/enp2s1", id="server"),
    ],
)
def test_port_aliases(port: str, canonical: str) -> None:
    """The check of unique ports takes a whole port and its first lane for the same."""
    assert canonical_port(port) == canonical


@of_every_shape
def test_ports_are_used_once(shape: FabricShape) -> None:
    """No port is in two connections, under either of its names."""
    connections = specs(shape)["Connection"].values()
    uses = Counter(canonical_port(end["port"]) for spec in connections for _, _, end in ends(spec))

    assert max(uses.values()) == 1


@of_every_shape
def test_ports_exist(shape: FabricShape) -> None:
    """Servers and externals are on ports 1 to 48 of a leaf, spines on 49 to 56; a spine has 32 ports."""
    for spec in specs(shape)["Connection"].values():
        for role, device, end in ends(spec):
            port = end["port"].removeprefix(f"{device}/")
            if role == "server":
                assert re.fullmatch(r"enp2s[12]", port)
            else:
                low, high = {"switch": (1, 48), "leaf": (49, 56), "spine": (1, 32)}[role]
                assert low <= int(port.removeprefix("E1/")) <= high


@of_every_shape
def test_switch_identities(shape: FabricShape) -> None:
    """MAC, management, protocol and VTEP addresses are unique, canonical and in the ranges of the fabric."""
    switches = list(specs(shape)["Switch"].values())
    leafs = [spec for spec in switches if spec["role"] == "server-leaf"]

    assert len({spec["boot"]["mac"] for spec in switches}) == len(switches)
    for field, network, holders in (
        ("ip", "172.30.0.0/21", switches),
        ("protocolIP", "172.30.8.0/22", switches),
        ("vtepIP", "172.30.12.0/22", leafs),
    ):
        addresses = {ip_interface(spec[field]).ip for spec in holders}
        assert len(addresses) == len(holders)
        assert all(address in ip_network(network) for address in addresses)


@of_every_shape
def test_switch_roles(shape: FabricShape) -> None:
    """Spines share one ASN and have no VTEP; each leaf has an ASN of its own in the leaf range."""
    switches = specs(shape)["Switch"].values()
    spines = [spec for spec in switches if spec["role"] == "spine"]
    asns = [spec["asn"] for spec in switches if spec["role"] == "server-leaf"]

    assert {spec["asn"] for spec in spines} == {65100}
    assert not any("vtepIP" in spec for spec in spines)
    assert len(set(asns)) == len(asns)
    assert all(65101 <= asn <= 65533 for asn in asns)


@of_every_shape
def test_fabric_links(shape: FabricShape) -> None:
    """Every leaf has one link to every spine, each on a /31 of its own in the fabric's range."""
    links = [link for spec in specs(shape)["Connection"].values() for link in spec.get("fabric", {}).get("links", [])]
    networks = {ip_interface(link["leaf"]["ip"]).network for link in links}

    assert len(links) == len(networks) == shape.spines * shape.leafs
    for link in links:
        leaf, spine = ip_interface(link["leaf"]["ip"]), ip_interface(link["spine"]["ip"])
        assert leaf.network == spine.network
        assert leaf.network.prefixlen == 31
        assert leaf.ip != spine.ip
        assert leaf.ip in ip_network("172.30.128.0/17")


@of_every_shape
def test_eslag_joins_one_redundancy_group(shape: FabricShape) -> None:
    """An ESLAG connection goes to both leafs of one group of type eslag."""
    found = specs(shape)
    for spec in found["Connection"].values():
        if "eslag" in spec:
            leafs = {device for role, device, _ in ends(spec) if role == "switch"}
            groups = {tuple(found["Switch"][leaf]["redundancy"].items()) for leaf in leafs}
            assert len(leafs) == 2
            assert len(groups) == 1
            assert ("type", "eslag") in groups.pop()


@of_every_shape
def test_vlans_are_unique(shape: FabricShape) -> None:
    """A VLAN belongs to one subnet, lies in the VLAN namespace, and the namespace is clear of the reserved VLANs."""
    (vlan_range,) = specs(shape)["VLANNamespace"]["default"]["ranges"]
    vlans = [subnet["vlan"] for subnet in subnets(shape)]

    assert len(set(vlans)) == len(vlans)
    assert all(vlan_range["from"] <= vlan <= vlan_range["to"] for vlan in vlans)
    assert vlan_range["to"] < 3000


@of_every_shape
def test_subnets_are_disjoint(shape: FabricShape) -> None:
    """VPC subnets do not overlap, lie in the IPv4 namespace, and hold their gateway, range and reservations."""
    namespace = ip_network(specs(shape)["IPv4Namespace"]["default"]["subnets"][0])
    networks = [ip_network(subnet["subnet"]) for subnet in subnets(shape)]

    assert are_disjoint([*networks, ip_network("172.30.0.0/15")])
    for subnet, network in zip(subnets(shape), networks, strict=True):
        dhcp = subnet["dhcp"]
        inside = [subnet["gateway"], *dhcp.get("range", {}).values()]
        inside += [reservation["ip"] for reservation in dhcp.get("static", {}).values()]
        assert namespace.overlaps(network)
        assert all(ip_address(address) in network for address in inside)
        assert len(set(inside)) == len(inside)


def test_overlaps_are_noticed() -> None:
    """The check of disjoint subnets sees a subnet inside another, and two that only touch as apart."""
    outer, inner, beside = map(ip_network, ("10.0.0.0/16", "10.0.9.0/24", "10.1.0.0/16"))

    assert not are_disjoint([beside, inner, outer])
    assert are_disjoint([beside, outer])


def references(kind: str, spec: JSON) -> Iterator[Identity]:
    """The objects that this one names."""
    match kind:
        case "Switch":
            yield from (("VLANNamespace", name) for name in spec["vlanNamespaces"])
            yield from (("SwitchGroup", name) for name in spec.get("groups", []))
        case "Connection":
            yield from (("Server" if role == "server" else "Switch", device) for role, device, _ in ends(spec))
        case "VPC":
            yield from (("IPv4Namespace", spec["ipv4Namespace"]), ("VLANNamespace", spec["vlanNamespace"]))
            relays = (subnet["dhcp"].get("relayVPC") for subnet in spec["subnets"].values())
            yield from (("VPC", name) for name in relays if name)
        case "VPCAttachment":
            yield from (("Connection", spec["connection"]), ("VPC", spec["subnet"].split("/")[0]))
        case "VPCPeering":
            yield from (("VPC", name) for permit in spec["permit"] for name in permit)
        case "External":
            yield "IPv4Namespace", spec["ipv4Namespace"]
        case "ExternalAttachment":
            yield from (("Connection", spec["connection"]), ("External", spec["external"]))
        case "ExternalPeering":
            yield from (("VPC", spec["permit"]["vpc"]["name"]), ("External", spec["permit"]["external"]["name"]))


@of_every_shape
def test_references_come_first(shape: FabricShape) -> None:
    """Every object stands after all objects that it refers to, so the order given is an order to apply in."""
    seen: set[Identity] = set()
    for document in build_fabric(shape):
        kind = document.body["kind"]
        assert set(references(kind, document.body["spec"])) <= seen
        seen.add((kind, document.name))


def test_references_of_each_kind() -> None:
    """The check above has something to check in every kind that refers to others, relayed DHCP among them."""
    fabric = build_fabric(FABRIC_DEMO)
    pairs = {
        (document.body["kind"], kind)
        for document in fabric
        for kind, _ in references(document.body["kind"], document.body["spec"])
    }

    assert len(pairs) == 15
    assert ("VPC", "VPC") in pairs


@of_every_shape
def test_waves_rise(shape: FabricShape) -> None:
    """The order given is also that of the waves."""
    waves = [KINDS[document.body["kind"]].wave or 0 for document in build_fabric(shape)]

    assert waves == sorted(waves)


@of_every_shape
def test_attachments_are_accepted(shape: FabricShape) -> None:
    """Server connections only are attached, to a subnet that exists, once to each, with one native VLAN at most."""
    found = specs(shape)
    attached: dict[str, list[JSONObject]] = defaultdict(list)
    for spec in found["VPCAttachment"].values():
        attached[spec["connection"]].append(spec)

    for connection, attachments in attached.items():
        named = [attachment["subnet"] for attachment in attachments]
        assert set(found["Connection"][connection]) <= {"unbundled", "bundled", "eslag"}
        assert len(set(named)) == len(named)
        assert sum(attachment.get("nativeVLAN", False) for attachment in attachments) <= 1
        assert all(name in found["VPC"][vpc]["subnets"] for vpc, name in (subnet.split("/") for subnet in named))


@of_every_shape
def test_peerings_join_two_vpcs_once(shape: FabricShape) -> None:
    """A peering permits two VPCs, no two peerings the same two, and each lists only subnets that exist."""
    found = specs(shape)
    pairs = [frozenset(permit) for spec in found["VPCPeering"].values() for permit in spec["permit"]]

    assert len(set(pairs)) == len(pairs)
    assert all(len(pair) == 2 for pair in pairs)
    for permit in (permit for spec in found["VPCPeering"].values() for permit in spec["permit"]):
        assert all(set(side.get("subnets", [])) <= set(found["VPC"][vpc]["subnets"]) for vpc, side in permit.items())
    for permit in (spec["permit"]["vpc"] for spec in found["ExternalPeering"].values()):
        assert set(permit["subnets"]) <= set(found["VPC"][permit["name"]]["subnets"])


@of_every_shape
def test_external_attachments_do_not_clash(shape: FabricShape) -> None:
    """On one connection each VLAN is used once; both ends of an attachment share a network that is theirs alone."""
    attachments = list(specs(shape)["ExternalAttachment"].values())
    uses = Counter((spec["connection"], spec["switch"]["vlan"]) for spec in attachments)
    networks = [ip_interface(spec["switch"]["ip"]).network for spec in attachments]

    assert all(count == 1 for count in uses.values())
    assert not any(left.overlaps(right) for left, right in combinations(networks, 2))
    for spec, network in zip(attachments, networks, strict=True):
        assert ip_address(spec["neighbor"]["ip"]) in network
        assert ip_interface(spec["switch"]["ip"]).ip != ip_address(spec["neighbor"]["ip"])


@of_every_shape
def test_deterministic(shape: FabricShape) -> None:
    """The same shape gives the same documents in the same order."""
    assert build_fabric(shape) == build_fabric(shape)


@of_every_shape
def test_one_server_less_is_a_small_difference(shape: FabricShape) -> None:
    """All objects of a fabric with one server less are in the larger fabric, unaltered."""
    smaller = replace(shape, servers=max(0, shape.servers - 1))
    larger = {(document.directory, document.name): document for document in build_fabric(shape)}

    assert all(larger[document.directory, document.name] == document for document in build_fabric(smaller))


def test_bodies_are_not_shared() -> None:
    """An edit of one body alters no other document, nor a fabric built later."""
    untouched = build_fabric(FABRIC_DEMO)
    edited = build_fabric(FABRIC_DEMO)

    for body in (edited[0].body, next(doc.body for doc in edited if doc.name == "server-01--eslag--leaf-01--leaf-02")):
        body["spec"].clear()

    assert sum(before != after for before, after in zip(untouched, edited, strict=True)) == 2
    assert build_fabric(FABRIC_DEMO) == untouched


@pytest.mark.parametrize(
    ("namespace", "metadata"),
    [
        pytest.param("dc2", {"name": "spine-01", "namespace": "dc2"}, id="named"),
        pytest.param(None, {"name": "spine-01"}, id="none"),
    ],
)
def test_namespace(namespace: str | None, metadata: JSONObject) -> None:
    """The objects name the namespace that is asked for, or none."""
    documents = build_fabric(FABRIC_DEMO, namespace=namespace)

    assert next(document for document in documents if document.name == "spine-01").body["metadata"] == metadata


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"spines": 0}, "spines is 0, outside of 1 to 8"),
        ({"spines": 9}, "spines is 9, outside of 1 to 8"),
        ({"leafs": 0}, "leafs is 0, outside of 1 to 32"),
        ({"leafs": 33}, "leafs is 33, outside of 1 to 32"),
        ({"leafs": 2, "servers": 49}, "servers is 49, outside of 0 to 48"),
        ({"servers": -1}, "servers is -1, outside of 0 to 96"),
        ({"vpcs": 251}, "vpcs is 251, outside of 0 to 250"),
        ({"attachments_per_server": -1}, "attachments_per_server is -1, outside of 0 to 250"),
        ({"externals": 17}, "externals is 17, outside of 0 to 16"),
    ],
    ids=str,
)
def test_shape_out_of_range(counts: dict[str, int], message: str) -> None:
    """A count that no valid fabric can have is refused by name."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        FabricShape(**counts)
