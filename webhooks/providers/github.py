"""GitHub's deliveries. The signature covers the raw body, for forms too.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery
from webhooks.payload import FORM_TYPE, JSON_TYPE, Fields, form_field, header_token, media_type, parse_object
from webhooks.providers import pushes
from webhooks.signature import header_bytes, is_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "github"
MEDIA_TYPES = frozenset({JSON_TYPE, FORM_TYPE})

_URL_FIELDS = ("clone_url", "ssh_url", "git_url", "html_url")


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Hub-Signature-256: sha256=<64 hex>`."""
    return is_signature(secret, body, header_bytes(headers, "x-hub-signature-256"))


def delivery_id(headers: Mapping[str, str], _body: bytes) -> str:
    """The same when GitHub sends a delivery again."""
    return header_token(headers, "x-github-delivery")


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Events other than push and ping have no details."""
    delivery = delivery_id(headers, body)
    event = header_token(headers, "x-github-event")
    document = form_field(body, "payload") if media_type(headers) == FORM_TYPE else body
    payload = Fields(parse_object(document))
    if event == "push":
        return _push(delivery, payload)
    if event == "ping":
        return _ping(delivery, payload)
    return Delivery(NAME, delivery, event)


def _push(delivery: str, payload: Fields) -> Delivery:
    repository = payload.object("repository")
    after = pushes.commit(payload, "after")
    before = pushes.replaced(payload, "before")
    is_deletion = payload.is_set("deleted")
    moved = pushes.update(pushes.full_ref(payload), after, is_deletion=is_deletion, replaces=before)
    details = pushes.details(repository=repository.note("full_name"), pusher=pushes.note(payload, "pusher", "name"))
    return pushes.push(NAME, delivery, [moved], pushes.urls(repository, _URL_FIELDS), details)


def _ping(delivery: str, payload: Fields) -> Delivery:
    repository = payload.optional_object("repository")  # a webhook of an organisation has none
    urls = () if repository is None else pushes.urls(repository, _URL_FIELDS)
    return Delivery(NAME, delivery, "ping", urls=urls)
