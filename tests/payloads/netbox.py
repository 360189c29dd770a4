"""What NetBox's event rules send, with the members that NetBox 4.7 sends for a device.

https://netboxlabs.com/docs/netbox/integrations/webhooks/
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

SECRET = b"secret of an event rule"
REQUEST = "b3d1c7c4-7d5c-4e62-9c0e-3a2f6b1d9a55"
KEY = "dc1/Switch/leaf-01"


def snapshot(key: JSON = KEY, name: str = "leaf-01") -> JSONObject:
    """A record as the change log keeps it."""
    return {"name": name, "site": 1, "status": "active", "custom_fields": {"hh_key": key}, "tags": ["hh-managed"]}


def edit(*, key: JSON = KEY, event: str = "updated", **changed: JSON) -> JSONObject:
    """A person's change of a device."""
    payload = {
        "event": event,
        "timestamp": "2026-01-01T12:00:00.123456+00:00",
        "object_type": "dcim.device",
        "username": "admin",
        "request_id": REQUEST,
        "data": {
            "id": 7,
            "url": "/api/dcim/devices/7/",
            "display": "leaf-01",
            "name": "leaf-01",
            "status": {"value": "active", "label": "Active"},
            "tags": [{"id": 1, "name": "hh-managed", "slug": "hh-managed"}],
            "custom_fields": {"hh_key": key},
        },
        "snapshots": {
            "prechange": None if event == "created" else snapshot(key, "renamed"),
            "postchange": None if event == "deleted" else snapshot(key),
        },
        "request": {"id": REQUEST, "method": "PATCH", "path": "/api/dcim/devices/7/", "user": "admin"},
    }
    return payload | changed


def headers(body: bytes, *, secret: bytes = SECRET) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "python-requests/2.34.0",
        "X-Hook-Signature": hmac.new(secret, body, hashlib.sha512).hexdigest(),
    }
