"""Records in symbolic form as bodies of REST requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.model.netbox import Ref, references
from reconciler.model.netbox_schema import CONTENT_TYPES, CUSTOM_FIELD_PREFIX, MODELS, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value


def missing(fields: Mapping[str, Value], ids: Mapping[Ref, int]) -> str | None:
    """What to say of fields that refer to something that NetBox does not have; None when it has all of it."""
    for ref in references(fields):
        if ref not in ids and not ref.key.startswith("#"):
            return f"it needs {ref}, which does not exist in NetBox"
    return None


def body(path: str, fields: Mapping[str, Value], ids: Mapping[Ref, int]) -> JSONObject:
    """Fields of a record of the model `path` as REST takes them, tags aside. Custom fields that are not named stay as
    they are: NetBox merges them.
    """
    found: JSONObject = {}
    custom: JSONObject = {}
    known = MODELS[path].fields if path in MODELS else {}
    for name, value in fields.items():
        kind = known[name].kind if name in known else None
        if name.startswith(CUSTOM_FIELD_PREFIX):
            custom[name.removeprefix(CUSTOM_FIELD_PREFIX)] = _custom(value, kind)
        elif kind is Kind.GENERIC:
            found |= _generic(name, value, ids)
        elif kind is Kind.END:
            found[f"{name}_terminations"] = _end(value, ids)
        elif kind is Kind.CHOICE and value is None:
            found[name] = ""
        elif kind is not Kind.TAGS:
            found[name] = _plain(value, ids)
    return {**found, "custom_fields": custom} if custom else found


def _custom(value: Value, kind: Kind | None) -> JSON:
    return json.loads(value) if kind is Kind.JSON and isinstance(value, str) else _plain(value, {})


def _generic(name: str, value: Value, ids: Mapping[Ref, int]) -> JSONObject:
    """A generic reference takes ids only, with the name of the model beside."""
    if not isinstance(value, Ref):
        return {f"{name}_type": None, f"{name}_id": None}
    return {f"{name}_type": CONTENT_TYPES[value.model], f"{name}_id": _plain(value, ids)}


def _end(value: Value, ids: Mapping[Ref, int]) -> JSON:
    if not isinstance(value, Ref):
        return []
    return [{"object_type": CONTENT_TYPES[value.model], "object_id": _plain(value, ids)}]


def _plain(value: Value, ids: Mapping[Ref, int]) -> JSON:
    if isinstance(value, Ref):
        return int(value.key[1:]) if value.key.startswith("#") else ids[value]
    return [_plain(item, ids) for item in value] if isinstance(value, tuple) else value


def etag(version: str) -> str:
    """The ETag of a record by its `last_updated`, whichever zone that is told in.

    NetBox makes it from the time in UTC as Python writes it; lists do not carry it, but it can be told.
    """
    return f'W/"{datetime.fromisoformat(version).astimezone(UTC).isoformat()}"'
