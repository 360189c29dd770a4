"""What a forge's answers to questions tell of the rights of a token. Values in, values out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.status.forges.dialects import REDIRECT, judge, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    Answer = tuple[int, Mapping[str, str], bytes]
    """Status, headers and body."""

DEVELOPER = 30
"""The least of GitLab's roles that may set a status."""

_GITHUB_SCOPES = frozenset({"repo", "repo:status", "public_repo"})
_UNTOLD = "; whether its permission `Commit statuses` is `write`, only a status will tell"


def of_github(project: str, answer: Answer) -> tuple[str, str]:
    """State and message. The answer to `GET /repos/{owner}/{repo}`: a classic token has its scopes in a header, of a
    fine-grained one nothing is told.
    """
    if (failure := _failure("github", project, answer)) is not None:
        return failure
    scopes = answer[1].get("X-OAuth-Scopes")
    if _value(answer, "permissions", "push") is False:
        return "failing", f"{project}: the token's owner may not push, which writing commit statuses takes"
    if scopes is None:
        return "ok", f"the token sees {project}{_UNTOLD}"
    if _GITHUB_SCOPES.isdisjoint(scope.strip() for scope in scopes.split(",")):
        return "failing", f"{project}: the token lacks the scope repo:status"
    return "ok", f"the token may write commit statuses of {project}"


def of_gitea(project: str, answer: Answer) -> tuple[str, str]:
    """State and message. The answer to `GET /repos/{owner}/{repo}`."""
    if (failure := _failure("gitea", project, answer)) is not None:
        return failure
    if not _value(answer, "permissions", "push"):
        return "failing", f"{project}: the token's owner may not write to it, which writing commit statuses takes"
    return (
        "ok",
        f"the token sees {project}, and its owner may write; whether it has write:repository, only a status will tell",
    )


def of_gitlab(project: str, answer: Answer, token: Answer) -> tuple[str, str]:
    """State and message. The answers to `GET /projects/:id`, and to `GET /personal_access_tokens/self`, which knows the
    tokens of people, groups and projects.
    """
    if (failure := _failure("gitlab", project, answer)) is not None:
        return failure
    levels = [_value(answer, "permissions", of, "access_level") for of in ("project_access", "group_access")]
    known = [level for level in levels if isinstance(level, int)]
    if known and max(known) < DEVELOPER:
        return "failing", f"{project}: the token's owner is no Developer there, which writing commit statuses takes"
    scopes = _value(token, "scopes")
    if token[0] < REDIRECT and isinstance(scopes, list) and "api" not in scopes:
        return "failing", f"{project}: the token lacks the scope api"
    if not known:
        return "warning", f"the token sees {project}; whether its owner is a Developer there is not told"
    return "ok", f"the token may write commit statuses of {project}"


def _failure(kind: str, project: str, answer: Answer) -> tuple[str, str] | None:
    status, fields, body = answer
    if status < REDIRECT:
        return None
    return "failing", f"{project}: {judge(kind, status, fields, body, 0.0).message}"


def _value(answer: Answer, *keys: str) -> Any:
    found = read(answer[2])
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found
