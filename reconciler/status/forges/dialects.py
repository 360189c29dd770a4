"""How each forge is told a commit status, and what its answers mean. Values in, values out.

GitHub: REST API of version 2022-11-28, "Create a commit status" (docs.github.com/rest/commits/statuses). The answer is
201. The description has at most 140 characters. 422: the commit is not there, or has 1000 statuses of this context. Who
asks too often gets 403 or 429, with `retry-after`, or with `x-ratelimit-remaining: 0` and `x-ratelimit-reset`.

GitLab: REST API v4, "Set commit pipeline status" (docs.gitlab.com/api/commits). The answer is 201. The id of a project
is its path, escaped. A status is a machine: setting the state that it is in is answered 400 "Cannot transition status
via …", and after an end it begins anew. `ref` puts it in the pipeline of that branch, and not in one of any that holds
the commit.

Gitea and Forgejo: API v1, `repoCreateStatus` (in `/api/swagger` of each installation). The answer is 201. A commit that
is not there is answered 500 by Gitea, "object does not exist", and 404 by others.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.model.commit_status import StatusState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.commit_status import ForgePost

SLOWER = 60.0
"""Seconds to wait when a forge asks to be slower and does not say how long: what GitHub's guide asks for."""

LONGEST_WAIT = 3600.0
"""Seconds after which a forge is asked again, whatever it said."""

MAX_QUOTED = 200
"""Characters of an answer that a message quotes."""

OK: Final = 200
REDIRECT: Final = 300
BAD_REQUEST: Final = 400
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNPROCESSABLE: Final = 422
SERVER_ERROR: Final = 500
SLOW_DOWN: Final = 429
_COME_AGAIN = frozenset({408, 409, 425})

_GITHUB = {
    StatusState.QUEUED: "pending",
    StatusState.RUNNING: "pending",
    StatusState.SUCCEEDED: "success",
    StatusState.FAILED: "failure",
    StatusState.SUPERSEDED: "error",
}
_GITLAB = {
    StatusState.QUEUED: "pending",
    StatusState.RUNNING: "running",
    StatusState.SUCCEEDED: "success",
    StatusState.FAILED: "failed",
    StatusState.SUPERSEDED: "canceled",
}

_ABOUT_THE_COMMIT = {
    "github": ("no commit found", "maximum number of statuses"),
    "gitlab": ("commit not found", "references for commit"),
    "gitea": ("object does not exist", "getcommit"),
}
"""What an answer says that is about one commit, and no word about others."""

_HINTS = {
    401: "the token is not accepted",
    FORBIDDEN: "the token may not write commit statuses",
    NOT_FOUND: "there is no such project, or the token may not see it",
}


def project_url(kind: str, api_url: str, project: str) -> str:
    """Where the API has the project."""
    if kind == "gitlab":
        return f"{api_url}/projects/{quote(project, safe='')}"
    return f"{api_url}/repos/{quote(project, safe='/')}"


def headers(kind: str, token: str) -> dict[str, str]:
    """Who we are, and which version of the API is spoken."""
    if kind == "gitlab":
        return {"PRIVATE-TOKEN": token, "Accept": "application/json"}
    if kind == "gitea":
        return {"Authorization": f"token {token}", "Accept": "application/json"}
    return {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }


def payload(kind: str, post: ForgePost, branch: str) -> dict[str, str]:
    """The body of the request."""
    link = {"target_url": post.link} if post.link else {}
    if kind == "gitlab":
        named = {"name": post.context, "ref": branch, "state": _GITLAB[post.state]}
    else:
        # Gitea has GitHub's words.
        named = {"context": post.context, "state": _GITHUB[post.state]}
    return {**named, "description": post.description, **link}


def judge(kind: str, status: int, fields: Mapping[str, str], body: bytes, now: float) -> ServerAnswer:
    """What follows from an answer. `fields` are its headers, in whatever case they are asked for; `now` is seconds
    since the epoch.
    """
    said = message_of(body)
    if OK <= status < REDIRECT or _is_so_already(kind, status, said):
        return ServerAnswer(AnswerKind.SENT)
    text = _sentence(status, said)
    if any(words in said.lower() for words in _ABOUT_THE_COMMIT[kind]):
        return ServerAnswer(AnswerKind.REFUSED, text)
    wait = _wait(fields, now)
    if status == SLOW_DOWN or (status == FORBIDDEN and (wait is not None or "rate limit" in said.lower())):
        return ServerAnswer(AnswerKind.RETRIED, text, SLOWER if wait is None else wait)
    if status >= SERVER_ERROR or status in _COME_AGAIN:
        return ServerAnswer(AnswerKind.RETRIED, text, wait)
    return ServerAnswer(AnswerKind.STALLED, text)


def _is_so_already(kind: str, status: int, said: str) -> bool:
    """GitLab refuses to be told what it knows: the first try had arrived, and its answer had not."""
    return kind == "gitlab" and status == BAD_REQUEST and "cannot transition status" in said.lower()


def _sentence(status: int, said: str) -> str:
    hint = "it redirects, so the address is not the present one" if status < BAD_REQUEST else _HINTS.get(status)
    parts = [f"it answered {status}", *([hint] if hint else []), *([said] if said else [])]
    return ": ".join(parts)


def _wait(fields: Mapping[str, str], now: float) -> float | None:
    """For how long the forge wants to be left alone (seconds); None where it does not say."""
    seconds = _number(fields.get("Retry-After"))
    reset = _number(fields.get("X-RateLimit-Reset"))
    if seconds is None and fields.get("X-RateLimit-Remaining") == "0" and reset is not None:
        seconds = reset - now
    return None if seconds is None else min(max(seconds, 1.0), LONGEST_WAIT)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def message_of(body: bytes) -> str:
    """What an answer says in words, on one line; empty where it says nothing that is meant for people."""
    answer = read(body)
    if not isinstance(answer, dict):
        return ""
    found = answer.get("message") or answer.get("error") or ""
    parts = [found if isinstance(found, str) else json.dumps(found), *_details(answer.get("errors"))]
    text = "; ".join(part for part in parts if part)
    return "".join(one if one.isprintable() else " " for one in text)[:MAX_QUOTED]


def _details(errors: Any) -> list[str]:
    """GitHub's list of what is wrong with a request."""
    found = errors if isinstance(errors, list) else []
    texts = [one.get("message") for one in found if isinstance(one, dict)]
    return [text for text in texts if isinstance(text, str)]


def read(body: bytes) -> Any:
    """JSON, None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
