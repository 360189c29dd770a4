"""What the embedded NetBox refuses, as NetBox 4.7 does: the rules that the reconciler has to live with."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, Ref
from reconciler.model.netbox_schema import (
    CUSTOM_FIELD_PREFIX,
    CUSTOM_FIELDS,
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
