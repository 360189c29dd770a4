"""Namespaces of VLANs and addresses: how they grow and shrink.

The server refuses a namespace that no longer holds what its VPCs use, and a VPC that its namespace does not hold yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, summarize_address_range
from typing import TYPE_CHECKING, TypeAlias

from reconciler.plan.claims import network_of, vlan_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.references import Declared

Span: TypeAlias = tuple[int, int]
"""First and last of a row of VLANs or addresses."""

SPACES = {"VLANNamespace": "vlanNamespace", "IPv4Namespace": "ipv4Namespace"}
"""The kinds of namespaces, with the field in which a VPC names its own."""

_MOST = {"VLANNamespace": 20, "IPv4Namespace": 10}
"""So many ranges the server lets a namespace have."""

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Space:
    """What a namespace holds: spans in order, none touching the next."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, namespace: Declared) -> Space:
        return cls(tuple(_merged(_spans(namespace))))

    def __or__(self, other: Space) -> Space:
        return Space(tuple(_merged([*self.spans, *other.spans])))

    def holds(self, span: Span) -> bool:
        return any(first <= span[0] and span[1] <= last for first, last in self.spans)

    def covers(self, other: Space) -> bool:
        return all(self.holds(span) for span in other.spans)

    def spec(self, kind: str) -> JSONObject:
        """As a namespace of this kind writes it."""
        if kind == "VLANNamespace":
            return {"ranges": [{"from": first, "to": last} for first, last in self.spans]}
        ends = ((IPv4Address(first), IPv4Address(last)) for first, last in self.spans)
        return {"subnets": [str(one) for first, last in ends for one in summarize_address_range(first, last)]}


def between(before: Declared, after: Declared, vpcs: Iterable[Declared]) -> JSONObject | None:
    """The spec of a namespace that has what it had and what it will have; None where it only grows, or only shrinks.

    Where that makes too many ranges, it keeps of the old ones those that one of `vpcs` uses.
    """
    kind = before.key.kind
    old, new = Space.of(before), Space.of(after)
    if old.covers(new) or new.covers(old):
        return None
    both = (old | new).spec(kind)
    if sum(map(len, both.values())) <= _MOST[kind]:
        return both
    used = [span for vpc in vpcs if space_of(vpc, kind) == before.key.name for span in taken(vpc, kind)]
    kept = Space(tuple(span for span in old.spans if any(Space((span,)).holds(one) for one in used)))
    return (kept | new).spec(kind)


def _spans(namespace: Declared) -> Iterator[Span]:
    if namespace.key.kind == "IPv4Namespace":
        for value in _list(namespace.spec.get("subnets")):
            if network := network_of(value):
                yield int(network.network_address), int(network.broadcast_address)
        return
    for one in _list(namespace.spec.get("ranges")):
        ends = one if isinstance(one, dict) else {}
        first = ends.get("from")
        last = ends.get("to") or first
        if isinstance(first, int) and isinstance(last, int):
            yield first, last


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    current: Span | None = None
    for first, last in sorted(spans):
        if current is not None and first <= current[1] + 1:
            current = (current[0], max(current[1], last))
            continue
        if current is not None:
            yield current
        current = (first, last)
    if current is not None:
        yield current


def space_of(vpc: Declared, kind: str) -> str:
    """The name of the namespace of this kind that a VPC lives in."""
    return str(vpc.spec.get(SPACES[kind]) or _DEFAULT)


def taken(vpc: Declared, kind: str) -> Iterator[Span]:
    """What a VPC uses of its namespace of this kind."""
    subnets = vpc.spec.get("subnets")
    for subnet in subnets.values() if isinstance(subnets, dict) else ():
        spec = subnet if isinstance(subnet, dict) else {}
        vlan, network = vlan_of(spec), network_of(spec.get("subnet"))
        if kind == "VLANNamespace" and vlan:
            yield vlan, vlan
        if kind == "IPv4Namespace" and network:
            yield int(network.network_address), int(network.broadcast_address)


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []
