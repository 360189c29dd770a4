"""VPCs: subnets and VLANs that are theirs alone, inside the namespaces that they are taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import flag, mapping, name_or, numbered, text, whole
from reconciler.plan.references import DEFAULT
from reconciler.plan.rules.addresses import Prefix, address_of, prefix_of
from reconciler.plan.rules.facts import Breach
from reconciler.plan.rules.traits import AddressSpace, Network, Subnet, VLANRanges
from reconciler.plan.rules.words import plain, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from reconciler.model.problems import Path
    from reconciler.plan.rules.facts import Draft, Others

_MOST_SUBNETS = 20
_LONGEST_PREFIX = 30


def judge_vpc(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    subnets, path = spec.get("subnets"), ("spec", "subnets")
    declared = mapping(subnets)
    if subnets is None or subnets == {}:
        draft.breaks("NoSubnets", path, "a VPC has at least one subnet")
    elif len(declared) > _MOST_SUBNETS:
        draft.breaks("TooManySubnets", path, f"a VPC has at most {_MOST_SUBNETS} subnets, not {len(declared)}")
    if spec.get("mode") == "l3flat":
        draft.breaks("UnsupportedMode", ("spec", "mode"), "the fabric does not support the mode l3flat")
    addresses, vlans = (name_or(DEFAULT, spec.get(field)) for field in ("ipv4Namespace", "vlanNamespace"))
    found = {
        name: _Reader(draft, key, (*path, name), subnet, addresses, vlans).read()
        for name, subnet in declared.items()
        if isinstance(subnet, dict)
    }
    _judge_permit(draft, spec, declared)
    if isinstance(subnets, dict) and all(one is None or isinstance(one, dict) for one in subnets.values()):
        draft.traits = Network(addresses, vlans, text(spec.get("mode")), found)


def _judge_permit(draft: Draft, spec: JSONObject, subnets: JSONObject) -> None:
    for path, permit in numbered(spec.get("permit"), ("spec", "permit")):
        for place, name in numbered(permit, path):
            if isinstance(name, str) and name not in subnets:
                draft.breaks("MissingSubnet", place, f"this VPC has no subnet {quoted(name)}")


@dataclass(frozen=True, slots=True)
class _Reader:
    """One subnet of a VPC, and the names of the namespaces that it belongs to."""

    draft: Draft
    vpc: ObjectKey
    path: Path
    subnet: JSONObject
    addresses: str | None
    vlans: str | None

    def read(self) -> Subnet:
        is_host_bgp = flag(self.subnet.get("hostBGP"))
        prefix = self._prefix()
        self._judge_vlan(is_host_bgp=is_host_bgp)
        if prefix is not None:
            if not is_host_bgp:
                self._judge_inside(prefix, ("gateway",), self.subnet.get("gateway"), "GatewayOutsideSubnet")
            self._judge_dhcp(prefix)
        self._judge_relay()
        return Subnet(is_host_bgp, prefix)

    def _prefix(self) -> Prefix | None:
        written, path = text(self.subnet.get("subnet")), (*self.path, "subnet")
        prefix = prefix_of(written)
        if prefix is None:
            if written:
                self._break(
                    "MalformedPrefix", ("subnet",), f"{quoted(written)} is not an IPv4 prefix such as 10.0.1.0/24"
                )
            return None
        if prefix.length > _LONGEST_PREFIX:
            self._break("SubnetTooSmall", ("subnet",), f"{written} is smaller than a /{_LONGEST_PREFIX}")
        if self.addresses is not None:
            self.draft.spans(self.addresses, prefix, path, written)
            namespace = ObjectKey("IPv4Namespace", self.vpc.namespace, self.addresses)
            self.draft.demands(InsideSpace(namespace, prefix, path, written))
        return prefix

    def _judge_vlan(self, *, is_host_bgp: bool | None) -> None:
        vlan, path = whole(self.subnet.get("vlan")), (*self.path, "vlan")
        if vlan == 0 and is_host_bgp is False:
            self._break("MissingVLAN", ("vlan",), "a subnet has a VLAN, unless it is one for hostBGP")
        if not vlan or self.vlans is None:
            return
        self.draft.claims(
            "VLANUsedTwice", (self.vlans, vlan), path, f"VLAN {vlan} of VLANNamespace {plain(self.vlans)}"
        )
        if is_host_bgp is False:
            namespace = ObjectKey("VLANNamespace", self.vpc.namespace, self.vlans)
            self.draft.demands(InRanges(namespace, vlan, path))

    def _judge_dhcp(self, prefix: Prefix) -> None:
        dhcp = mapping(self.subnet.get("dhcp"))
        if dhcp.get("enable") is not True:
            return  # the server drops the range
        limits = mapping(dhcp.get("range"))
        start, end = (
            self._judge_inside(prefix, ("dhcp", "range", name), limits.get(name), "DHCPRangeOutsideSubnet")
            for name in ("start", "end")
        )
        if start is not None and end is not None and start >= end:
            message = f"{limits['start']} does not come before {limits['end']}"
            self._break("DHCPRangeBackwards", ("dhcp", "range"), message)

    def _judge_inside(self, prefix: Prefix, field: Path, value: object, rule: str) -> int | None:
        """The address that a field holds; None when it is absent, or when there is something wrong with it."""
        if not isinstance(value, str) or not value:
            return None
        address = address_of(value)
        if address is None:
            self._break("MalformedAddress", field, f"{quoted(value)} is not an IPv4 address")
        elif not prefix.holds(address):
            self._break(rule, field, f"{value} is not in the subnet {self.subnet['subnet']}")
            return None
        return address

    def _judge_relay(self) -> None:
        relay = text(mapping(self.subnet.get("dhcp")).get("relay"))
        if relay and ":" not in relay and prefix_of(relay) is None:
            message = f"{quoted(relay)} is not a prefix: a relay is written with a length, such as 10.99.0.100/32"
            self._break("RelayNotAPrefix", ("dhcp", "relay"), message)

    def _break(self, rule: str, field: Path, message: str) -> None:
        self.draft.breaks(rule, (*self.path, *field), message)


class InsideSpace(NamedTuple):
    """A VPC's subnet is taken from its IPv4Namespace."""

    namespace: ObjectKey
    prefix: Prefix
    path: Path
    said: str

    def breaches(self, others: Others) -> Iterator[Breach]:
        space = others.traits(self.namespace, AddressSpace)
        if space is not None and not space.covers(self.prefix):
            message = f"{self.said} is in none of the subnets of {others.said(self.namespace)}"
            yield Breach(self.path, "SubnetOutsideNamespace", message)


class InRanges(NamedTuple):
    """A VPC's VLAN is taken from its VLANNamespace."""

    namespace: ObjectKey
    vlan: int
    path: Path

    def breaches(self, others: Others) -> Iterator[Breach]:
        ranges = others.traits(self.namespace, VLANRanges)
        if ranges is not None and not ranges.hold(self.vlan):
            message = f"VLAN {self.vlan} is in none of the ranges of {others.said(self.namespace)}"
            yield Breach(self.path, "VLANOutsideNamespace", message)


class HasSubnet(NamedTuple):
    """What refers to a VPC's subnet wants it to be there."""

    vpc: ObjectKey
    subnet: str
    path: Path

    def breaches(self, others: Others) -> Iterator[Breach]:
        network = others.traits(self.vpc, Network)
        if network is not None and self.subnet not in network.subnets:
            yield Breach(self.path, "MissingSubnet", f"{others.said(self.vpc)} has no subnet {quoted(self.subnet)}")
