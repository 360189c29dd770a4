"""Records as REST shows them, brought into the form in which GraphQL does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG
from reconciler.model.netbox_schema import CONTENT_TYPES, CUSTOM_FIELD_PREFIX, GROUP_TAG_PREFIX, MODELS, Kind
from reconciler.targets.netbox.queries import ENDS, TYPES, is_keyed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox_schema import Field, Model
    from reconciler.targets.netbox.recent import Entry

_APART = {Kind.END, Kind.TAGS}
"""Kinds that a record does not show in a field of their name."""


def needed_fields(path: str) -> str:
    """What has to be asked of a record for `to_entry`: what is computed for each costs several times the rest."""
    names = ["id", "last_updated", "custom_fields", "tags", *(["cable", "cable_end"] if path in ENDS else [])]
    for name, field in MODELS[path].fields.items():
        if field.kind is Kind.GENERIC:
            names += [f"{name}_type", f"{name}_id"]
        elif field.kind not in _APART and not name.startswith(CUSTOM_FIELD_PREFIX):
            names.append(name)
    return ",".join(names)


def to_entry(path: str, raw: JSONObject, fabric: str) -> Entry:
    """A record as GraphQL shows it, and whether it carries our tag and a key of the fabric."""
    model = MODELS[path]
    last_updated = raw.get("last_updated")
    record: JSONObject = {
        "id": str(raw["id"]),
        "last_updated": last_updated.replace("Z", "+00:00") if last_updated else None,
        "custom_fields": dict(_custom_fields(model, raw.get("custom_fields") or {})),
    }
    for name, field in model.fields.items():
        if field.kind not in _APART and not name.startswith(CUSTOM_FIELD_PREFIX):
            record[name] = _shown(name, field, raw)
    if path in ENDS:
        record |= {"cable": _reference(raw.get("cable")), "cable_end": raw.get("cable_end")}
    tags = [{"id": str(tag["id"]), "slug": tag["slug"]} for tag in raw.get("tags") or ()]
    is_ours = is_keyed(record, fabric)
    if "tags" in model.fields and is_ours and any(tag["slug"].startswith(GROUP_TAG_PREFIX) for tag in tags):
        record["tags"] = tags
    return record, is_ours and any(tag["slug"] == OWNED_TAG for tag in tags)


def _custom_fields(model: Model, fields: JSONObject) -> Iterator[tuple[str, JSON]]:
    """Ours: those of people are not compared."""
    if KEY_FIELD in fields:
        yield KEY_FIELD, _choice(fields[KEY_FIELD])
    for name, field in model.fields.items():
        short = name.removeprefix(CUSTOM_FIELD_PREFIX)
        if short != name and short in fields:
            yield short, fields[short] if field.kind is Kind.JSON else _choice(fields[short])


def _shown(name: str, field: Field, raw: JSONObject) -> JSON:
    value = raw.get(name)
    match field.kind:
        case Kind.GENERIC:
            return _generic(field, raw.get(f"{name}_type"), raw.get(f"{name}_id"))
        case Kind.REFERENCE:
            return _reference(value)
        case Kind.REFERENCES:
            return [_reference(item) for item in value or ()]
        case Kind.RANGES:
            return [f"[{first}, {last + 1})" for first, last in value or ()]
    return _choice(value)


def _choice(value: JSON) -> JSON:
    """REST shows a choice with its label."""
    return value["value"] if isinstance(value, dict) and value.keys() == {"value", "label"} else value


def _reference(value: JSON) -> JSON:
    return {"id": str(value["id"])} if isinstance(value, dict) else None


def _generic(field: Field, content_type: JSON, record_id: JSON) -> JSON:
    if content_type is None or record_id is None:
        return None
    target = next((target for target in field.targets if CONTENT_TYPES[target] == content_type), None)
    if target is None:
        return {"__typename": str(content_type).partition(".")[2]}
    return {"__typename": TYPES[target], "id": str(record_id)}
