"""Which objects an object refers to, and by which field, read from its spec.

Source: the references that the fabric controller's admission webhooks check. Kinds that only controllers write
(SwitchProfile) are told apart: the server decides on those, and nothing waits for them. A spec that is not what its
schema says refers to less, and is never an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import listed, mapping, name_or, numbered
from reconciler.plan.wiring import links_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Path

_Named = tuple[str, "JSON", "Path"]
"""A kind, the name of an object of it, and the field that holds the name."""

DEFAULT = "default"
"""The object of a kind that is meant where a field names none."""

_SIDES = {
    "server": "Server",
    "switch": "Switch",
    "switch1": "Switch",
    "switch2": "Switch",
    "leaf": "Switch",
    "leaf1": "Switch",
    "leaf2": "Switch",
    "spine": "Switch",
}
"""The sides of a link and the kind of the device there. Gateways are not checked by the server, so not waited for."""


class Declared(Protocol):
    """What refers to others: a manifest or a resource."""

    @property
    def key(self) -> ObjectKey: ...

    @property
    def spec(self) -> JSONObject: ...


class Reference(NamedTuple):
    """An object that is referred to, and the field that names it. Where the field is absent and the server fills in a
    default, it is the field that would name it.
    """

    key: ObjectKey
    path: Path


def references_of(declared: Declared) -> Iterator[Reference]:
    """What must exist before this object can, each as often as it is named: of the same namespace, and never itself."""
    find = _FINDERS.get(declared.key.kind)
    return iter(()) if find is None else _resolved(declared.key, find(mapping(declared.spec)))


def dependencies_of(declared: Declared) -> frozenset[ObjectKey]:
    """The objects that must exist before this one can."""
    return frozenset(reference.key for reference in references_of(declared))


def controller_references_of(declared: Declared) -> Iterator[Reference]:
    """What this object refers to of the kinds that only controllers write."""
    if declared.key.kind != "Switch":
        return iter(())
    profile = mapping(declared.spec).get("profile")
    return _resolved(declared.key, (("SwitchProfile", profile, ("spec", "profile")),))


def _resolved(referrer: ObjectKey, named: Iterable[_Named]) -> Iterator[Reference]:
    for kind, name, path in named:
        if isinstance(name, str) and name:
            key = ObjectKey(kind, referrer.namespace, name)
            if key != referrer:
                yield Reference(key, path)


def relayed_vpcs(spec: JSONObject) -> Iterator[str]:
    """The VPCs to which the subnets of a VPC relay DHCP."""
    return (name for _, name, _ in _relayed(mapping(spec)) if isinstance(name, str) and name)


def _relayed(spec: JSONObject) -> Iterator[_Named]:
    for name, subnet in mapping(spec.get("subnets")).items():
        target = mapping(mapping(subnet).get("dhcp")).get("relayVPC")
        yield "VPC", target, ("spec", "subnets", name, "dhcp", "relayVPC")


def _each(kind: str, spec: JSONObject, field: str) -> Iterator[_Named]:
    """A list of names."""
    return ((kind, name, path) for path, name in numbered(spec.get(field), ("spec", field)))


def _defaulted(kind: str, spec: JSONObject, field: str) -> _Named:
    return kind, name_or(DEFAULT, spec.get(field)), ("spec", field)


def _switch(spec: JSONObject) -> Iterator[_Named]:
    yield from _each("VLANNamespace", spec, "vlanNamespaces")
    if listed(spec.get("vlanNamespaces")) == []:
        yield "VLANNamespace", DEFAULT, ("spec", "vlanNamespaces")
    yield from _each("SwitchGroup", spec, "groups")
    yield "SwitchGroup", mapping(spec.get("redundancy")).get("group"), ("spec", "redundancy", "group")


def _gateway(spec: JSONObject) -> Iterator[_Named]:
    for path, group in numbered(spec.get("groups"), ("spec", "groups")):
        yield "GatewayGroup", mapping(group).get("name"), (*path, "name")
    if listed(spec.get("groups")) == []:
        yield "GatewayGroup", DEFAULT, ("spec", "groups")


def _vpc(spec: JSONObject) -> Iterator[_Named]:
    yield _defaulted("IPv4Namespace", spec, "ipv4Namespace")
    yield _defaulted("VLANNamespace", spec, "vlanNamespace")
    yield from _relayed(spec)


def _external(spec: JSONObject) -> Iterator[_Named]:
    yield _defaulted("IPv4Namespace", spec, "ipv4Namespace")


def _connection(spec: JSONObject) -> Iterator[_Named]:
    for link in links_of(spec):
        for end in link.ends():
            if end.side in _SIDES:
                yield _SIDES[end.side], before_slash(end.port), end.path
    within = mapping(spec.get("staticExternal")).get("withinVPC")
    yield "VPC", within, ("spec", "staticExternal", "withinVPC")


def _vpc_attachment(spec: JSONObject) -> Iterator[_Named]:
    yield "VPC", before_slash(spec.get("subnet")), ("spec", "subnet")
    yield "Connection", spec.get("connection"), ("spec", "connection")


def _external_attachment(spec: JSONObject) -> Iterator[_Named]:
    yield "External", spec.get("external"), ("spec", "external")
    yield "Connection", spec.get("connection"), ("spec", "connection")


def _vpc_peering(spec: JSONObject) -> Iterator[_Named]:
    for path, permit in numbered(spec.get("permit"), ("spec", "permit")):
        yield from (("VPC", name, (*path, name)) for name in mapping(permit))


def _external_peering(spec: JSONObject) -> Iterator[_Named]:
    permit = mapping(spec.get("permit"))
    yield "VPC", mapping(permit.get("vpc")).get("name"), ("spec", "permit", "vpc", "name")
    yield "External", mapping(permit.get("external")).get("name"), ("spec", "permit", "external", "name")


def _gateway_peering(spec: JSONObject) -> Iterator[_Named]:
    yield _defaulted("GatewayGroup", spec, "gatewayGroup")
    for side in mapping(spec.get("peering")):
        external = side.removeprefix("ext.")
        path = ("spec", "peering", side)
        yield ("VPC", side, path) if external == side else ("External", external, path)


_FINDERS: dict[str, Callable[[JSONObject], Iterator[_Named]]] = {
    "Switch": _switch,
    "Gateway": _gateway,
    "VPC": _vpc,
    "External": _external,
    "Connection": _connection,
    "VPCAttachment": _vpc_attachment,
    "ExternalAttachment": _external_attachment,
    "VPCPeering": _vpc_peering,
    "ExternalPeering": _external_peering,
    "GatewayPeering": _gateway_peering,
}


def before_slash(value: JSON) -> str | None:
    """The first part of `<vpc>/<subnet>` or `<device>/<port>`, split at the first slash: a port's own name may hold
    more. None where there is no text.
    """
    return value.partition("/")[0] if isinstance(value, str) else None
