"""Which objects an object refers to, read from its spec.

Source: the references that the fabric controller's admission webhooks check. Kinds that only controllers write
(SwitchProfile) are never among them: the server decides on those. A spec that is not what its schema says refers
to less, and is never an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reconciler.model.objects import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reconciler.model.json import JSON, JSONObject

_Reference = tuple[str, "JSON"]
"""A kind and the name of an object of it."""

_DEFAULT = "default"
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


def dependencies_of(declared: Declared) -> frozenset[ObjectKey]:
    """The objects that must exist before this one can: of the same namespace, and never itself."""
    find = _FINDERS.get(declared.key.kind)
    if find is None:
        return frozenset()
    references = find(_mapping(declared.spec))
    namespace = declared.key.namespace
    found = {ObjectKey(kind, namespace, name) for kind, name in references if isinstance(name, str) and name}
    return frozenset(found - {declared.key})


def relayed_vpcs(spec: JSONObject) -> Iterator[str]:
    """The VPCs to which the subnets of a VPC relay DHCP."""
    for subnet in _mapping(_mapping(spec).get("subnets")).values():
        name = _mapping(_mapping(subnet).get("dhcp")).get("relayVPC")
        if isinstance(name, str) and name:
            yield name


def _switch(spec: JSONObject) -> Iterator[_Reference]:
    yield from (("VLANNamespace", name) for name in _list(spec.get("vlanNamespaces")) or [_DEFAULT])
    yield from (("SwitchGroup", name) for name in _list(spec.get("groups")))
    yield "SwitchGroup", _mapping(spec.get("redundancy")).get("group")


def _gateway(spec: JSONObject) -> Iterator[_Reference]:
    groups = [_mapping(group).get("name") for group in _list(spec.get("groups"))]
    yield from (("GatewayGroup", name) for name in groups or [_DEFAULT])


def _vpc(spec: JSONObject) -> Iterator[_Reference]:
    yield "IPv4Namespace", spec.get("ipv4Namespace") or _DEFAULT
    yield "VLANNamespace", spec.get("vlanNamespace") or _DEFAULT
    yield from (("VPC", name) for name in relayed_vpcs(spec))


def _external(spec: JSONObject) -> Iterator[_Reference]:
    yield "IPv4Namespace", spec.get("ipv4Namespace") or _DEFAULT


def _connection(spec: JSONObject) -> Iterator[_Reference]:
    for wiring in map(_mapping, spec.values()):
        for link in (wiring.get("link"), *_links(wiring)):
            yield from _devices(_mapping(link))
    yield "VPC", _mapping(spec.get("staticExternal")).get("withinVPC")


def _links(wiring: JSONObject) -> Iterable[JSON]:
    return [link for name in ("links", "peerLinks", "sessionLinks") for link in _list(wiring.get(name))]


def _devices(link: JSONObject) -> Iterator[_Reference]:
    """A port is `<device>/<port>`, split at the first slash: the port's own name may hold more."""
    for side, kind in _SIDES.items():
        yield kind, _before_slash(_mapping(link.get(side)).get("port"))


def _vpc_attachment(spec: JSONObject) -> Iterator[_Reference]:
    yield "VPC", _before_slash(spec.get("subnet"))
    yield "Connection", spec.get("connection")


def _external_attachment(spec: JSONObject) -> Iterator[_Reference]:
    yield "External", spec.get("external")
    yield "Connection", spec.get("connection")


def _vpc_peering(spec: JSONObject) -> Iterator[_Reference]:
    for permit in _list(spec.get("permit")):
        yield from (("VPC", name) for name in _mapping(permit))


def _external_peering(spec: JSONObject) -> Iterator[_Reference]:
    permit = _mapping(spec.get("permit"))
    yield "VPC", _mapping(permit.get("vpc")).get("name")
    yield "External", _mapping(permit.get("external")).get("name")


def _gateway_peering(spec: JSONObject) -> Iterator[_Reference]:
    yield "GatewayGroup", spec.get("gatewayGroup") or _DEFAULT
    for side in _mapping(spec.get("peering")):
        external = side.removeprefix("ext.")
        yield ("VPC", side) if external == side else ("External", external)


_FINDERS: dict[str, Callable[[JSONObject], Iterator[_Reference]]] = {
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


def _mapping(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}


def _list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _before_slash(value: JSON) -> str | None:
    return value.partition("/")[0] if isinstance(value, str) else None
