"""What lies outside of the fabric: providers with their networks, circuits, and the ports that lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import (
    ADDRESSES,
    CIRCUIT_TERMINATIONS,
    CIRCUITS,
    INTERFACES,
    PREFIXES,
    PROVIDER_NETWORKS,
    PROVIDERS,
    VRFS,
)
from reconciler.model.objects import ObjectKey
from reconciler.plan.lenient import text as lenient_text
from reconciler.plan.projection import prerequisites
from reconciler.plan.projection.cables import claim, plug, port_at
from reconciler.plan.projection.names import json_text, shorten, slug
from reconciler.plan.projection.ports import address_record
from reconciler.plan.projection.reading import (
    MalformedError,
    address,
    host,
    items,
    mapping,
    network,
    number,
    text,
    texts,
    vlan_id,
)

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Value
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.ports import Interface

_NAME_LIMIT = 100
_DESCRIPTION_LIMIT = 200


def project_external(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """An External as a provider with one network. Raises MalformedError."""
    draft = context.draft
    name = f"{draft.fabric}/{key.name}"
    fields: dict[str, Value] = {
        "name": shorten(name, _NAME_LIMIT),
        "slug": slug(name),
        "custom_fields.hh_inbound_community": text(spec, "inboundCommunity") or None,
        "custom_fields.hh_outbound_community": text(spec, "outboundCommunity") or None,
        "custom_fields.hh_prefixes": json_text([*texts(mapping(spec, "static"), "prefixes", "spec.static")]),
    }
    provider = draft.ref(PROVIDERS, key)
    draft.add(key, Record(provider, name, fields))
    of_network: dict[str, Value] = {"provider": provider, "name": shorten(key.name, _NAME_LIMIT)}
    draft.add(key, Record(draft.ref(PROVIDER_NETWORKS, key, "network"), key.name, of_network))


def attached(context: Context) -> dict[str, str]:
    """The first of the externals that are attached to each connection."""
    found: dict[str, str] = {}
    for _, spec in context.objects.of("ExternalAttachment"):
        external, connection = lenient_text(spec.get("external")), lenient_text(spec.get("connection"))
        if context.objects.spec("External", external) is not None:
            found[connection] = min(external, found.get(connection, external))
    return found


def project_external_connection(context: Context, key: ObjectKey, settings: JSONObject) -> None:
    """A port that leads to the externals attached to it: as the circuit of the first; until there is one, the port says
    no more than that it is connected. Raises MalformedError.
    """
    port = _uplink(context, key, settings, "spec.external")
    external = context.attached.get(key.name)
    if external is None:
        port.is_connected = True
    else:
        _circuit(context, key, port, external)
    context.uplinks[key.name] = port


def project_static_external(context: Context, key: ObjectKey, settings: JSONObject) -> None:
    """A port that leads to something with fixed addresses, in the VRF of a VPC where one is named. Raises
    MalformedError.
    """
    port = _uplink(context, key, settings, "spec.staticExternal")
    port.is_connected = True
    switch = mapping(mapping(settings, "link"), "switch")
    path = "spec.staticExternal.link.switch"
    vpc = text(settings, "withinVPC", "spec.staticExternal")
    vrf = _vrf(context, key, vpc, "spec.staticExternal.withinVPC") if vpc else None
    with context.draft.skipping(key):
        vlan = vlan_id(switch, "vlan", path)
        if vlan:
            ref = Ref(INTERFACES, f"{port.ref.key}.{vlan}")
            port = context.ports.subinterface(port, vlan, key, ref)
        if switch.get("ip"):
            port.give(address(switch["ip"], f"{path}.ip"), key, vrf=vrf or context.underlay)
    for place, item in items(switch, "subnets", path) if vrf else ():
        with context.draft.skipping(key):
            prefix = network(item, place)
            fields: dict[str, Value] = {"prefix": prefix, "vrf": vrf, "status": "active"}
            context.draft.add(key, Record(context.draft.ref(PREFIXES, key, prefix), prefix, fields))


def project_external_attachment(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """An ExternalAttachment as a subinterface with the switch's address, and the address of the neighbour. Raises
    MalformedError.
    """
    external, connection = text(spec, "external"), text(spec, "connection")
    if context.objects.spec("External", external) is None:
        raise MalformedError("spec.external", f"there is no External {external}")
    port = context.uplinks.get(connection)
    if port is None:
        raise MalformedError("spec.connection", f"there is no external Connection {connection}")
    session = _session(spec)
    if session.vlan:
        port = context.ports.subinterface(port, session.vlan, key, context.draft.ref(INTERFACES, key))
    if session.local:
        ref = context.draft.ref(ADDRESSES, key, session.local)
        port.give(session.local, key, vrf=context.underlay, key=ref.key)
    if session.remote:
        description = shorten(f"Neighbor in External {external}", _DESCRIPTION_LIMIT)
        ref = context.draft.ref(ADDRESSES, key, session.remote)
        fields: dict[str, Value] = {
            "vrf": context.underlay,
            "description": description,
            "custom_fields.hh_asn": session.asn,
        }
        context.neighbors.append((key, address_record(ref.key, session.remote, fields)))


class _Session(NamedTuple):
    """What an attachment says, in both of its forms: the VLAN, the switch's address, the neighbour's and its number."""

    vlan: int | None
    local: str | None
    remote: str | None
    asn: int | None


def _session(spec: JSONObject) -> _Session:
    static = mapping(spec, "static")
    name, switch = ("static", static) if static else ("switch", mapping(spec, "switch"))
    neighbor = mapping(spec, "neighbor")
    remote, place = (static.get("remoteIP"), "static.remoteIP") if static else (neighbor.get("ip"), "neighbor.ip")
    local = address(switch["ip"], f"spec.{name}.ip") if switch.get("ip") else None
    return _Session(
        vlan_id(switch, "vlan", f"spec.{name}"),
        local,
        host(remote, f"spec.{place}", local) if remote else None,
        number(neighbor, "asn", "spec.neighbor"),
    )


def _uplink(context: Context, key: ObjectKey, settings: JSONObject, path: str) -> Interface:
    switch = mapping(mapping(settings, "link", path), "switch", f"{path}.link")
    port = port_at(context, "switch", switch, f"{path}.link.switch")
    claim((port,), key, f"{path}.link")
    return port


def _circuit(context: Context, key: ObjectKey, port: Interface, external: str) -> None:
    """A circuit of the provider of an external, from the site (cabled to the port there) to the provider's network."""
    draft = context.draft
    kind = prerequisites.circuit_type()
    draft.need(kind)
    circuit, cid = draft.ref(CIRCUITS, key), shorten(key.name, _NAME_LIMIT)
    of = ObjectKey("External", key.namespace, external)
    fields: dict[str, Value] = {"cid": cid, "provider": draft.ref(PROVIDERS, of), "type": kind.ref, "status": "active"}
    draft.add(key, Record(circuit, cid, fields))
    for side, target in (("A", draft.site), ("Z", draft.ref(PROVIDER_NETWORKS, of, "network"))):
        termination: dict[str, Value] = {"circuit": circuit, "term_side": side, "termination": target}
        draft.add(key, Record(draft.ref(CIRCUIT_TERMINATIONS, key, side), f"{cid} {side}", termination))
    plug(context, key, "external", f"{port.place}--circuit", (port.ref, draft.ref(CIRCUIT_TERMINATIONS, key, "A")))


def _vrf(context: Context, key: ObjectKey, vpc: str, path: str) -> Ref:
    ref = context.draft.ref(VRFS, ObjectKey("VPC", key.namespace, vpc))
    if not context.draft.holds(ref):
        raise MalformedError(path, f"there is no VPC {vpc}")
    return ref
