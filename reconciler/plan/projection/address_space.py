"""Namespaces and VPCs as VLAN groups, VRFs, VLANs and prefixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Record, Ref
from reconciler.model.netbox_schema import PREFIXES, VLAN_GROUPS, VLANS, VRFS
from reconciler.plan.projection.names import shorten, slug
from reconciler.plan.projection.reading import MalformedError, flag, items, mapping, network, number, text

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.draft import Draft

DEFAULT_NAMESPACE = "default"
"""What the fabric fills in where a VPC names no namespace."""

_NAME_LIMIT = 100
_VLAN_NAME_LIMIT = 64
_LAST_VLAN = 4094


def project_vlan_namespace(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    """A VLANNamespace as a VLAN group of the site. Raises MalformedError."""
    ranges = _merged(sorted(_range(item, path) for path, item in items(spec, "ranges")))
    if not ranges:
        raise MalformedError("spec.ranges", "is empty")
    fields: dict[str, Value] = {
        "name": shorten(key.name, _NAME_LIMIT),
        "slug": slug(key.name),
        "scope": draft.site,
        "vid_ranges": ranges,
    }
    draft.add(key, Record(Ref(VLAN_GROUPS, f"{draft.fabric}/{key}"), key.name, fields))


def project_ipv4_namespace(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    """An IPv4Namespace as a VRF with one container prefix for each of its subnets. Raises MalformedError."""
    prefixes = dict.fromkeys(network(item, path) for path, item in items(spec, "subnets"))
    vrf = _vrf(draft, key, f"{draft.fabric}/ipns/{key.name}", {})
    for prefix in prefixes:
        fields: dict[str, Value] = {"prefix": prefix, "vrf": vrf, "status": "container"}
        draft.add(key, Record(Ref(PREFIXES, f"{draft.fabric}/{key}#{prefix}"), prefix, fields))


def project_vpc(draft: Draft, key: ObjectKey, spec: JSONObject) -> None:
    """A VPC as a VRF, with a VLAN and a prefix for each of its subnets. A subnet that is malformed is skipped alone.
    Raises MalformedError.
    """
    namespace = text(spec, "vlanNamespace") or DEFAULT_NAMESPACE
    group = Ref(VLAN_GROUPS, f"{draft.fabric}/VLANNamespace/{namespace}")
    defaults = {name: bool(flag(spec, name)) for name in ("defaultIsolated", "defaultRestricted")}
    subnets = mapping(spec, "subnets")
    vrf = _vrf(draft, key, f"{draft.fabric}/{key.name}", {"custom_fields.hh_mode": text(spec, "mode") or None})
    for name in sorted(subnets):
        with draft.skipping(key):
            subnet = mapping(subnets, name, "spec.subnets")
            prefix = _subnet_prefix(subnet, f"spec.subnets.{name}", defaults)
            vlan = _vlan(draft, key, name, number(subnet, "vlan", f"spec.subnets.{name}"), group)
            fields = {**prefix, "vrf": vrf, "vlan": vlan}
            draft.add(key, Record(Ref(PREFIXES, f"{draft.fabric}/{key}#{name}"), str(prefix["prefix"]), fields))


def _vrf(draft: Draft, key: ObjectKey, name: str, fields: dict[str, Value]) -> Ref:
    ref = Ref(VRFS, f"{draft.fabric}/{key}")
    draft.add(key, Record(ref, name, {"name": shorten(name, _NAME_LIMIT), "enforce_unique": True, **fields}))
    return ref


def _subnet_prefix(subnet: JSONObject, path: str, defaults: dict[str, bool]) -> dict[str, Value]:
    """The prefix of a subnet; what it does not say about isolation, its VPC does."""
    isolated, restricted = flag(subnet, "isolated", path), flag(subnet, "restricted", path)
    return {
        "prefix": network(subnet.get("subnet"), f"{path}.subnet"),
        "status": "active",
        "custom_fields.hh_isolated": defaults["defaultIsolated"] if isolated is None else isolated,
        "custom_fields.hh_restricted": defaults["defaultRestricted"] if restricted is None else restricted,
    }


def _vlan(draft: Draft, key: ObjectKey, subnet: str, vid: int | None, group: Ref) -> Ref | None:
    """The VLAN of a subnet; None for a subnet without one (its hosts speak BGP)."""
    if vid is None:
        return None
    if not 1 <= vid <= _LAST_VLAN:
        raise MalformedError(f"spec.subnets.{subnet}.vlan", f"{vid} is not a VLAN id")
    ref, label = Ref(VLANS, f"{draft.fabric}/{key}#{subnet}"), f"{key.name}/{subnet}"
    fields: dict[str, Value] = {
        "group": group,
        "vid": vid,
        "name": shorten(label, _VLAN_NAME_LIMIT),
        "status": "active",
    }
    draft.add(key, Record(ref, label, fields))
    return ref


def _range(item: JSON, path: str) -> tuple[int, int]:
    if not isinstance(item, dict):
        raise MalformedError(path, "is not a range")
    first = number(item, "from", path)
    last = number(item, "to", path) or first
    if first is None or last is None or not 1 <= first <= last <= _LAST_VLAN:
        raise MalformedError(path, f"is not a range of VLAN ids ({item.get('from')} to {item.get('to')})")
    return first, last


def _merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ranges that overlap as one: NetBox refuses them otherwise."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)
