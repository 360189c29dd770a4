"""VPCPeerings, ExternalPeerings and GatewayPeerings: who may be joined, and what they may show each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import mapping, numbered, text
from reconciler.plan.rules.addresses import Prefix, prefix_of
from reconciler.plan.rules.facts import Breach
from reconciler.plan.rules.names import EXTERNAL_PREFIX
from reconciler.plan.rules.traits import Network, Outside
from reconciler.plan.rules.vpcs import HasSubnet
from reconciler.plan.rules.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Path
    from reconciler.plan.rules.facts import Draft, Others

_PERMIT = ("spec", "permit")
_PAIR = 2


def judge_vpc_peering(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    if text(spec.get("remote")):
        draft.breaks("RemotePeering", ("spec", "remote"), "the fabric no longer supports peering at a remote switch")
    names: dict[str, None] = {}
    for path, permit in numbered(spec.get("permit"), _PERMIT):
        if isinstance(permit, dict):
            names.update(dict.fromkeys(permit))
            _judge_permit(draft, key, path, permit)
    if len(names) > _PAIR:
        draft.breaks(
            "NotAPair", _PERMIT, f"a peering joins {_PAIR} VPCs, this one names {', '.join(map(plain, names))}"
        )
    if len(names) == _PAIR:
        first, second = (ObjectKey("VPC", key.namespace, name) for name in names)
        draft.demands(SameNamespaces(first, second))


def _judge_permit(draft: Draft, key: ObjectKey, path: Path, permit: JSONObject) -> None:
    if len(permit) != _PAIR:
        draft.breaks("NotAPair", path, f"each permit names {_PAIR} VPCs, this one {len(permit)}")
    for name, side in permit.items():
        _demand_subnets(draft, ObjectKey("VPC", key.namespace, name), mapping(side).get("subnets"), (*path, name))


def judge_external_peering(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    permit = mapping(spec.get("permit"))
    side = mapping(permit.get("vpc"))
    vpc, external = text(side.get("name")), text(mapping(permit.get("external")).get("name"))
    if not vpc:
        return
    network = ObjectKey("VPC", key.namespace, vpc)
    _demand_subnets(draft, network, side.get("subnets"), (*_PERMIT, "vpc"))
    if external:
        draft.demands(SameSpace(network, ObjectKey("External", key.namespace, external)))


def _demand_subnets(draft: Draft, vpc: ObjectKey, names: JSON, path: Path) -> None:
    for place, name in numbered(names, (*path, "subnets")):
        if isinstance(name, str):
            draft.demands(HasSubnet(vpc, name, place))


def judge_gateway_peering(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    sides, path = mapping(spec.get("peering")), ("spec", "peering")
    if sides and len(sides) != _PAIR:
        draft.breaks("NotAPair", path, f"a peering joins {_PAIR} sides, this one has {len(sides)}")
    for name, side in sides.items():
        if name.startswith(EXTERNAL_PREFIX):
            continue  # what lies outside is not declared
        vpc = ObjectKey("VPC", key.namespace, name)
        for place, exposure in numbered(mapping(side).get("expose"), (*path, name, "expose")):
            _judge_exposure(draft, vpc, place, mapping(exposure))


def _judge_exposure(draft: Draft, vpc: ObjectKey, path: Path, exposure: JSONObject) -> None:
    if exposure.get("default"):
        return
    for place, block in numbered(exposure.get("ips"), (*path, "ips")):
        subnet, cidr = text(mapping(block).get("vpcSubnet")), text(mapping(block).get("cidr"))
        prefix = prefix_of(cidr)
        if subnet:
            draft.demands(HasSubnet(vpc, subnet, (*place, "vpcSubnet")))
        if prefix is not None:
            draft.demands(InsideNetwork(vpc, prefix, (*place, "cidr"), cidr))


class SameNamespaces(NamedTuple):
    """Two VPCs that are joined take their addresses and their VLANs from the same namespaces."""

    first: ObjectKey
    second: ObjectKey

    def breaches(self, others: Others) -> Iterator[Breach]:
        left, right = others.traits(self.first, Network), others.traits(self.second, Network)
        if left is None or right is None:
            return
        addresses = (self.first, left.ipv4_namespace), (self.second, right.ipv4_namespace)
        if message := _apart(others, "IPv4Namespace", *addresses):
            yield Breach(_PERMIT, "IPv4NamespacesDiffer", message)
        vlans = (self.first, left.vlan_namespace), (self.second, right.vlan_namespace)
        if message := _apart(others, "VLANNamespace", *vlans):
            yield Breach(_PERMIT, "VLANNamespacesDiffer", message)


class SameSpace(NamedTuple):
    """A VPC is joined with an External of its IPv4Namespace."""

    vpc: ObjectKey
    external: ObjectKey

    def breaches(self, others: Others) -> Iterator[Breach]:
        network, outside = others.traits(self.vpc, Network), others.traits(self.external, Outside)
        if network is None or outside is None:
            return
        left, right = (self.vpc, network.ipv4_namespace), (self.external, outside.ipv4_namespace)
        if message := _apart(others, "IPv4Namespace", left, right):
            yield Breach(_PERMIT, "IPv4NamespacesDiffer", message)


class InsideNetwork(NamedTuple):
    """What a gateway shows of a VPC belongs to it."""

    vpc: ObjectKey
    prefix: Prefix
    path: Path
    said: str

    def breaches(self, others: Others) -> Iterator[Breach]:
        network = others.traits(self.vpc, Network)
        if network is not None and network.covers(self.prefix) is False:
            message = f"{self.said} is in none of the subnets of {others.said(self.vpc)}"
            yield Breach(self.path, "CIDROutsideVPC", message)


_Side = tuple[ObjectKey, "str | None"]


def _apart(others: Others, kind: str, left: _Side, right: _Side) -> str:
    """How the namespaces of two objects differ; empty when they do not, or are not others."""
    if left[1] is None or right[1] is None or left[1] == right[1]:
        return ""
    return f"{others.said(left[0])} is of {kind} {plain(left[1])}, {others.said(right[0])} of {plain(right[1])}"
