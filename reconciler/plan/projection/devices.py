"""Switches, servers and gateways as devices of the fabric's site, with the interfaces that are theirs by nature."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.model.netbox import VIRTUAL as SHARED
from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import ADDRESSES, DEVICES, INTERFACES, MODELS
from reconciler.plan.projection import prerequisites
from reconciler.plan.projection.names import shorten
from reconciler.plan.projection.port_types import MANAGEMENT, VIRTUAL
from reconciler.plan.projection.ports import Device
from reconciler.plan.projection.reading import (
    MalformedError,
    address,
    items,
    mac_address,
    mapping,
    number,
    objects,
    text,
    texts,
)
from reconciler.plan.projection.switch_profiles import Layout, PortKind, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import SharedRecord, Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.ports import Interface

GENERIC_SWITCH = "generic-switch"
GENERIC_SERVER = "generic-server"
GATEWAY = "gateway"

_MANAGEMENT_PORT = "M1"
_ROUTER_PORT = "lo"
_VTEP_PORT = "vtep"


def project_switch(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A Switch with its management port and loopbacks, and all ports where the policy asks for them. Raises
    MalformedError.
    """
    role = text(spec, "role")
    if not role:
        raise MalformedError("spec.role", "is missing")
    name = text(spec, "profile") or GENERIC_SWITCH
    profile = context.profiles.get(name, Profile())
    group = text(mapping(spec, "redundancy"), "group", "spec.redundancy")
    fields: dict[str, Value] = {
        "platform": _platform(context, profile),
        "serial": _limited("serial", text(mapping(spec, "boot"), "serial", "spec.boot")),
        "description": _limited("description", text(spec, "description")),
        "tags": _tags(context, "Switches", "", {*texts(spec, "groups"), group}),
        "primary_ip4": _primary(context, key, _MANAGEMENT_PORT, spec.get("ip")),
        "custom_fields.hh_asn": number(spec, "asn"),
        "custom_fields.hh_redundancy": group or None,
    }
    shared = (*prerequisites.device_type(name, profile.display_name), prerequisites.role(role))
    device = _add(context, key, fields, shared)
    device.layout, device.group = Layout(profile, spec), group
    _switch_interfaces(context, device, spec)
    if context.has_all_ports:
        for port in device.layout.names():
            context.ports.port(device, port)


def project_server(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A Server. Raises MalformedError."""
    fields: dict[str, Value] = {"description": _limited("description", text(spec, "description"))}
    _add(context, key, fields, (*prerequisites.device_type(GENERIC_SERVER), prerequisites.role("server")))


def project_gateway(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A Gateway with its interfaces. Raises MalformedError."""
    groups = {text(group, "name", path) for path, group in objects(spec, "groups")}
    fields: dict[str, Value] = {
        "tags": _tags(context, "Gateways", "gw-", groups),
        "primary_ip4": _primary(context, key, _ROUTER_PORT, spec.get("protocolIP")),
        "custom_fields.hh_asn": number(spec, "asn"),
    }
    shared = (*prerequisites.device_type(GATEWAY), prerequisites.role("gateway"))
    device = _add(context, key, fields, shared)
    _loopback(context, device, _ROUTER_PORT, "protocolIP", spec)
    if spec.get("vtepIP") or spec.get("vtepMAC"):
        vtep = _loopback(context, device, _VTEP_PORT, "vtepIP", spec)
        _give_mac(context, vtep, spec.get("vtepMAC"), "spec.vtepMAC")
        with context.draft.skipping(key):
            vtep.mtu = number(spec, "vtepMTU")
    interfaces = mapping(spec, "interfaces")
    for name in sorted(interfaces):
        with context.draft.skipping(key):
            settings = mapping(interfaces, name, "spec.interfaces")
            _gateway_interface(context, device, name, settings)


def _gateway_interface(context: Context, device: Device, name: str, settings: JSONObject) -> None:
    path = f"spec.interfaces.{name}"
    interface = context.ports.port(device, name)
    interface.mtu = number(settings, "mtu", path)
    for place, item in items(settings, "ips", path):
        _give_address(context, interface, item, place)


def _switch_interfaces(context: Context, device: Device, spec: JSONObject) -> None:
    management = context.ports.port(device, _MANAGEMENT_PORT, PortKind(MANAGEMENT))
    management.is_management = True
    _give_address(context, management, spec.get("ip"), "spec.ip")
    _give_mac(context, management, mapping(spec, "boot").get("mac"), "spec.boot.mac")
    _loopback(context, device, "Loopback0", "protocolIP", spec)
    if spec.get("vtepIP"):
        is_shared = mapping(spec, "redundancy").get("type") == "mclag"  # both switches are one VTEP
        _loopback(context, device, "Loopback1", "vtepIP", spec, role=SHARED if is_shared else None)


def _loopback(
    context: Context, device: Device, name: str, field: str, spec: JSONObject, *, role: str | None = None
) -> Interface:
    interface = context.ports.port(device, name, PortKind(VIRTUAL))
    _give_address(context, interface, spec.get(field), f"spec.{field}", role)
    return interface


def _give_address(context: Context, interface: Interface, value: JSON, path: str, role: str | None = None) -> None:
    """An address that cannot be read is skipped alone; absent and empty are none."""
    if value is not None and value != "":
        with context.draft.skipping(interface.owner):
            interface.give(address(value, path), interface.owner, vrf=context.underlay, role=role)


def _give_mac(context: Context, interface: Interface, value: JSON, path: str) -> None:
    """A MAC address that cannot be read is skipped alone; absent and empty are none."""
    if value is not None and value != "":
        with context.draft.skipping(interface.owner):
            interface.mac = mac_address(value, path)


def _primary(context: Context, key: ObjectKey, port: str, value: JSON) -> Ref | None:
    """The address by which the device is reached; None unless it is of IPv4. One that cannot be read is told of where
    the interface gets it.
    """
    try:
        found = address(value, port)
    except MalformedError:
        return None
    is_ipv4 = ipaddress.ip_interface(found).version == 4  # noqa: PLR2004 - IPv4
    return Ref(ADDRESSES, f"{context.draft.ref(INTERFACES, key, port).key}/{found}") if is_ipv4 else None


def _tags(context: Context, devices: str, prefix: str, groups: Iterable[str]) -> tuple[Ref, ...]:
    tags = [prerequisites.group_tag(context.draft.fabric, devices, prefix, group) for group in groups if group]
    context.draft.need(*sorted(tags, key=lambda tag: tag.ref))
    return tuple(sorted({tag.ref for tag in tags}))


def _platform(context: Context, profile: Profile) -> Ref | None:
    if not profile.nos_type:
        return None
    platform = prerequisites.platform(profile.nos_type)
    context.draft.need(platform)
    return platform.ref


def _add(context: Context, key: ObjectKey, fields: dict[str, Value], shared: tuple[SharedRecord, ...]) -> Device:
    manufacturer, device_type, role = shared
    context.draft.need(manufacturer, device_type, role)
    base: dict[str, Value] = {
        "name": _limited("name", key.name),
        "site": context.draft.site,
        "device_type": device_type.ref,
        "role": role.ref,
        "status": "active",
    }
    device = Device(key, context.draft.ref(DEVICES, key))
    context.draft.add(key, Record(device.ref, key.name, base | fields))
    context.ports.enlist(device)
    return device


def _limited(field: str, value: str) -> str:
    limit = MODELS[DEVICES].fields[field].limit
    return shorten(value, limit) if limit else value
