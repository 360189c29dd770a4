"""Every provider as one value, for what holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.payloads import bitbucket, generic, gitea, github, gitlab, netbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.json import JSONObject


@dataclass(frozen=True)
class Forge:
    """Who sends to `/webhooks/{provider}`, and how: one row for each way to prove a delivery."""

    name: str
    provider: str
    secret: bytes
    url: str
    push: Callable[[], JSONObject]
    headers: Callable[[bytes], dict[str, str]]
    """Of a genuine delivery of this body."""
    proof: str
    """The header that proves it."""
    number: str | None
    """The header that numbers it."""
    event: str | None
    """The header that names what happened."""


FORGES = (
    Forge(
        name="github",
        provider="github",
        secret=github.SECRET,
        url="https://github.example.com/net/gitops.git",
        push=github.push,
        headers=github.headers,
        proof="X-Hub-Signature-256",
        number="X-GitHub-Delivery",
        event="X-GitHub-Event",
    ),
    Forge(
        name="gitlab",
        provider="gitlab",
        secret=gitlab.SECRET,
        url=gitlab.URL,
        push=gitlab.push,
        headers=gitlab.headers,
        proof="X-Gitlab-Token",
        number="Idempotency-Key",
        event="X-Gitlab-Event",
    ),
    Forge(
        name="gitlab-signed",
        provider="gitlab",
        secret=gitlab.SIGNING_SECRET,
        url=gitlab.URL,
        push=gitlab.push,
        headers=gitlab.signed_headers,
        proof="webhook-signature",
        number="webhook-id",
        event="X-Gitlab-Event",
    ),
    Forge(
        name="gitea",
        provider="gitea",
        secret=gitea.SECRET,
        url=gitea.URL,
        push=gitea.push,
        headers=gitea.headers,
        proof="X-Gitea-Signature",
        number="X-Gitea-Delivery",
        event="X-Gitea-Event",
    ),
    Forge(
        name="forgejo",
        provider="forgejo",
        secret=gitea.SECRET,
        url=gitea.URL,
        push=gitea.push,
        headers=gitea.forgejo_headers,
        proof="X-Forgejo-Signature",
        number="X-Forgejo-Delivery",
        event="X-Forgejo-Event",
    ),
    Forge(
        name="bitbucket",
        provider="bitbucket",
        secret=bitbucket.SECRET,
        url=bitbucket.URL,
        push=bitbucket.push,
        headers=bitbucket.headers,
        proof="X-Hub-Signature",
        number="X-Request-UUID",
        event="X-Event-Key",
    ),
    Forge(
        name="bitbucket-data-center",
        provider="bitbucket",
        secret=bitbucket.SECRET,
        url="https://bitbucket.example.com/scm/net/gitops.git",
        push=bitbucket.data_center_push,
        headers=bitbucket.data_center_headers,
        proof="X-Hub-Signature",
        number="X-Request-Id",
        event="X-Event-Key",
    ),
    Forge(
        name="generic",
        provider="generic",
        secret=generic.SECRET,
        url=generic.URL,
        push=generic.push,
        headers=generic.headers,
        proof="X-Signature",
        number="X-Delivery-Id",
        event=None,
    ),
    Forge(
        name="netbox",
        provider="netbox",
        secret=netbox.SECRET,
        url="https://netbox.example.com",
        push=netbox.edit,
        headers=netbox.headers,
        proof="X-Hook-Signature",
        number=None,
        event=None,
    ),
)
