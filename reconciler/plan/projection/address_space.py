"""Namespaces as VLAN groups, VRFs and prefixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Record
from reconciler.model.netbox_schema import PREFIXES, VLAN_GROUPS, VRFS
from reconciler.plan.projection.context import UNDERLAY
from reconciler.plan.projection.names import shorten, slug
from reconciler.plan.projection.reading import LAST_VLAN, MalformedError, items, network, number

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.objects import ObjectKey
    from reconciler.plan.projection.context import Context
    from reconciler.plan.projection.draft import Draft

_NAME_LIMIT = 100


def project_vlan_namespace(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """A VLANNamespace as a VLAN group of the site. Raises MalformedError."""
    ranges = _merged(sorted(_range(item, path) for path, item in items(spec, "ranges")))
    if not ranges:
        raise MalformedError("spec.ranges", "is empty")
    fields: dict[str, Value] = {
        "name": shorten(key.name, _NAME_LIMIT),
        "slug": slug(key.name),
        "scope": context.draft.site,
        "vid_ranges": ranges,
    }
    context.draft.add(key, Record(context.draft.ref(VLAN_GROUPS, key), key.name, fields))


def project_underlay(draft: Draft) -> None:
    """The VRF of the addresses by which the fabric is made."""
    name = f"{draft.fabric}/fabric/{UNDERLAY.name}"
    fields: dict[str, Value] = {"name": shorten(name, _NAME_LIMIT), "enforce_unique": True}
    draft.add(UNDERLAY, Record(draft.ref(VRFS, UNDERLAY), name, fields))


def project_ipv4_namespace(context: Context, key: ObjectKey, spec: JSONObject) -> None:
    """An IPv4Namespace as a VRF with one container prefix for each of its subnets. Raises MalformedError."""
    draft = context.draft
    prefixes = dict.fromkeys(network(item, path) for path, item in items(spec, "subnets"))
    vrf, name = draft.ref(VRFS, key), f"{draft.fabric}/ipns/{key.name}"
    draft.add(key, Record(vrf, name, {"name": shorten(name, _NAME_LIMIT), "enforce_unique": True}))
    for prefix in prefixes:
        fields: dict[str, Value] = {"prefix": prefix, "vrf": vrf, "status": "container"}
        draft.add(key, Record(draft.ref(PREFIXES, key, prefix), prefix, fields))


def _range(item: JSON, path: str) -> tuple[int, int]:
    if not isinstance(item, dict):
        raise MalformedError(path, "is not a range")
    first = number(item, "from", path)
    last = number(item, "to", path) or first
    if first is None or last is None or not 1 <= first <= last <= LAST_VLAN:
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
