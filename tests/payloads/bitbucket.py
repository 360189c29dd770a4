"""Deliveries of Bitbucket Cloud and Data Center, built from the fields that their documentation names.

https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from tests.payloads.github import BEFORE, COMMIT, NO_COMMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.json import JSON, JSONObject

SECRET = b"secret of a workspace"
UUID = "5a4f0f3c-2d5e-4a5c-8a5b-3a1c1f0f6a77"
URL = "https://bitbucket.example.com/net/gitops"


def branch(name: str = "main", commit: str = COMMIT, kind: str = "branch") -> JSONObject:
    """A ref of Cloud, as it is or was."""
    return {
        "type": kind,
        "name": name,
        "links": {"html": {"href": f"{URL}/branch/{name}"}},
        "target": {"type": "commit", "hash": commit, "message": "Add VPC-1\n", "date": "2026-01-01T12:00:00+00:00"},
    }


def change(new: JSON, old: JSON = None) -> JSONObject:
    """One ref that a push to Cloud moved."""
    return {
        "new": new,
        "old": old,
        "created": old is None,
        "closed": new is None,
        "forced": False,
        "truncated": False,
        "commits": [],
    }


def push(*, commit: str = COMMIT, url: str = URL, changes: Sequence[JSON] | None = None, **changed: JSON) -> JSONObject:
    """A push to Cloud, of one commit to main where `changes` says nothing else."""
    moved = [change(branch(commit=commit), branch(commit=BEFORE))] if changes is None else list(changes)
    payload = {
        "actor": {"type": "user", "nickname": "emma", "display_name": "Emma"},
        "repository": {
            "type": "repository",
            "name": "gitops",
            "full_name": "net/gitops",
            "uuid": "{673a6070-3421-46c9-9d48-90745f7bfe8e}",
            "is_private": True,
            "links": {
                "self": {"href": "https://api.bitbucket.example.com/2.0/repositories/net/gitops"},
                "html": {"href": url},
                "avatar": {"href": "https://bitbucket.example.com/avatar"},
            },
        },
        "push": {"changes": moved},
    }
    return payload | changed


def data_center_change(ref: str = "refs/heads/main", commit: str = COMMIT, kind: str = "UPDATE") -> JSONObject:
    """One ref that a push to Data Center moved."""
    return {
        "ref": {"id": ref, "displayId": ref.rpartition("/")[2], "type": "BRANCH"},
        "refId": ref,
        "fromHash": BEFORE,
        "toHash": NO_COMMIT if kind == "DELETE" else commit,
        "type": kind,
    }


def data_center_push(changes: Sequence[JSON] | None = None, **changed: JSON) -> JSONObject:
    """A push to Data Center, of one commit to main where `changes` says nothing else."""
    payload = {
        "eventKey": "repo:refs_changed",
        "date": "2026-01-01T12:00:00+0100",
        "actor": {"name": "admin", "emailAddress": "admin@example.com", "id": 1, "displayName": "Administrator"},
        "repository": {
            "slug": "gitops",
            "id": 84,
            "name": "gitops",
            "scmId": "git",
            "project": {"key": "NET", "id": 84, "name": "Network", "public": False, "type": "NORMAL"},
            "public": False,
            "links": {
                "clone": [
                    {"href": "https://bitbucket.example.com/scm/net/gitops.git", "name": "http"},
                    {"href": "ssh://git@bitbucket.example.com:7999/net/gitops.git", "name": "ssh"},
                ],
                "self": [{"href": "https://bitbucket.example.com/projects/NET/repos/gitops/browse"}],
            },
        },
        "changes": [data_center_change()] if changes is None else list(changes),
    }
    return payload | changed


def headers(body: bytes, *, event: str = "repo:push", delivery: str = UUID, secret: bytes = SECRET) -> dict[str, str]:
    """The headers of a delivery of Cloud."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Bitbucket-Webhooks/2.0",
        "X-Event-Key": event,
        "X-Hook-UUID": "{4d6d3f3a-6e4f-4d38-9c5c-0a1f6a3a7f00}",
        "X-Request-UUID": delivery,
        "X-Attempt-Number": "1",
        "X-Hub-Signature": _signature(body, secret),
    }


def data_center_headers(
    body: bytes, *, event: str = "repo:refs_changed", delivery: str = UUID, secret: bytes = SECRET
) -> dict[str, str]:
    """The headers of a delivery of Data Center."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Atlassian HttpClient 4.2.0 / Bitbucket-8.19.0 (8019000) / Default",
        "X-Event-Key": event,
        "X-Request-Id": delivery,
        "X-Hub-Signature": _signature(body, secret),
    }


def _signature(body: bytes, secret: bytes) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
