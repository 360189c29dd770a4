"""What the embedded NetBox refuses, as NetBox 4.7 does: the rules that the reconciler has to live with."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, Ref
from reconciler.model.netbox_schema import (
    ADDRESS_RANGES,
    CUSTOM_FIELD_PREFIX,
    CUSTOM_FIELDS,
    INTERFACES,
    MACS,
    MODELS,
    PREFIXES,
    TAGS,
    VLAN_GROUPS,
    VLANS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.netbox_schema import Model
    from reconciler.targets.local.netbox_rows import Row, Tables


def findings(tables: Tables, row: Row) -> Iterator[str]:
    """Everything for which NetBox would refuse this row of an owned model."""
    model = MODELS[row.model]
    yield from _unprepared(tables, row)
    yield from _misfits(model, row)
    yield from _duplicates(tables, row)
    if row.model == PREFIXES:
        yield from _host_bits(row)
    if row.model == VLANS:
        yield from _outside_group(tables, row)
    if row.model == ADDRESS_RANGES:
        yield from _overlaps(tables, row)
    if row.model in {MACS, INTERFACES}:
        yield from _primaries(tables, row)


def _unprepared(tables: Tables, row: Row) -> Iterator[str]:
    """Marks and custom fields that do not exist."""
    if row.is_tagged and tables.find(Ref(TAGS, OWNED_TAG)) is None:
        yield f"the tag {OWNED_TAG} does not exist"
    custom = [name for name in row.fields if name.startswith(CUSTOM_FIELD_PREFIX)]
    for name in (*custom, *([f"{CUSTOM_FIELD_PREFIX}{KEY_FIELD}"] if row.key else [])):
        if tables.find(Ref(CUSTOM_FIELDS, name.removeprefix(CUSTOM_FIELD_PREFIX))) is None:
            yield f"the custom field {name.removeprefix(CUSTOM_FIELD_PREFIX)} does not exist"


def _misfits(model: Model, row: Row) -> Iterator[str]:
    for name, value in row.fields.items():
        known = model.fields.get(name)
        if known is None:
            yield f"{name}: a {model.noun} has no such field"
        elif known.limit and isinstance(value, str) and len(value) > known.limit:
            yield f"{name}: ensure this field has no more than {known.limit} characters"


def _duplicates(tables: Tables, row: Row) -> Iterator[str]:
    holder = tables.find(Ref(row.model, row.key)) if row.key is not None else None
    if holder is not None and holder.id != row.id:
        yield f"custom field {KEY_FIELD} must have a unique value"
    for names in tables.clashes(row):
        yield f"a {MODELS[row.model].noun} with this {' and '.join(names)} already exists"


def _host_bits(row: Row) -> Iterator[str]:
    try:
        ipaddress.ip_network(row.fields.get("prefix") or "")
    except ValueError as error:
        yield f"prefix: {error}"


def _outside_group(tables: Tables, row: Row) -> Iterator[str]:
    group = row.fields.get("group")
    ranges = tables.rows[VLAN_GROUPS, group["id"]].fields.get("vid_ranges") if group else None
    vid = row.fields.get("vid")
    if ranges and not any(first <= vid <= last for first, last in ranges):
        yield f"vid: {vid} is outside the ranges of its group"


def _overlaps(tables: Tables, row: Row) -> Iterator[str]:
    first, last = _bounds(row)
    for other in tables.of(ADDRESS_RANGES):
        start, end = _bounds(other)
        if other.id != row.id and other.fields.get("vrf") == row.fields.get("vrf") and first <= end and start <= last:
            yield f"defined addresses overlap with {other.label}"


def _bounds(row: Row) -> tuple[tuple[int, int], tuple[int, int]]:
    first, last = (ipaddress.ip_interface(row.fields[name]) for name in ("start_address", "end_address"))
    return (first.version, int(first.ip)), (last.version, int(last.ip))


def _primaries(tables: Tables, row: Row) -> Iterator[str]:
    """An interface and its primary MAC address belong together."""
    if row.model == INTERFACES:
        primary = row.fields.get("primary_mac_address")
        mac = primary and tables.rows.get((MACS, primary["id"]))
        if mac and mac.fields.get("assigned_object") != {"model": INTERFACES, "id": row.id}:
            yield f"{mac.label} is assigned to a different interface"
        return
    before = tables.rows.get((MACS, row.id))
    assigned = before and before.fields.get("assigned_object")
    if before is None or not assigned or row.fields.get("assigned_object") == assigned:
        return
    interface = tables.rows.get((assigned["model"], assigned["id"]))
    if interface and interface.fields.get("primary_mac_address") == {"model": MACS, "id": row.id}:
        yield "cannot reassign MAC address while it is designated as the primary MAC for an object"
