"""Records as NetBox's REST API shows them, in symbolic form: with conversions of the tests' own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.netbox import KEY_FIELD, Ref
from reconciler.model.netbox_schema import CONTENT_TYPES, GROUP_TAG_PREFIX, MODELS, TAGS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from reconciler.model.netbox_schema import Field
    from tests.e2e.targets import NetBoxView

Keys: TypeAlias = "Mapping[tuple[str, int], str]"

_PATHS = {content_type: path for path, content_type in CONTENT_TYPES.items()}
_ENDS = {"a": "a_terminations", "b": "b_terminations"}


def read_back(netbox: NetBoxView) -> dict[Ref, dict[str, Value]]:
    """Every owned record of the fabric, with all fields that the reconciler writes."""
    found = {path: list(netbox.owned(path).values()) for path in MODELS}
    keys = {(path, row["id"]): row["custom_fields"][KEY_FIELD] for path, rows in found.items() for row in rows}
    return {
        Ref(path, keys[path, row["id"]]): dict(_fields(path, row, keys)) for path, rows in found.items() for row in rows
    }


def _fields(path: str, row: JSONObject, keys: Keys) -> Iterator[tuple[str, Value]]:
    for name, field in MODELS[path].fields.items():
        if name.startswith("custom_fields."):
            value = row["custom_fields"][name.removeprefix("custom_fields.")]
            is_json = field.kind is Kind.JSON and value is not None
            yield name, json.dumps(value, sort_keys=True, separators=(",", ":")) if is_json else value
        else:
            yield name, _value(name, field, row, keys)


def _value(name: str, field: Field, row: JSONObject, keys: Keys) -> Value:
    if field.kind in {Kind.END, Kind.GENERIC, Kind.REFERENCE}:
        return _one(name, field, row, keys)
    match field.kind:
        case Kind.REFERENCES:
            return tuple(sorted(Ref(field.targets[0], keys[field.targets[0], item["id"]]) for item in row[name]))
        case Kind.TAGS:
            slugs = (tag["slug"] for tag in row["tags"])
            return tuple(sorted(Ref(TAGS, slug) for slug in slugs if slug.startswith(GROUP_TAG_PREFIX)))
        case Kind.RANGES:
            return tuple((first, last) for first, last in sorted(row[name]))
    return _plain(row[name])


def _one(name: str, field: Field, row: JSONObject, keys: Keys) -> Ref | None:
    if field.kind is Kind.END:
        (end,) = row[_ENDS[name]]
        return _ref(_PATHS[end["object_type"]], end["object"], keys)
    path = field.targets[0] if field.kind is Kind.REFERENCE else _PATHS.get(row[f"{name}_type"], "")
    return _ref(path, row[name], keys)


def _ref(path: str, value: JSON, keys: Keys) -> Ref | None:
    """A record of ours by its key, a shared one by its slug."""
    if value is None:
        return None
    if (path, value["id"]) in keys:
        return Ref(path, keys[path, value["id"]])
    maker = value.get("manufacturer")
    return Ref(path, f"{maker['slug']}/{value['slug']}" if maker and path == "dcim/device-types" else value["slug"])


def _plain(value: JSON) -> Value:
    """A choice is an object of value and label."""
    found: Value = value["value"] if isinstance(value, dict) else value
    return found
