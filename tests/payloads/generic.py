"""Deliveries of senders that follow our own description."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from tests.payloads.github import COMMIT

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

SECRET = b"secret of a job"
ID = "pipeline-4711"
URL = "https://git.example.com/net/gitops.git"


def push(*, ref: str = "refs/heads/main", commit: str = COMMIT, url: str = URL, **changed: JSON) -> JSONObject:
    return {"ref": ref, "commit": commit, "repository": url} | changed


def headers(body: bytes, *, delivery: str = ID, secret: bytes = SECRET, algorithm: str = "sha256") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Delivery-Id": delivery,
        "X-Signature": f"{algorithm}={hmac.new(secret, body, getattr(hashlib, algorithm)).hexdigest()}",
    }
