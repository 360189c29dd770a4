"""What other objects' rules ask of an object. A part that is None could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.plan.rules.addresses import Prefix


@dataclass(frozen=True, slots=True)
class VLANRanges:
    """Of a VLANNamespace: ranges of VLAN ids, ends included."""

    ranges: tuple[tuple[int, int], ...]

    def hold(self, vlan: int) -> bool:
        return any(low <= vlan <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """Of an IPv4Namespace."""

    prefixes: tuple[Prefix, ...]

    def covers(self, prefix: Prefix) -> bool:
        return any(one.covers(prefix) for one in self.prefixes)


@dataclass(frozen=True, slots=True)
class Subnet:
    is_host_bgp: bool | None
    prefix: Prefix | None


@dataclass(frozen=True, slots=True)
class Network:
    """Of a VPC; the namespaces by name, the subnets too."""

    ipv4_namespace: str | None
    vlan_namespace: str | None
    mode: str
    subnets: Mapping[str, Subnet]

    def covers(self, prefix: Prefix) -> bool | None:
        """Whether one of the subnets has all these addresses; None when one could not be read."""
        prefixes = [subnet.prefix for subnet in self.subnets.values()]
        known = [one for one in prefixes if one is not None]
        if any(one.covers(prefix) for one in known):
            return True
        return False if len(known) == len(prefixes) else None


@dataclass(frozen=True, slots=True)
class Outside:
    """Of an External."""

    ipv4_namespace: str | None


@dataclass(frozen=True, slots=True)
class Cabling:
    """Of a Connection: its type (`unbundled`, ...) and the names of its switches, each once."""

    wiring: str
    switches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """Of a Switch. `group` and `redundancy` are empty where it is in no redundancy group."""

    vlan_namespaces: tuple[str, ...] | None
    group: str | None
    redundancy: str | None


Traits: TypeAlias = "VLANRanges | AddressSpace | Network | Outside | Cabling | Member"
