"""Deliveries of Forgejo: Gitea's, under headers of its own; under Gitea's, which it sends too, where those are absent.

https://forgejo.org/docs/latest/user/webhooks/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhooks.payload import header_token
from webhooks.providers import gitea

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.requests import Delivery

NAME = "forgejo"
MEDIA_TYPES = gitea.MEDIA_TYPES
PREFIX = "x-forgejo-"


def is_authentic(secret: bytes, headers: Mapping[str, str], body: bytes, _now: float) -> bool:
    """`X-Forgejo-Signature: <64 hex>`."""
    return gitea.is_signed(secret, headers, body, _own(headers, "signature"))


def delivery_id(headers: Mapping[str, str], _body: bytes) -> str:
    """The same when Forgejo sends a delivery again."""
    return header_token(headers, _own(headers, "delivery"))


def parse(headers: Mapping[str, str], body: bytes) -> Delivery:
    """As Gitea's."""
    event = header_token(headers, _own(headers, "event"))
    return gitea.read(NAME, delivery_id(headers, body), event, gitea.document_of(headers, body))


def _own(headers: Mapping[str, str], name: str) -> str:
    """The header of this name that counts."""
    return f"{PREFIX}{name}" if f"{PREFIX}{name}" in headers else f"{gitea.PREFIX}{name}"
