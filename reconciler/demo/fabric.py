"""Valid, hydrated fabrics made from a few numbers, as the demo and the tests want them.

What is built keeps the rules of the fabric controller's admission webhooks under hhfab's default configuration
(address ranges, ASNs, VLAN ranges), so that a real control plane takes every object in the order given.
Nothing is random, and more `servers` leave the objects that were there as they are: two shapes that differ in
that number make two commits with a small difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import chain, count
from typing import TYPE_CHECKING, TypeAlias

import yaml

from reconciler.model.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reconciler.model.json import JSONObject

_MAX_SPINES = 8  # a leaf has eight uplinks, E1/49 to E1/56, one to each spine
_MAX_LEAFS = 32  # a spine has 32 ports, one to each leaf
_SERVERS_PER_LEAF = 24  # the mix of connections takes 42 of the ports E1/1 to E1/47; E1/48 leads to the externals
_MAX_VPCS = 250
_SUBNETS_PER_VPC = 2
_MAX_EXTERNALS = 16

_MANAGEMENT = IPv4Network("172.30.0.0/21")
_PROTOCOL = IPv4Network("172.30.8.0/22")
_VTEP = IPv4Network("172.30.12.0/22")
_LINKS = IPv4Network("172.30.128.0/17")
_VPC_SUBNETS = IPv4Network("10.0.0.0/15")
_EXTERNAL_LINKS = IPv4Network("100.64.0.0/16")

_SPINE_ASN = 65100
_FIRST_LEAF_ASN = 65101
_FIRST_NEIGHBOR_ASN = 64600
_FIRST_VLAN, _LAST_VLAN = 1000, 2999  # the controller keeps 3000 to 3999 for itself
_FIRST_EXTERNAL_VLAN = 100

_SPINE_PROFILE = "celestica-ds3000"
_PORT_GROUP_PROFILE = "dell-s5248f-on"
_LEAF_PROFILES = (_PORT_GROUP_PROFILE, "celestica-ds2000")  # one rack each, in turn

_CONNECTION_MIX = ("eslag", "unbundled", "eslag", "bundled")  # of the servers of one leaf, in turn
_CONNECTION_OPTIONS: dict[str, JSONObject] = {"eslag": {"fallback": True}, "unbundled": {"mtu": 9036}, "bundled": {}}

_Draft: TypeAlias = "tuple[str, str, JSONObject]"
"""Kind, name and spec of an object."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a fabric and its place in the fabric's directory.

    `body` is the object in JSON types: apiVersion, kind, metadata, spec. It is shared by no other document,
    so a caller may edit it to make the next commit.
    """

    directory: str
    name: str
    body: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricShape:
    """How large a fabric is. ValueError names the count that is out of its range."""

    spines: int = 2
    """1 to 8, each linked to every leaf."""
    leafs: int = 4
    """1 to 32. Each two make an ESLAG group; an odd one at the end stands alone, with no ESLAG server."""
    servers: int = 16
    """0 to 24 per leaf, given to the leafs in turn: half ESLAG, a quarter unbundled, a quarter bundled."""
    vpcs: int = 6
    """0 to 250. Every third has two subnets, every sixth meets an external, and two in three make pairs that peer."""
    attachments_per_server: int = 1
    """0 to 250 VPCs that each server is attached to; all of them where there are fewer."""
    externals: int = 1
    """0 to 16, each reached over BGP from the leafs of the first rack."""

    def __post_init__(self) -> None:
        ranges = {
            "spines": (1, _MAX_SPINES),
            "leafs": (1, _MAX_LEAFS),
            "servers": (0, self.leafs * _SERVERS_PER_LEAF),
            "vpcs": (0, _MAX_VPCS),
            "attachments_per_server": (0, _MAX_VPCS),
            "externals": (0, _MAX_EXTERNALS),
        }
        for field, (low, high) in ranges.items():
            value = getattr(self, field)
            if not low <= value <= high:
                raise ValueError(f"{field} is {value}, outside of {low} to {high}")


FABRIC_DEMO = FabricShape()
"""2 spines, 4 leafs, 16 servers, 6 VPCs: small enough to be read whole."""

FABRIC_500 = FabricShape(leafs=8, servers=125, vpcs=50, externals=2)
"""490 objects."""


def build_fabric(shape: FabricShape, *, namespace: str | None = "default") -> tuple[Document, ...]:
    """The objects of a fabric, each after all objects that it refers to.

    With `namespace` None the objects name none, as people often write them.
    """
    drafts = chain(
        _namespaces(),
        _switch_groups(shape),
        _spines(shape),
        _leafs(shape),
        _servers(shape),
        _vpcs(shape),
        _externals(shape),
        _fabric_connections(shape),
        _server_connections(shape),
        _external_connections(shape),
        _vpc_attachments(shape),
        _external_attachments(shape),
        _vpc_peerings(shape),
        _external_peerings(shape),
    )
    return tuple(_document(draft, namespace) for draft in drafts)


def render(document: Document) -> str:
    """The document as block YAML, keys in the order of `body`.

    Text that some YAML 1.1 parser takes for a number, a boolean or a time is quoted (a MAC address and `65102:10`
    are base 60 to PyYAML, `08` and `1e3` floats to kubectl), so all parsers read what was meant.
    """
    text: str = yaml.dump(document.body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def write_fabric(documents: Iterable[Document], root: Path) -> tuple[Path, ...]:
    """Write each document to `<root>/managed/<directory>/<name>.yaml` and answer the paths.

    Files of the same name are replaced; files of objects that are no longer in the fabric stay. Raises OSError.
    """
    paths = []
    for document in documents:
        path = root / "managed" / document.directory / f"{document.name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(document), encoding="utf-8", newline="\n")
        paths.append(path)
    return tuple(paths)


def _document(draft: _Draft, namespace: str | None) -> Document:
    kind, name, spec = draft
    metadata = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    body = {"apiVersion": KINDS[kind].api_version, "kind": kind, "metadata": metadata, "spec": spec}
    return Document(KINDS[kind].plural, name, body)


def _namespaces() -> Iterator[_Draft]:
    yield "VLANNamespace", "default", {"ranges": [{"from": _FIRST_VLAN, "to": _LAST_VLAN}]}
    yield "IPv4Namespace", "default", {"subnets": [str(_VPC_SUBNETS)]}


def _rack(shape: FabricShape, leaf: int) -> range:
    """The leafs that stand in one rack with `leaf`, itself included: two, or the odd one."""
    first = leaf - leaf % 2
    return range(first, min(first + 2, shape.leafs))


def _group_name(rack: range) -> str:
    return f"eslag-{rack.start // 2 + 1}"


def _switch_groups(shape: FabricShape) -> Iterator[_Draft]:
    for leaf in range(0, shape.leafs - 1, 2):
        yield "SwitchGroup", _group_name(_rack(shape, leaf)), {}


def _spine_name(spine: int) -> str:
    return f"spine-{spine + 1:02d}"


def _leaf_name(leaf: int) -> str:
    return f"leaf-{leaf + 1:02d}"


def _mac(block: int, number: int) -> str:
    """A MAC address of the 52:54:00 block: most have no letter, and are the ones that YAML 1.1 misreads."""
    return f"52:54:00:{block:02x}:{number >> 8:02x}:{number & 0xFF:02x}"


def _identity(switch: int) -> JSONObject:
    """What every switch has one of; `switch` counts the spines from 0 and the leafs from 8, so both may grow."""
    return {
        "boot": {"mac": _mac(1, switch)},
        "ip": f"{_MANAGEMENT[switch + 2]}/{_MANAGEMENT.prefixlen}",
        "protocolIP": f"{_PROTOCOL[switch + 1]}/32",
        "vlanNamespaces": ["default"],
    }


def _spines(shape: FabricShape) -> Iterator[_Draft]:
    for spine in range(shape.spines):
        name = _spine_name(spine)
        spec = {"role": "spine", "description": f"Spine {spine + 1}", "profile": _SPINE_PROFILE, "asn": _SPINE_ASN}
        yield "Switch", name, spec | _identity(spine)


def _leafs(shape: FabricShape) -> Iterator[_Draft]:
    for leaf in range(shape.leafs):
        rack = _rack(shape, leaf)
        profile = _LEAF_PROFILES[leaf // 2 % len(_LEAF_PROFILES)]
        spec: JSONObject = {
            "role": "server-leaf",
            "description": f"Leaf {leaf + 1} in rack {leaf // 2 + 1}",
            "profile": profile,
            "asn": _FIRST_LEAF_ASN + leaf,
            **_identity(_MAX_SPINES + leaf),
            "vtepIP": f"{_VTEP[leaf + 1]}/32",
        }
        if len(rack) > 1:
            spec |= {"groups": [_group_name(rack)], "redundancy": {"group": _group_name(rack), "type": "eslag"}}
        if profile == _PORT_GROUP_PROFILE:
            spec["portGroupSpeeds"] = {"1": "10G"}
        yield "Switch", _leaf_name(leaf), spec


def _fabric_connections(shape: FabricShape) -> Iterator[_Draft]:
    for leaf in range(shape.leafs):
        for spine in range(shape.spines):
            spine_ip, leaf_ip = _nth(_LINKS, leaf * _MAX_SPINES + spine, 31)
            link = {
                "leaf": {"port": f"{_leaf_name(leaf)}/E1/{49 + spine}", "ip": f"{leaf_ip}/31"},
                "spine": {"port": f"{_spine_name(spine)}/E1/{1 + leaf}", "ip": f"{spine_ip}/31"},
            }
            yield "Connection", f"{_spine_name(spine)}--fabric--{_leaf_name(leaf)}", {"fabric": {"links": [link]}}


def _nth(network: IPv4Network, number: int, prefixlen: int) -> IPv4Network:
    """The subnet `number`, from 0, of those with this prefix length."""
    step = 1 << (network.max_prefixlen - prefixlen)
    return IPv4Network((IPv4Address(int(network.network_address) + number * step), prefixlen))


def _server_name(server: int) -> str:
    return f"server-{server + 1:02d}"


def _servers(shape: FabricShape) -> Iterator[_Draft]:
    for server in range(shape.servers):
        yield "Server", _server_name(server), {"description": f"Server {server + 1}"}


@dataclass(frozen=True, slots=True)
class _Homing:
    """How a server is connected: to one leaf, or to both of a rack."""

    server: str
    kind: str
    leafs: tuple[int, ...]

    @property
    def connection(self) -> str:
        return "--".join((self.server, self.kind, *map(_leaf_name, self.leafs)))


def _homings(shape: FabricShape) -> Iterator[_Homing]:
    for server in range(shape.servers):
        turn, leaf = divmod(server, shape.leafs)
        rack = _rack(shape, leaf)
        kind = _CONNECTION_MIX[turn % len(_CONNECTION_MIX)]
        if kind == "eslag" and len(rack) > 1:
            yield _Homing(_server_name(server), kind, tuple(rack))
        else:
            yield _Homing(_server_name(server), "bundled" if kind == "bundled" else "unbundled", (leaf,))


def _server_connections(shape: FabricShape) -> Iterator[_Draft]:
    ports = [count(1) for _ in range(shape.leafs)]
    for homing in _homings(shape):
        ends = homing.leafs * 2 if homing.kind == "bundled" else homing.leafs
        links = [
            {
                "server": {"port": f"{homing.server}/enp2s{nic}"},
                "switch": {"port": f"{_leaf_name(leaf)}/E1/{next(ports[leaf])}"},
            }
            for nic, leaf in enumerate(ends, 1)
        ]
        cabling: JSONObject = {"link": links[0]} if homing.kind == "unbundled" else {"links": links}
        yield "Connection", homing.connection, {homing.kind: cabling | _CONNECTION_OPTIONS[homing.kind]}


def _vpc_name(vpc: int) -> str:
    return f"vpc-{vpc + 1:02d}"


def _subnet_names(vpc: int) -> tuple[str, ...]:
    return ("default", "backend") if vpc % 3 == 2 else ("default",)  # noqa: PLR2004 - the last of each three


def _vpcs(shape: FabricShape) -> Iterator[_Draft]:
    """The VPCs; those that relay DHCP come last, since the VPC that they relay to has to be there."""
    for vpc in sorted(range(shape.vpcs), key=lambda vpc: _relays(shape, vpc)):
        names = _subnet_names(vpc)
        spec: JSONObject = {
            "ipv4Namespace": "default",
            "vlanNamespace": "default",
            "subnets": {name: _subnet(shape, vpc, number) for number, name in enumerate(names)},
        }
        if len(names) > 1:
            spec["permit"] = [list(names)]
        yield "VPC", _vpc_name(vpc), spec


def _subnet(shape: FabricShape, vpc: int, number: int) -> JSONObject:
    network = _vpc_network(vpc, number)
    spec: JSONObject = {
        "subnet": str(network),
        "gateway": str(network[1]),
        "vlan": _FIRST_VLAN + vpc * _SUBNETS_PER_VPC + number,
        "dhcp": _dhcp_relay(vpc) if _relays(shape, vpc) else _dhcp_server(vpc, network),
    }
    return spec | {"isolated": True} if number else spec


def _vpc_network(vpc: int, number: int) -> IPv4Network:
    return _nth(_VPC_SUBNETS, vpc * _SUBNETS_PER_VPC + number, 24)


def _relays(shape: FabricShape, vpc: int) -> bool:
    return vpc % 5 == 1 and vpc + 1 < shape.vpcs


def _dhcp_relay(vpc: int) -> JSONObject:
    return {"relay": f"{_vpc_network(vpc + 1, 0)[200]}/32", "relayVPC": _vpc_name(vpc + 1)}


def _dhcp_server(vpc: int, network: IPv4Network) -> JSONObject:
    dhcp: JSONObject = {"enable": True, "range": {"start": str(network[10]), "end": str(network[199])}}
    match vpc % 5:
        case 2:
            name_servers = {"dnsServers": ["1.1.1.1", "8.8.8.8"], "timeServers": ["10.255.0.123"]}
            dhcp["options"] = name_servers | {"interfaceMTU": 9036, "leaseTimeSeconds": 3600}
        case 3:
            dhcp["static"] = {_mac(2, vpc): {"ip": str(network[250])}}
    return dhcp


def _vpc_attachments(shape: FabricShape) -> Iterator[_Draft]:
    for server, homing in enumerate(_homings(shape)):
        for turn in range(min(shape.attachments_per_server, shape.vpcs)):
            vpc = (server + turn) % shape.vpcs
            names = _subnet_names(vpc)
            subnet = names[server // shape.vpcs % len(names)]
            spec: JSONObject = {"connection": homing.connection, "subnet": f"{_vpc_name(vpc)}/{subnet}"}
            if turn == 0 and server % 5 == 0:  # a connection has one native VLAN at most
                spec["nativeVLAN"] = True
            yield "VPCAttachment", f"{_vpc_name(vpc)}--{subnet}--{homing.connection}", spec


def _vpc_peerings(shape: FabricShape) -> Iterator[_Draft]:
    for pair in range(shape.vpcs // 3):
        left, right = _vpc_name(2 * pair), _vpc_name(2 * pair + 1)
        # an absent list permits all subnets
        permit: JSONObject = {left: {}, right: {"subnets": ["default"]} if pair % 2 else {}}
        yield "VPCPeering", f"{left}--{right}", {"permit": [permit]}


def _external_name(external: int) -> str:
    return f"ext-{external + 1:02d}"


def _externals(shape: FabricShape) -> Iterator[_Draft]:
    for external in range(shape.externals):
        communities = {"inboundCommunity": f"65102:{10 + external}", "outboundCommunity": f"50000:{10 + external}"}
        yield "External", _external_name(external), {"ipv4Namespace": "default"} | communities


def _external_connections(shape: FabricShape) -> Iterator[_Draft]:
    for leaf in _rack(shape, 0) if shape.externals else ():
        link = {"switch": {"port": f"{_leaf_name(leaf)}/E1/48"}}
        yield "Connection", f"{_leaf_name(leaf)}--external", {"external": {"link": link}}


def _external_attachments(shape: FabricShape) -> Iterator[_Draft]:
    for external in range(shape.externals):
        for leaf in _rack(shape, 0):
            link = _nth(_EXTERNAL_LINKS, 2 * external + leaf, 30)
            spec = {
                "connection": f"{_leaf_name(leaf)}--external",
                "external": _external_name(external),
                "switch": {"vlan": _FIRST_EXTERNAL_VLAN + external, "ip": f"{link[1]}/30"},
                "neighbor": {"asn": _FIRST_NEIGHBOR_ASN + external, "ip": str(link[2])},
            }
            yield "ExternalAttachment", f"{_external_name(external)}--{_leaf_name(leaf)}", spec


def _external_peerings(shape: FabricShape) -> Iterator[_Draft]:
    for vpc in range(0, shape.vpcs if shape.externals else 0, 6):
        name = _external_name(vpc // 6 % shape.externals)
        permit = {
            "vpc": {"name": _vpc_name(vpc), "subnets": ["default"]},
            "external": {"name": name, "prefixes": [{"prefix": "0.0.0.0/0"}]},
        }
        yield "ExternalPeering", f"{_vpc_name(vpc)}--{name}", {"permit": permit}


class _Dumper(yaml.SafeDumper):
    """PyYAML's dumper, which by itself quotes only what PyYAML would misread."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML asks for each value
        """No anchors: a person reads these files."""
        return True


_NUMBER_LIKE = re.compile(r"[-+.]*[0-9][0-9A-Za-z_+-]*(\.[0-9A-Za-z_+-]*)?")  # of any base and notation, and dates
_SHORT_BOOLEANS = frozenset(("y", "Y", "n", "N"))  # booleans to kubectl, text to PyYAML


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_misread = ":" in text or text in _SHORT_BOOLEANS or _NUMBER_LIKE.fullmatch(text) is not None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if is_misread else None)


_Dumper.add_representer(str, _represent_text)
