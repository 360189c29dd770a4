"""GitLab's deliveries, built from the fields that its documentation names.

https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from tests.payloads.github import BEFORE, COMMIT, NO_COMMIT, encoded

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

SECRET = b"token of a project"
SIGNING_SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The example of Standard Webhooks."""

KEY = "5f1d7a84-cbe4-4d1c-9d86-0c1e57d0c2fd"
EVENT_UUID = "13792a34-cac6-4fda-95a8-c58e00a3954e"
URL = "https://gitlab.example.com/net/gitops.git"


def project(url: str = URL) -> JSONObject:
    """The `project` of every event that has one."""
    path = url.partition("://")[2].partition("/")[2].removesuffix(".git")
    return {
        "id": 15,
        "name": "gitops",
        "web_url": url.removesuffix(".git"),
        "git_ssh_url": f"git@gitlab.example.com:{path}.git",
        "git_http_url": url,
        "namespace": "net",
        "visibility_level": 0,
        "path_with_namespace": path,
        "default_branch": "main",
        "homepage": url.removesuffix(".git"),
        "url": f"git@gitlab.example.com:{path}.git",
        "ssh_url": f"git@gitlab.example.com:{path}.git",
        "http_url": url,
    }


def push(*, ref: str = "refs/heads/main", commit: str = COMMIT, url: str = URL, **changed: JSON) -> JSONObject:
    """A push of one commit; `changed` replaces members of the payload."""
    payload = {
        "object_kind": "push",
        "event_name": "push",
        "before": BEFORE,
        "after": commit,
        "ref": ref,
        "ref_protected": True,
        "checkout_sha": commit,
        "user_id": 4,
        "user_name": "John Smith",
        "user_username": "jsmith",
        "user_email": "john@example.com",
        "project_id": 15,
        "project": project(url),
        "repository": {"name": "gitops", "url": url, "git_http_url": url, "visibility_level": 0},
        "commits": [
            {
                "id": commit,
                "message": "Add VPC-1",
                "title": "Add VPC-1",
                "timestamp": "2026-01-01T12:00:00+01:00",
                "url": f"{url.removesuffix('.git')}/commit/{commit}",
                "author": {"name": "John Smith", "email": "john@example.com"},
                "added": ["gitops/hedgehog/dc1/vpc-1.yaml"],
                "modified": [],
                "removed": [],
            }
        ],
        "total_commits_count": 1,
    }
    return payload | changed


def tag(ref: str = "refs/tags/v1.0.0") -> JSONObject:
    """A push of a tag: `after` is the tag's own object."""
    return push(ref=ref, object_kind="tag_push", event_name="tag_push", before=NO_COMMIT, commits=[])


def deletion(ref: str = "refs/heads/main") -> JSONObject:
    """A push that deletes a branch."""
    return push(ref=ref, commit=NO_COMMIT, checkout_sha=None, commits=[], total_commits_count=0)


def headers(
    body: bytes,
    *,
    event: str = "Push Hook",
    delivery: str = KEY,
    secret: bytes = SECRET,
) -> dict[str, str]:
    """The headers of a delivery with a secret token, as GitLab spells them."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/18.1.0",
        "X-Gitlab-Event": event,
        "X-Gitlab-Token": secret.decode("latin-1"),
        "X-Gitlab-Instance": "https://gitlab.example.com",
        "X-Gitlab-Webhook-UUID": "02affd2d-2cba-4033-917d-ec22d5dc4b38",
        "X-Gitlab-Event-UUID": EVENT_UUID,
        "Idempotency-Key": delivery,
    }


def signed_headers(
    body: bytes,
    *,
    event: str = "Push Hook",
    delivery: str = KEY,
    secret: bytes = SIGNING_SECRET,
    timestamp: int = 0,
) -> dict[str, str]:
    """The headers of a delivery with a signing token."""
    of_a_token = headers(body, event=event, delivery=delivery)
    del of_a_token["X-Gitlab-Token"]
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    message = f"{delivery}.{timestamp}.".encode() + body
    digest = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return of_a_token | {
        "webhook-id": delivery,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{digest}",
    }


__all__ = ["EVENT_UUID", "KEY", "SECRET", "SIGNING_SECRET", "URL", "deletion", "encoded", "headers", "push", "tag"]
