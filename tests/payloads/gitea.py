"""Deliveries of Gitea and Forgejo, built from the fields that their documentation names.

https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.payloads.github import BEFORE, COMMIT, NO_COMMIT

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

SECRET = b"secret of a repository"
UUID = "f6266f16-1bf3-46a5-9ea4-602e06ead473"
URL = "https://gitea.example.com/net/gitops.git"


def repository(url: str = URL) -> JSONObject:
    """The `repository` of every event."""
    page = url.removesuffix(".git")
    path = page.partition("://")[2].partition("/")[2]
    return {
        "id": 140,
        "owner": {"id": 1, "login": "net", "username": "net", "email": "net@example.com"},
        "name": "gitops",
        "full_name": path,
        "private": True,
        "html_url": page,
        "ssh_url": f"ssh://git@gitea.example.com:2222/{path}.git",
        "clone_url": url,
        "website": "",
        "default_branch": "main",
    }


def push(*, ref: str = "refs/heads/main", commit: str = COMMIT, url: str = URL, **changed: JSON) -> JSONObject:
    """A push of one commit; `changed` replaces members of the payload."""
    person = {"id": 1, "login": "gitea", "full_name": "Gitea", "email": "gitea@example.com", "username": "gitea"}
    entry = {
        "id": commit,
        "message": "Add VPC-1\n",
        "url": f"{url.removesuffix('.git')}/commit/{commit}",
        "author": {"name": "Gitea", "email": "gitea@example.com", "username": "gitea"},
        "committer": {"name": "Gitea", "email": "gitea@example.com", "username": "gitea"},
        "timestamp": "2026-01-01T12:00:00+01:00",
        "added": ["gitops/hedgehog/dc1/vpc-1.yaml"],
        "removed": [],
        "modified": [],
    }
    payload = {
        "ref": ref,
        "before": BEFORE,
        "after": commit,
        "compare_url": f"{url.removesuffix('.git')}/compare/{BEFORE}...{commit}",
        "commits": [entry],
        "total_commits": 1,
        "head_commit": entry,
        "repository": repository(url),
        "pusher": person,
        "sender": person,
    }
    return payload | changed


def deletion(ref: str = "refs/heads/main") -> JSONObject:
    """A push that deletes a branch."""
    return push(ref=ref, commit=NO_COMMIT, commits=[], total_commits=0, head_commit=None)


def form(payload: JSON) -> bytes:
    """The body of a delivery with the content type application/x-www-form-urlencoded."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def headers(
    body: bytes,
    *,
    event: str = "push",
    delivery: str = UUID,
    secret: bytes = SECRET,
    document: bytes | None = None,
) -> dict[str, str]:
    """The headers of a delivery of Gitea, which sends those of Gogs and GitHub too. Of a form, `document` is what the
    field holds: that is signed. Without a secret every signature is empty.
    """
    signed = body if document is None else document
    digest = hmac.new(secret, signed, hashlib.sha256).hexdigest() if secret else ""
    sha1 = hmac.new(secret, signed, hashlib.sha1).hexdigest() if secret else ""
    return {
        "Content-Type": "application/json" if document is None else "application/x-www-form-urlencoded",
        "X-Gitea-Delivery": delivery,
        "X-Gitea-Event": event,
        "X-Gitea-Event-Type": event,
        "X-Gitea-Signature": digest,
        "X-Gogs-Delivery": delivery,
        "X-Gogs-Event": event,
        "X-Gogs-Event-Type": event,
        "X-Gogs-Signature": digest,
        "X-Hub-Signature": f"sha1={sha1}",
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": event,
        "X-GitHub-Event-Type": event,
    }


def forgejo_headers(
    body: bytes,
    *,
    event: str = "push",
    delivery: str = UUID,
    secret: bytes = SECRET,
    document: bytes | None = None,
) -> dict[str, str]:
    """The headers of a delivery of Forgejo: Gitea's, and its own."""
    of_gitea = headers(body, event=event, delivery=delivery, secret=secret, document=document)
    return of_gitea | {
        "X-Forgejo-Delivery": delivery,
        "X-Forgejo-Event": event,
        "X-Forgejo-Event-Type": event,
        "X-Forgejo-Signature": of_gitea["X-Gitea-Signature"],
    }
