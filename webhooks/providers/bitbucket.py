"""Deliveries of Bitbucket, Cloud and Data Center. `X-Hook-UUID` proves nothing: every delivery carries it in clear.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery
from webhooks.payload import JSON_TYPE, Fields, MalformedPayloadError, header_token, parse_object
from webhooks.providers import pushes
from webhooks.signature import header_bytes, is_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.requests import RefUpdate

NAME = "bitbucket"
MEDIA_TYPES = frozenset({JSON_TYPE})

_CLOUD_ID, _DATA_CENTER_ID = "x-request-uuid", "x-request-id"
_FOLDERS: Mapping[str, str] = MappingProxyType(
    {"branch": "refs/heads/", "tag": "refs/tags/", "annotated_tag": "refs/tags/"}
)


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Hub-Signature: sha256=<64 hex>`: another digest than GitHub's header of this name held."""
    return is_signature(secret, body, header_bytes(headers, "x-hub-signature"))


def delivery_id(headers: Mapping[str, str], _body: bytes) -> str:
    """The same for every attempt."""
    return header_token(headers, _CLOUD_ID if _CLOUD_ID in headers else _DATA_CENTER_ID)


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """A push may move many refs at once. Events other than pushes and the test of a connection have no details."""
    delivery = delivery_id(headers, body)
    event = header_token(headers, "x-event-key")
    payload = Fields(parse_object(body))
    match event:
        case "repo:push":
            return _push(delivery, payload, _of_cloud(payload.object("push")))
        case "repo:refs_changed":
            return _push(delivery, payload, map(_of_data_center, payload.objects("changes")))
        case "diagnostics:ping":
            return Delivery(NAME, delivery, "ping")
        case _:
            return Delivery(NAME, delivery, event)


def _push(delivery: str, payload: Fields, updates: Iterable[RefUpdate]) -> Delivery:
    repository = payload.object("repository")
    details = pushes.details(
        repository=repository.note("full_name") or repository.note("slug"),
        pusher=pushes.note(payload, "actor", "nickname") or pushes.note(payload, "actor", "name"),
    )
    return pushes.push(NAME, delivery, tuple(updates), _urls(repository), details)


def _of_cloud(push: Fields) -> Iterable[RefUpdate]:
    """The ref as it is now, or null and the ref as it was. What is neither branch nor tag is no ref of Git."""
    for change in push.objects("changes"):
        now = change.optional_object("new")
        ref = now or change.optional_object("old")
        if ref is None:
            raise MalformedPayloadError(f"{change.path} has neither old nor new", change.path)
        folder = _FOLDERS.get(ref.text("type"))
        if folder is not None:
            commit = pushes.NO_COMMIT if now is None else pushes.commit(now.object("target"), "hash")
            yield pushes.update(folder + ref.text("name"), commit, replaces=_replaced(change))


def _replaced(change: Fields) -> str | None:
    return pushes.replaced(change.maybe_object("old").maybe_object("target"), "hash")


def _of_data_center(change: Fields) -> RefUpdate:
    ref = pushes.full_ref(change.object("ref"), "id")
    is_deletion, before = change.note("type") == "DELETE", pushes.replaced(change, "fromHash")
    return pushes.update(ref, pushes.commit(change, "toHash"), is_deletion=is_deletion, replaces=before)


def _urls(repository: Fields) -> tuple[str, ...]:
    """Cloud names the page of a repository, which its clone addresses follow; Data Center names those themselves."""
    links = repository.optional_object("links")
    if links is None:
        return ()
    page = links.optional_object("html")
    pages = () if page is None else pushes.urls(page, ["href"])
    return tuple(
        dict.fromkeys((*pages, *(url for one in links.objects("clone") for url in pushes.urls(one, ["href"]))))
    )
