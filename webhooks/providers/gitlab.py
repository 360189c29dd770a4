"""GitLab's deliveries, proven by a secret token or, from GitLab 19 on, by a signing token.

https://docs.gitlab.com/user/project/integrations/webhooks/
https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reconciler.model.requests import Delivery
from webhooks.payload import JSON_TYPE, Fields, MalformedPayloadError, header_token, parse_object
from webhooks.providers import pushes, standard
from webhooks.signature import header_bytes, is_token
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "gitlab"
MEDIA_TYPES = frozenset({JSON_TYPE})

_PUSHES = frozenset({"Push Hook", "Tag Push Hook"})
_SYSTEM_PUSHES = frozenset({"push", "tag_push"})
_URL_FIELDS = ("git_http_url", "git_ssh_url", "http_url", "ssh_url", "web_url")


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """A secret that begins with `whsec_` is a signing token, any other a secret token (`X-Gitlab-Token`).

    A delivery with a signature never counts for its token: whoever took the signature for proof would be fooled by
    the weaker one, which travels in clear and covers nothing of the body.
    """
    if secret.startswith(standard.PREFIX):
        return standard.is_authentic(secret, headers, body, now)
    return standard.SIGNATURE_HEADER not in headers and is_token(secret, header_bytes(headers, "x-gitlab-token"))


def delivery_id(headers: Mapping[str, str], body: bytes) -> str:
    """The same when GitLab sends a delivery again. Before 17.4 it is made of the event's id and the body, because all
    hooks that one event sets off share the id.
    """
    for name in (standard.ID_HEADER, "idempotency-key"):
        if name in headers:
            return header_token(headers, name)
    event = header_token(headers, "x-gitlab-event-uuid")
    return hashlib.sha256(event.encode() + b" " + body).hexdigest()


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Pushes of branches and tags, of project, group and system hooks; other events have no details. A custom template
    may leave out what is not needed. A test from the settings page is an event like any other.
    """
    delivery = delivery_id(headers, body)
    event = printable(headers.get("x-gitlab-event", "").strip())
    if not event:
        raise MalformedPayloadError("the header x-gitlab-event is missing", "x-gitlab-event")
    payload = Fields(parse_object(body))
    is_system_push = event == "System Hook" and payload.note("event_name") in _SYSTEM_PUSHES
    if event in _PUSHES or is_system_push:
        return _push(delivery, payload)
    return Delivery(NAME, delivery, event)


def _push(delivery: str, payload: Fields) -> Delivery:
    project = payload.object("project")
    # null says that there is nothing to check out any more; a template may leave it out, which says nothing
    is_deletion = payload.values.get("checkout_sha", "") is None
    after, before = pushes.commit(payload, "after"), pushes.replaced(payload, "before")
    moved = pushes.update(pushes.full_ref(payload), after, is_deletion=is_deletion, replaces=before)
    details = pushes.details(
        repository=project.note("path_with_namespace"),
        pusher=payload.note("user_username"),
    )
    return pushes.push(NAME, delivery, [moved], pushes.urls(project, _URL_FIELDS), details)
