"""GitHub deliveries, built from the fields that its documentation names.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

SECRET = b"correct horse battery staple"
COMMIT = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
BEFORE = "a10867b14bb761a232cd80139fbd4c0d33264240"
NO_COMMIT = "0" * 40
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def repository(name: str = "net/gitops", host: str = "github.example.com") -> JSONObject:
    """The `repository` object of every event that has one."""
    return {
        "id": 186853002,
        "name": name.rpartition("/")[2],
        "full_name": name,
        "private": True,
        "default_branch": "main",
        "html_url": f"https://{host}/{name}",
        "clone_url": f"https://{host}/{name}.git",
        "git_url": f"git://{host}/{name}.git",
        "ssh_url": f"git@{host}:{name}.git",
    }


def commit(sha: str = COMMIT, message: str = "Add VPC-1") -> JSONObject:
    person = {"name": "Mona", "email": "mona@example.com", "username": "mona"}
    return {
        "id": sha,
        "tree_id": BEFORE,
        "distinct": True,
        "message": message,
        "timestamp": "2026-01-01T12:00:00+01:00",
        "url": f"https://github.example.com/net/gitops/commit/{sha}",
        "author": person,
        "committer": person,
        "added": ["gitops/hedgehog/dc1/vpc-1.yaml"],
        "removed": [],
        "modified": [],
    }


def push(**changed: JSON) -> JSONObject:
    """A push of one commit to main; `changed` replaces members of the payload."""
    payload = {
        "ref": "refs/heads/main",
        "before": BEFORE,
        "after": COMMIT,
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": f"https://github.example.com/net/gitops/compare/{BEFORE[:12]}...{COMMIT[:12]}",
        "commits": [commit()],
        "head_commit": commit(),
        "repository": repository(),
        "pusher": {"name": "mona", "email": "mona@example.com"},
        "sender": {"login": "mona", "id": 21031067, "type": "User"},
    }
    return payload | changed


def deletion(ref: str = "refs/heads/main") -> JSONObject:
    """A push that deletes a branch."""
    return push(ref=ref, after=NO_COMMIT, deleted=True, commits=[], head_commit=None)


def ping(**changed: JSON) -> JSONObject:
    payload = {
        "zen": "Approachable is better than simple.",
        "hook_id": 30,
        "hook": {
            "type": "Repository",
            "id": 30,
            "name": "web",
            "active": True,
            "events": ["push"],
            "config": {
                "content_type": "json",
                "insecure_ssl": "0",
                "url": "https://reconciler.example.com/webhooks/github",
            },
        },
        "repository": repository(),
        "sender": {"login": "mona", "id": 21031067, "type": "User"},
    }
    return payload | changed


def encoded(payload: JSON) -> bytes:
    """The body of a delivery with the content type application/json."""
    return json.dumps(payload).encode()


def form(payload: JSON) -> bytes:
    """The body of a delivery with the content type application/x-www-form-urlencoded."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def signature(body: bytes, secret: bytes = SECRET) -> str:
    """The header X-Hub-Signature-256: over the raw body, for both content types."""
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def headers(
    body: bytes,
    *,
    event: str = "push",
    delivery: str = GUID,
    content_type: str = "application/json",
    secret: bytes = SECRET,
) -> dict[str, str]:
    """The headers of a signed delivery, as GitHub spells them."""
    return {
        "Content-Type": content_type,
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "292430182",
        "X-GitHub-Hook-Installation-Target-ID": "186853002",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        "X-Hub-Signature-256": signature(body, secret),
    }
