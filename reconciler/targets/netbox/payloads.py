"""Records in symbolic form as bodies of REST requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import CONTENT_TYPES, CUSTOM_FIELD_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value


def missing(fields: Mapping[str, Value], ids: Mapping[Ref, int]) -> str | None:
    """What to say of fields that refer to something that NetBox does not have; None when it has all of it."""
    for value in fields.values():
        if isinstance(value, Ref) and value not in ids and not value.key.startswith("#"):
            return f"it needs {value}, which does not exist in NetBox"
    return None


def body(fields: Mapping[str, Value], ids: Mapping[Ref, int]) -> JSONObject:
    """Fields as REST takes them. Custom fields that are not named stay as they are: NetBox merges them."""
    found: JSONObject = {}
    custom: JSONObject = {}
    for name, value in fields.items():
        if name.startswith(CUSTOM_FIELD_PREFIX):
            custom[name.removeprefix(CUSTOM_FIELD_PREFIX)] = _plain(value, ids)
        elif name == "scope":
            found |= _scope(value, ids)
        else:
            found[name] = _plain(value, ids)
    return {**found, "custom_fields": custom} if custom else found


def _scope(value: Value, ids: Mapping[Ref, int]) -> JSONObject:
    """A generic reference takes ids only, with the name of the model beside."""
    if not isinstance(value, Ref):
        return {"scope_type": None, "scope_id": None}
    return {"scope_type": CONTENT_TYPES[value.model], "scope_id": _plain(value, ids)}


def _plain(value: Value, ids: Mapping[Ref, int]) -> JSON:
    if isinstance(value, Ref):
        return int(value.key[1:]) if value.key.startswith("#") else ids[value]
    return [_plain(item, ids) for item in value] if isinstance(value, tuple) else value


def etag(version: str) -> str:
    """The ETag of a record by its `last_updated`, whichever zone that is told in.

    NetBox makes it from the time in UTC as Python writes it; lists do not carry it, but it can be told.
    """
    return f'W/"{datetime.fromisoformat(version).astimezone(UTC).isoformat()}"'
