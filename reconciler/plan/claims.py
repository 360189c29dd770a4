"""What only one object of a fabric can have at a time: ports, addresses, VLANs, subnets, AS numbers.

Source: what the fabric controller's admission webhooks hold against all other objects at each single write. A spec
that is not what its schema says claims less, and is never an error here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_interface
from typing import TYPE_CHECKING

from reconciler.plan.lenient import mapping
from reconciler.plan.wiring import links_of, port_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.references import Declared

_DEFAULT = "default"
_SUBNET = "subnet"
_ADDRESSES = ("ip", "protocolIP", "vtepIP")
_LINKED = ("fabric", "mesh", "gateway")
"""Types of connections whose ends have addresses of the fabric's own range."""


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """One thing that one object can have: what it is, which, and within what it is the only one ("" for the fabric)."""

    what: str
    value: str
    within: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.value}" + (f" of {self.within}" if self.within else "")

    @property
    def network(self) -> IPv4Network | None:
        """Of a claim that excludes whatever overlaps with it."""
        return IPv4Network(self.value) if self.what == _SUBNET else None


def claims_of(declared: Declared) -> frozenset[Claim]:
    """What an object has, or will have once it is applied."""
    find = _FINDERS.get(declared.key.kind)
    return frozenset(find(_claiming(declared))) if find else frozenset()


def are_alike(one: Declared, other: Declared) -> bool:
    """Whether two forms of an object claim the same, seen without a look at the claims."""
    return one.key.kind not in _FINDERS or _claiming(one) == _claiming(other)


def _claiming(declared: Declared) -> JSONObject:
    """The part of a spec that holds claims."""
    spec = mapping(declared.spec)
    fields = _FIELDS.get(declared.key.kind)
    return spec if fields is None else {name: spec[name] for name in fields if name in spec}


class Holders:
    """Who holds what. Answers from an index: many objects may ask."""

    def __init__(self, held: Mapping[ObjectKey, AbstractSet[Claim]]) -> None:
        self._holders: defaultdict[Claim, set[ObjectKey]] = defaultdict(set)
        self._inside: defaultdict[Claim, set[ObjectKey]] = defaultdict(set)
        """By network, the holders of networks within it."""
        for key, claims in held.items():
            for claim in claims:
                self._holders[claim].add(key)
                for wider in _around(claim):
                    self._inside[wider].add(key)

    def of(self, claim: Claim) -> set[ObjectKey]:
        """Those that hold it, or something that overlaps with it."""
        found = self._holders.get(claim, set()) | self._inside.get(claim, set())
        return found.union(*(self._holders.get(wider, ()) for wider in _around(claim)))


def clashes(claim: Claim, with_claims: AbstractSet[Claim]) -> bool:
    """Whether one of these claims is the same, or overlaps with it."""
    network = claim.network
    if network is None:
        return claim in with_claims
    others = (one.network for one in with_claims if (one.what, one.within) == (claim.what, claim.within))
    return any(other is not None and other.overlaps(network) for other in others)


def _around(claim: Claim) -> Iterator[Claim]:
    """Claims of all wider networks that hold this one."""
    network = claim.network
    if network is not None:
        for length in range(network.prefixlen):
            yield Claim(claim.what, str(network.supernet(new_prefix=length)), claim.within)


def _switch(spec: JSONObject) -> Iterator[Claim]:
    yield from _addresses(spec)
    # All spines share one number.
    if spec.get("role") != "spine" and isinstance(spec.get("asn"), int):
        yield Claim("ASN", str(spec["asn"]))


def _addresses(spec: JSONObject) -> Iterator[Claim]:
    for name in _ADDRESSES:
        if address := _address(spec.get(name)):
            yield Claim("IP", address)


def _connection(spec: JSONObject) -> Iterator[Claim]:
    for link in links_of(spec):
        for end in link.ends():
            if isinstance(end.port, str):
                yield Claim("port", port_of(end.port))
            address = _address(end.settings.get("ip"))
            if link.wiring in _LINKED and address:
                yield Claim("link IP", address)


def _vpc(spec: JSONObject) -> Iterator[Claim]:
    vlans = f"VLANNamespace/{spec.get('vlanNamespace') or _DEFAULT}"
    subnets = f"IPv4Namespace/{spec.get('ipv4Namespace') or _DEFAULT}"
    for subnet in map(mapping, mapping(spec.get("subnets")).values()):
        if vlan := vlan_of(subnet):
            yield Claim("VLAN", str(vlan), vlans)
        if network := network_of(subnet.get("subnet")):
            yield Claim(_SUBNET, str(network), subnets)


def _attachment(spec: JSONObject) -> Iterator[Claim]:
    if not isinstance(spec.get("connection"), str) or not isinstance(spec.get("subnet"), str):
        return
    connection = f"Connection/{spec['connection']}"
    yield Claim("attached subnet", attached_subnet(spec), connection)
    if spec.get("nativeVLAN") is True:
        yield Claim("native", "VLAN", connection)


def _external_attachment(spec: JSONObject) -> Iterator[Claim]:
    for part in map(mapping, (spec.get("switch"), spec.get("static"))):
        if vlan := vlan_of(part):
            yield Claim("VLAN", str(vlan), f"Connection/{spec.get('connection')}")


_FINDERS: dict[str, Callable[[JSONObject], Iterator[Claim]]] = {
    "Switch": _switch,
    "Gateway": _addresses,
    "Connection": _connection,
    "VPC": _vpc,
    "VPCAttachment": _attachment,
    "ExternalAttachment": _external_attachment,
}

_FIELDS = {
    "Switch": ("role", "asn", *_ADDRESSES),
    "Gateway": _ADDRESSES,
    "VPC": ("vlanNamespace", "ipv4Namespace", "subnets"),
}
"""The fields in which objects of a kind claim things; of other kinds all are looked at."""


def attached_subnet(spec: JSONObject) -> str:
    """`vpc/subnet` of an attachment: a name alone means the subnet `default`."""
    vpc, _, subnet = str(spec.get("subnet") or "").partition("/")
    return f"{vpc}/{subnet or _DEFAULT}"


def vlan_of(spec: JSONObject) -> int | None:
    """The VLAN of a subnet or an attachment; None where there is none: 0 is none too."""
    vlan = spec.get("vlan")
    return vlan if isinstance(vlan, int) and not isinstance(vlan, bool) and vlan > 0 else None


def network_of(value: JSON) -> IPv4Network | None:
    """A network as its first address and length, None for anything that is not one. Host bits are dropped."""
    if not isinstance(value, str):
        return None
    try:
        return IPv4Network(value, strict=False)
    except ValueError:
        return None


def _address(value: JSON) -> str | None:
    """The address alone: the length of its network makes no other."""
    if not isinstance(value, str):
        return None
    try:
        return str(ip_interface(value).ip)
    except ValueError:
        return None
