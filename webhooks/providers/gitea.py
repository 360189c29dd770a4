"""Deliveries of Gitea, and what Forgejo took over from it. The signature covers the JSON document: of a form, the
decoded field `payload`. Without a secret the signature is sent empty.

https://docs.gitea.com/usage/webhooks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery
from webhooks.payload import (
    FORM_TYPE,
    JSON_TYPE,
    Fields,
    MalformedPayloadError,
    form_field,
    header_token,
    media_type,
    parse_object,
)
from webhooks.providers import pushes
from webhooks.signature import header_bytes, is_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "gitea"
MEDIA_TYPES = frozenset({JSON_TYPE, FORM_TYPE})
PREFIX = "x-gitea-"

_URL_FIELDS = ("clone_url", "ssh_url", "html_url")


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Gitea-Signature: <64 hex>`."""
    return is_signed(secret, headers, body, f"{PREFIX}signature")


def delivery_id(headers: Mapping[str, str], _body: bytes) -> str:
    """The same when Gitea sends a delivery again."""
    return header_token(headers, f"{PREFIX}delivery")


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Events other than push have no details; a test from the settings page is a push."""
    return read(NAME, delivery_id(headers, body), header_token(headers, f"{PREFIX}event"), document_of(headers, body))


def is_signed(secret: bytes, headers: Mapping[str, str], body: bytes, header: str) -> bool:
    """Whether this header is the HMAC of the document in the body."""
    try:
        document = document_of(headers, body)
    except MalformedPayloadError:
        return False
    return is_digest(secret, document, header_bytes(headers, header))


def document_of(headers: Mapping[str, str], body: bytes) -> bytes:
    """The JSON document in a body of either content type. Raises MalformedPayloadError."""
    return form_field(body, "payload") if media_type(headers) == FORM_TYPE else body


def read(provider: str, delivery: str, event: str, document: bytes) -> Delivery:
    """What the document says. Raises MalformedPayloadError."""
    payload = Fields(parse_object(document))
    if event != "push":
        return Delivery(provider, delivery, event)
    repository = payload.object("repository")
    before = pushes.replaced(payload, "before")
    moved = pushes.update(pushes.full_ref(payload), pushes.commit(payload, "after"), replaces=before)
    details = pushes.details(repository=repository.note("full_name"), pusher=pushes.note(payload, "pusher", "login"))
    return pushes.push(provider, delivery, [moved], pushes.urls(repository, _URL_FIELDS), details)
