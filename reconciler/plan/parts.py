"""What an object offers to others by name, and what they use of it.

A VPC offers its subnets, a switch its VLAN namespaces. The server lets both go while others still use them: who plans
has to see to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from reconciler.model.objects import ObjectKey
from reconciler.plan.claims import attached_subnet
from reconciler.plan.lenient import mapping
from reconciler.plan.references import dependencies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.references import Declared

    Lookup: TypeAlias = Callable[[ObjectKey], Declared | None]
    """An object by its key, as it is or as it will be."""

_DEFAULT = "default"


class Part(NamedTuple):
    """A part of one object: what it is, and its name."""

    owner: ObjectKey
    what: str
    name: str

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


def offered(declared: Declared) -> frozenset[Part]:
    """The parts that others may use."""
    match declared.key.kind:
        case "VPC":
            return frozenset(_subnets(declared.key, mapping(declared.spec.get("subnets"))))
        case "Switch":
            return frozenset(_spaces(declared.key, declared.spec))
    return frozenset()


def _subnets(vpc: ObjectKey, names: Iterable[JSON]) -> Iterator[Part]:
    return (Part(vpc, "subnet", name) for name in names if isinstance(name, str) and name)


def _spaces(switch: ObjectKey, spec: JSONObject) -> Iterator[Part]:
    for name in _list(spec.get("vlanNamespaces")) or [_DEFAULT]:
        if isinstance(name, str):
            yield Part(switch, "VLAN namespace", name)


USERS = frozenset({"VPCAttachment", "VPCPeering", "ExternalPeering", "GatewayPeering"})
"""The kinds that use parts."""


def used(declared: Declared, lookup: Lookup) -> frozenset[Part]:
    """The parts that an object needs. `lookup` finds the objects that it refers to."""
    namespace, spec = declared.key.namespace, mapping(declared.spec)
    match declared.key.kind:
        case "VPCAttachment":
            return frozenset(_attachment(namespace, spec, lookup))
        case "VPCPeering":
            sides = [side for permit in _list(spec.get("permit")) for side in mapping(permit).items()]
            return frozenset(_permitted(namespace, sides))
        case "ExternalPeering":
            vpc = mapping(mapping(spec.get("permit")).get("vpc"))
            return frozenset(_permitted(namespace, [(str(vpc.get("name")), vpc)]))
        case "GatewayPeering":
            return frozenset(_exposed(namespace, mapping(spec.get("peering"))))
    return frozenset()


def _attachment(namespace: str, spec: JSONObject, lookup: Lookup) -> Iterator[Part]:
    name, _, subnet = attached_subnet(spec).partition("/")
    vpc = lookup(ObjectKey("VPC", namespace, name))
    yield Part(ObjectKey("VPC", namespace, name), "subnet", subnet)
    connection = lookup(ObjectKey("Connection", namespace, str(spec.get("connection"))))
    if vpc is None or connection is None:
        return
    space = vpc.spec.get("vlanNamespace") or _DEFAULT
    for switch in dependencies_of(connection):
        if switch.kind == "Switch":
            yield Part(switch, "VLAN namespace", space)


def _permitted(namespace: str, sides: list[tuple[str, JSON]]) -> Iterator[Part]:
    """An absent list permits all subnets, and needs none of them."""
    for name, side in sides:
        yield from _subnets(ObjectKey("VPC", namespace, name), _list(mapping(side).get("subnets")))


def _exposed(namespace: str, peering: JSONObject) -> Iterator[Part]:
    for name, side in peering.items():
        exposes = map(mapping, _list(mapping(side).get("expose")))
        addresses = [mapping(one) for expose in exposes for one in _list(expose.get("ips"))]
        yield from _subnets(ObjectKey("VPC", namespace, name), [one.get("vpcSubnet") for one in addresses])


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []
