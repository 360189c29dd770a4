"""NetBox's event rules: somebody changed a record.

The signature covers the body alone, and no header numbers a delivery. So an id is made of what the event is about: the
request that changed the record, the record, and what happened to it.
https://netboxlabs.com/docs/netbox/integrations/webhooks/
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD
from reconciler.model.requests import Delivery
from webhooks.payload import JSON_TYPE, Fields, is_token, parse_object
from webhooks.signature import header_bytes, is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON

NAME = "netbox"
MEDIA_TYPES = frozenset({JSON_TYPE})


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Hook-Signature: <128 hex>`, an HMAC-SHA512."""
    return is_digest(secret, body, header_bytes(headers, "x-hook-signature"), "sha512")


def delivery_id(_headers: Mapping[str, str], body: bytes) -> str:
    """The same when a person has NetBox send an event again. An event without a part of it, such as a job's, is named
    after its body, which holds the time.
    """
    payload = Fields(parse_object(body))
    parts: list[JSON] = [
        _request_id(payload),
        payload.values.get("object_type"),
        payload.maybe_object("data").values.get("id"),
        payload.values.get("event"),
    ]
    name = ":".join(map(str, parts))
    is_whole = all(isinstance(part, str | int) for part in parts)
    return name if is_whole and is_token(name) else hashlib.sha256(body).hexdigest()


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """An edit with the keys that the record has and had, wherever the event tells; a record of others has none."""
    payload = Fields(parse_object(body))
    snapshots = payload.maybe_object("snapshots")
    records = (payload.maybe_object("data"), snapshots.maybe_object("prechange"), snapshots.maybe_object("postchange"))
    keys = (record.maybe_object("custom_fields").optional_text(KEY_FIELD) for record in records)
    return Delivery(
        provider=NAME,
        id=delivery_id(headers, body),
        event="edit",
        keys=tuple(dict.fromkeys(key for key in keys if key)),
        origin=payload.maybe_object("request").optional_text("id") or payload.optional_text("request_id"),
    )


def _request_id(payload: Fields) -> JSON:
    """NetBox before 4.6 tells only the id of the request that made the change, and nothing more about it."""
    return payload.maybe_object("request").values.get("id") or payload.values.get("request_id")
