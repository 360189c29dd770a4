"""Deliveries of anything that can make an HMAC: a CI job, a Git server's hook, a relay.

    POST /webhooks/generic
    Content-Type: application/json
    X-Delivery-Id: <one word, another for each push, the same when it is sent again>
    X-Signature: sha256=<HMAC of the body in hexadecimal> (or sha512=)

    {"ref": "refs/heads/main", "commit": "<40 hex>", "repository": "https://git.example.com/net/gitops.git"}

The commit is required: whoever tells of a push knows it, and only with it can be said when the push has been applied.
Zeros say that the ref was deleted. Other members are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhooks.payload import JSON_TYPE, Fields, header_token, parse_object
from webhooks.providers import pushes
from webhooks.signature import header_bytes, is_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.requests import Delivery

NAME = "generic"
MEDIA_TYPES = frozenset({JSON_TYPE})


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Signature: sha256=<64 hex>` or `sha512=<128 hex>`."""
    return is_signature(secret, body, header_bytes(headers, "x-signature"), ("sha256", "sha512"))


def delivery_id(headers: Mapping[str, str], _body: bytes) -> str:
    """What the sender says."""
    return header_token(headers, "x-delivery-id")


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Always a push."""
    delivery = delivery_id(headers, body)
    payload = Fields(parse_object(body))
    payload.text("repository", pushes.LONGEST_URL)
    moved = pushes.update(pushes.full_ref(payload), pushes.commit(payload, "commit"))
    return pushes.push(NAME, delivery, [moved], pushes.urls(payload, ["repository"]), {})
