"""GitHub's deliveries. https://docs.github.com/en/webhooks/webhook-events-and-payloads"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery
from webhooks.payload import (
    FORM_TYPE,
    Fields,
    MalformedPayloadError,
    form_field,
    header_token,
    media_type,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "github"
SIGNATURE_HEADER = "x-hub-signature-256"
EVENT_HEADER = "x-github-event"
DELIVERY_HEADER = "x-github-delivery"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NO_COMMIT = "0" * 40
_URL_FIELDS = ("clone_url", "ssh_url", "git_url", "html_url")
_LONGEST_URL = 2048


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """What a delivery says. `headers` in any case; `body` is the raw body, JSON or a form with the field `payload`.

    The id is the same when GitHub sends a delivery again. Events other than push and ping have no details. Raises
    MalformedPayloadError.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    delivery = header_token(lowered, DELIVERY_HEADER)
    event = header_token(lowered, EVENT_HEADER)
    document = form_field(body, "payload") if media_type(lowered) == FORM_TYPE else body
    payload = Fields(parse_object(document))
    if event == "push":
        return _push(delivery, payload)
    if event == "ping":
        return _ping(delivery, payload)
    return Delivery(NAME, delivery, event)


def _push(delivery: str, payload: Fields) -> Delivery:
    repository = payload.object("repository")
    after = _commit(payload)
    is_deletion = payload.is_set("deleted") or after == _NO_COMMIT
    return Delivery(
        provider=NAME,
        id=delivery,
        event="push",
        ref=_ref(payload),
        commit=None if is_deletion else after,
        is_deletion=is_deletion,
        urls=_urls(repository),
        details=_details(payload, repository),
    )


def _ping(delivery: str, payload: Fields) -> Delivery:
    repository = payload.optional_object("repository")  # a webhook of an organisation has none
    return Delivery(NAME, delivery, "ping", urls=() if repository is None else _urls(repository))


def _ref(payload: Fields) -> str:
    ref = payload.text("ref")
    if not ref.startswith("refs/"):
        raise MalformedPayloadError("ref is not a full ref such as refs/heads/main", "ref")
    return ref


def _commit(payload: Fields) -> str:
    after = payload.text("after")
    if _COMMIT.fullmatch(after) is None:
        raise MalformedPayloadError("after is not a commit of 40 hexadecimal digits", "after")
    return after


def _urls(repository: Fields) -> tuple[str, ...]:
    urls = [repository.optional_text(name, _LONGEST_URL) for name in _URL_FIELDS]
    return tuple(dict.fromkeys(url for url in urls if url))


def _details(payload: Fields, repository: Fields) -> dict[str, str]:
    pusher = payload.optional_object("pusher")
    notes = {"repository": repository.note("full_name"), "pusher": pusher and pusher.note("name")}
    return {name: note for name, note in notes.items() if note}
