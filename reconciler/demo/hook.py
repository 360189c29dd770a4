"""The post-receive hook of the demo's repository: sends what GitHub would send, signed the same way.

Run by `git push` with `old new ref` lines on standard input.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.json import JSONObject

TIMEOUT = 10.0
LONGEST_ANSWER = 4096
NO_COMMIT = "0" * 40


def push_payload(old: str, new: str, ref: str, repository: str) -> JSONObject:
    """The fields of GitHub's push event that a receiver needs. `repository` is its clone URL."""
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == NO_COMMIT,
        "deleted": new == NO_COMMIT,
        "forced": False,
        "commits": [],
        "head_commit": None,
        "repository": {"full_name": "demo/gitops", "clone_url": repository, "default_branch": "main"},
        "pusher": {"name": "demo"},
        "sender": {"login": "demo"},
    }


def delivery(body: bytes, secret: bytes) -> dict[str, str]:
    """The headers of a signed delivery, with an id of its own."""
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}",
    }


def send(url: str, body: bytes, headers: dict[str, str]) -> str:
    """Deliver, and say in one line what was answered: a push must not fail because its webhook does."""
    if not url.startswith(("http://", "https://")):
        return f"webhook: {url} is not an http(s) address"
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - checked above
    # Without the proxies of the environment, which could not reach the loopback address of this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=TIMEOUT) as answer:
            return f"webhook: {answer.status} {answer.read(LONGEST_ANSWER).decode(errors='replace')}"
    except urllib.error.HTTPError as error:
        with error:
            return f"webhook: {error.code} {error.read(LONGEST_ANSWER).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return f"webhook: not delivered ({error}); the poll finds this push within its interval"


def deliver(lines: Iterable[str], url: str, secret: bytes, repository: str) -> list[str]:
    """One delivery for each pushed ref."""
    said = []
    for line in lines:
        old, new, ref = line.split()
        body = json.dumps(push_payload(old, new, ref, repository)).encode()
        said.append(send(url, body, delivery(body, secret)))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--secret-file", required=True, type=Path)
    parser.add_argument("--repository", required=True)
    options = parser.parse_args()
    secret = options.secret_file.read_bytes().removesuffix(b"\n")
    for line in deliver(sys.stdin, options.url, secret, options.repository):
        print(line)  # noqa: T201 - git shows a hook's output to whoever pushes


if __name__ == "__main__":
    main()
