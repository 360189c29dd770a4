"""VPCs as VRFs, with the VLANs, prefixes, addresses and L2VPNs of their subnets."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import (
    ADDRESS_RANGES,
    ADDRESSES,
    L2VPN_TERMINATIONS,
    L2VPNS,
    PREFIXES,
    VLAN_GROUPS,
    VLANS,
    VRFS,
)
from reconciler.plan.projection.names import json_text, shorten, slug
from reconciler.plan.projection.ports import address_record
from reconciler.plan.projection.reading import (
    MalformedError,
    flag,
    host,
    mac_address,
    mapping,
    network,
    text,
    vlan_id,
)

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context

DEFAULT_NAMESPACE = "default"
"""What the fabric fills in where a VPC names no namespace."""

_NAME_LIMIT = 100
_VLAN_NAME_LIMIT = 64


class _Subnet(NamedTuple):
    """A subnet of a VPC while it is projected: `spec` stands at `path`."""

    vpc: ObjectKey
    vrf: Ref
    name: str
    spec: JSONObject
    path: str
    prefix: str

    @property
    def label(self) -> str:
        return f"{self.vpc.name}/{self.name}"


def project_vpc(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A VPC. A subnet that is malformed is skipped alone, and so is a part of one. Raises MalformedError."""
    draft = context.draft
    namespace = text(spec, "vlanNamespace") or DEFAULT_NAMESPACE
    group = Ref(VLAN_GROUPS, f"{draft.fabric}/VLANNamespace/{namespace}")
    defaults = {name: bool(flag(spec, name)) for name in ("defaultIsolated", "defaultRestricted")}
    subnets = mapping(spec, "subnets")
    vrf = _vrf(context, key, spec)
    for name in sorted(subnets):
        path = f"spec.subnets.{name}"
        with draft.skipping(key):
            settings = mapping(subnets, name, "spec.subnets")
            isolation = _isolation(settings, path, defaults)
            subnet = _Subnet(key, vrf, name, settings, path, network(settings.get("subnet"), f"{path}.subnet"))
            vlan = _vlan(context, subnet, group)
            fields: dict[str, Value] = {"prefix": subnet.prefix, "vrf": vrf, "vlan": vlan, "status": "active"}
            draft.add(key, Record(draft.ref(PREFIXES, key, name), subnet.prefix, fields | isolation))
            _add_gateway(context, subnet)
            _add_dhcp(context, subnet)
            _add_l2vpn(context, subnet, vlan)


def _vrf(context: Context, key: ObjectKey, spec: JSONObject) -> Ref:
    draft = context.draft
    name = f"{draft.fabric}/{key.name}"
    fields: dict[str, Value] = {
        "name": shorten(name, _NAME_LIMIT),
        "enforce_unique": True,
        "custom_fields.hh_mode": text(spec, "mode") or None,
        "custom_fields.hh_vni": context.catalogs.vni(key.name),
        "custom_fields.hh_permit": json_text(spec.get("permit")),
    }
    ref = draft.ref(VRFS, key)
    draft.add(key, Record(ref, name, fields | context.peerings.fields(key)))
    return ref


def _isolation(subnet: JSONObject, path: str, defaults: dict[str, bool]) -> dict[str, Value]:
    """What a subnet does not say about isolation, its VPC does."""
    isolated, restricted = flag(subnet, "isolated", path), flag(subnet, "restricted", path)
    return {
        "custom_fields.hh_isolated": defaults["defaultIsolated"] if isolated is None else isolated,
        "custom_fields.hh_restricted": defaults["defaultRestricted"] if restricted is None else restricted,
    }


def _vlan(context: Context, subnet: _Subnet, group: Ref) -> Ref | None:
    """The VLAN of a subnet; None for a subnet without one (its hosts speak BGP)."""
    vid = vlan_id(subnet.spec, "vlan", subnet.path)
    if vid is None:
        return None
    ref = context.draft.ref(VLANS, subnet.vpc, subnet.name)
    name = shorten(subnet.label, _VLAN_NAME_LIMIT)
    fields: dict[str, Value] = {"group": group, "vid": vid, "name": name, "status": "active"}
    context.draft.add(subnet.vpc, Record(ref, subnet.label, fields))
    return ref


def _add_gateway(context: Context, subnet: _Subnet) -> None:
    """The address of the gateway; where none is named it is the first of the subnet. All switches have it."""
    with context.draft.skipping(subnet.vpc):
        inside = ipaddress.ip_network(subnet.prefix)
        named = subnet.spec.get("gateway") or str(inside[min(1, inside.num_addresses - 1)])
        found = host(named, f"{subnet.path}.gateway", subnet.prefix)
        ref = context.draft.ref(ADDRESSES, subnet.vpc, f"{subnet.name}/gateway")
        context.draft.add(subnet.vpc, address_record(ref.key, found, {"vrf": subnet.vrf, "role": "anycast"}))


def _add_dhcp(context: Context, subnet: _Subnet) -> None:
    draft = context.draft
    with draft.skipping(subnet.vpc):
        dhcp, path = mapping(subnet.spec, "dhcp", subnet.path), f"{subnet.path}.dhcp"
        with draft.skipping(subnet.vpc):
            if flag(dhcp, "enable", path):
                _add_range(context, subnet, mapping(dhcp, "range", path), f"{path}.range")
        leases = mapping(dhcp, "static", path)
        for written in sorted(leases):
            with draft.skipping(subnet.vpc):
                _add_lease(context, subnet, written, mapping(leases, written, f"{path}.static"))


def _add_range(context: Context, subnet: _Subnet, ends: JSONObject, path: str) -> None:
    """The addresses that DHCP gives out. Until both ends are known there is no range."""
    if not ends.get("start") or not ends.get("end"):
        return
    start, end = (host(ends[name], f"{path}.{name}", subnet.prefix) for name in ("start", "end"))
    first, last = ipaddress.ip_interface(start), ipaddress.ip_interface(end)
    if first.network != last.network or int(first) > int(last):
        raise MalformedError(path, f"is not a range of addresses ({ends['start']} to {ends['end']})")
    fields: dict[str, Value] = {
        "start_address": start,
        "end_address": end,
        "vrf": subnet.vrf,
        "status": "active",
        "description": "DHCP",
    }
    ref = context.draft.ref(ADDRESS_RANGES, subnet.vpc, f"{subnet.name}/dhcp")
    context.draft.add(subnet.vpc, Record(ref, f"{start} to {end}", fields))


def _add_lease(context: Context, subnet: _Subnet, written: str, lease: JSONObject) -> None:
    path = f"{subnet.path}.dhcp.static.{written}"
    mac = mac_address(written, path)
    found = host(lease.get("ip"), f"{path}.ip", subnet.prefix)
    ref = context.draft.ref(ADDRESSES, subnet.vpc, f"{subnet.name}/static/{mac.lower()}")
    fields: dict[str, Value] = {"vrf": subnet.vrf, "status": "dhcp", "description": mac}
    context.draft.add(subnet.vpc, address_record(ref.key, found, fields))


def _add_l2vpn(context: Context, subnet: _Subnet, vlan: Ref | None) -> None:
    """The VXLAN of a subnet; it ends in the VLAN, where there is one."""
    draft, part = context.draft, f"{subnet.name}/l2vpn"
    name = f"{draft.fabric}/{subnet.label}"
    ref = draft.ref(L2VPNS, subnet.vpc, part)
    fields: dict[str, Value] = {
        "name": shorten(name, _NAME_LIMIT),
        "slug": slug(name),
        "type": "vxlan-evpn",
        "identifier": context.catalogs.subnet_vni(subnet.vpc.name, subnet.name),
    }
    draft.add(subnet.vpc, Record(ref, name, fields))
    if vlan:
        ends: dict[str, Value] = {"l2vpn": ref, "assigned_object": vlan}
        draft.add(subnet.vpc, Record(draft.ref(L2VPN_TERMINATIONS, subnet.vpc, f"{part}/vlan"), name, ends))
