"""VPCAttachments and ExternalAttachments: what may hang on a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import mapping, text, whole
from reconciler.plan.references import DEFAULT
from reconciler.plan.rules.facts import Breach
from reconciler.plan.rules.names import judge_attached
from reconciler.plan.rules.traits import Cabling, Member, Network
from reconciler.plan.rules.vpcs import HasSubnet
from reconciler.plan.rules.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from reconciler.plan.rules.facts import Draft, Others

_SUBNET, _CONNECTION = ("spec", "subnet"), ("spec", "connection")
_ATTACHABLE = ("unbundled", "bundled", "eslag")


def judge_vpc_attachment(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    vpc, slash, subnet = text(spec.get("subnet")).partition("/")
    subnet = subnet if slash else DEFAULT
    connection = text(spec.get("connection"))
    network = ObjectKey("VPC", key.namespace, vpc)
    if vpc:
        draft.demands(HasSubnet(network, subnet, _SUBNET))
    if not connection:
        return
    judge_attached(draft, connection)
    if vpc:
        said = f"connection {plain(connection)} for subnet {plain(vpc)}/{plain(subnet)}"
        draft.claims("SubnetAttachedTwice", (connection, vpc, subnet), _SUBNET, said)
        draft.demands(Attachable(ObjectKey("Connection", key.namespace, connection), network, subnet))
    if spec.get("nativeVLAN") is True:
        said = f"the native VLAN of connection {plain(connection)}"
        draft.claims("NativeVLANUsedTwice", connection, ("spec", "nativeVLAN"), said)


def judge_external_attachment(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    connection = text(spec.get("connection"))
    if not connection:
        return
    judge_attached(draft, connection)
    part = "switch" if spec.get("static") is None else "static"
    side = spec.get(part)
    vlan = whole(mapping(side).get("vlan"))
    if vlan is not None and (side is None or isinstance(side, dict)):
        on = f"connection {plain(connection)}"
        said = f"VLAN {vlan} on {on}" if vlan else f"{on} without a VLAN"
        draft.claims("ExternalVLANUsedTwice", (connection, vlan), ("spec", part, "vlan"), said)
    draft.demands(LeadsOutside(ObjectKey("Connection", key.namespace, connection)))


class Attachable(NamedTuple):
    """A VPC hangs on connections to servers, of types and at switches that fit it."""

    connection: ObjectKey
    vpc: ObjectKey
    subnet: str

    def breaches(self, others: Others) -> Iterator[Breach]:
        cabling = others.traits(self.connection, Cabling)
        if cabling is None:
            return
        if cabling.wiring not in _ATTACHABLE:
            message = f"{others.said(self.connection)} is {cabling.wiring}; VPCs hang on {', '.join(_ATTACHABLE)}"
            yield Breach(_CONNECTION, "NotAttachable", message)
            return
        network = others.traits(self.vpc, Network)
        if network is not None:
            yield from self._misfits(others, cabling, network)

    def _misfits(self, others: Others, cabling: Cabling, network: Network) -> Iterator[Breach]:
        subnet = network.subnets.get(self.subnet)
        if subnet is not None and subnet.is_host_bgp and cabling.wiring != "unbundled":
            what = f"{plain(self.subnet)} of {others.said(self.vpc)} is for hostBGP"
            message = f"{what}; {others.said(self.connection)} is {cabling.wiring}, not unbundled"
            yield Breach(_CONNECTION, "HostBGPNotUnbundled", message)
        if network.mode and cabling.wiring == "eslag":
            what = f"{others.said(self.vpc)} has the mode {plain(network.mode)}"
            yield Breach(_CONNECTION, "ModeNotOnESLAG", f"{what}; {others.said(self.connection)} is eslag")
        namespace = network.vlan_namespace
        for name in cabling.switches:
            switch = ObjectKey("Switch", self.vpc.namespace, name)
            member = others.traits(switch, Member)
            namespaces = member.vlan_namespaces if member is not None else None
            if namespace is not None and namespaces is not None and namespace not in namespaces:
                what = f"{others.said(switch)} is not in VLANNamespace {plain(namespace)}"
                message = f"{what}, which {others.said(self.vpc)} takes its VLANs from"
                yield Breach(_CONNECTION, "SwitchOutsideVLANNamespace", message)


class LeadsOutside(NamedTuple):
    """An External hangs on a connection of its own type."""

    connection: ObjectKey

    def breaches(self, others: Others) -> Iterator[Breach]:
        cabling = others.traits(self.connection, Cabling)
        if cabling is not None and cabling.wiring != "external":
            message = f"{others.said(self.connection)} is {cabling.wiring}; externals are attached to external ones"
            yield Breach(_CONNECTION, "NotAttachable", message)
