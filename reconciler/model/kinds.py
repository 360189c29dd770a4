"""The kinds of the Hedgehog API groups: which of them Git may hold, and in which wave each is applied.

Source: the CustomResourceDefinitions of githedgehog/fabric, all namespaced, one version each.
"""

from __future__ import annotations

from dataclasses import dataclass

WIRING = "wiring.githedgehog.com"
VPC = "vpc.githedgehog.com"
GATEWAY = "gateway.githedgehog.com"
AGENT = "agent.githedgehog.com"


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type of a cluster.

    `wave` orders applies (low first) and deletes (high first): objects of a wave may refer to objects of
    lower waves only. Waves are ten apart, so that a plan can set objects of one kind behind each other
    (a VPC that relays DHCP comes after the VPC it relays to). It is None for kinds that only controllers
    write: those are observed, never applied.
    """

    name: str
    group: str
    version: str
    plural: str
    wave: int | None

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}"

    @property
    def is_declarable(self) -> bool:
        """Whether Git may hold objects of this kind."""
        return self.wave is not None


_TABLE = (
    Kind("VLANNamespace", WIRING, "v1beta1", "vlannamespaces", 0),
    Kind("IPv4Namespace", VPC, "v1beta1", "ipv4namespaces", 0),
    Kind("SwitchGroup", WIRING, "v1beta1", "switchgroups", 0),
    Kind("GatewayGroup", GATEWAY, "v1alpha1", "gatewaygroups", 0),
    Kind("Switch", WIRING, "v1beta1", "switches", 10),
    Kind("Server", WIRING, "v1beta1", "servers", 10),
    Kind("Gateway", GATEWAY, "v1alpha1", "gateways", 20),
    Kind("VPC", VPC, "v1beta1", "vpcs", 30),
    Kind("External", VPC, "v1beta1", "externals", 30),
    Kind("Connection", WIRING, "v1beta1", "connections", 40),
    Kind("VPCAttachment", VPC, "v1beta1", "vpcattachments", 50),
    Kind("ExternalAttachment", VPC, "v1beta1", "externalattachments", 50),
    Kind("VPCPeering", VPC, "v1beta1", "vpcpeerings", 60),
    Kind("ExternalPeering", VPC, "v1beta1", "externalpeerings", 60),
    Kind("GatewayPeering", GATEWAY, "v1alpha1", "gatewaypeerings", 60),
    Kind("SwitchProfile", WIRING, "v1beta1", "switchprofiles", None),
    Kind("Catalog", AGENT, "v1beta1", "catalogs", None),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _TABLE}
"""All kinds that the reconciler reads, by name. Kind names are unique over the groups."""

DECLARABLE: tuple[Kind, ...] = tuple(kind for kind in _TABLE if kind.is_declarable)
"""The kinds that Git may hold, in the order of their waves."""

OBSERVED: tuple[Kind, ...] = _TABLE
"""The kinds that a pass reads from the cluster."""

AGENTS: tuple[Kind, ...] = (
    Kind("Agent", AGENT, "v1beta1", "agents", None),
    Kind("GatewayAgent", "gwint.githedgehog.com", "v1alpha1", "gatewayagents", None),
)
"""Kinds of which nothing but the status is read: their specs hold passwords. They are not among `KINDS`."""
