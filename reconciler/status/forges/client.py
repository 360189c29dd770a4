"""Asks a forge. Nothing is unbounded: time, size, redirects, and where the token goes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import ConfigurationError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.status.asking import Question, UnansweredError, ask, header_text
from reconciler.status.forges import dialects, rights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.commit_status import ForgePost


class Secret(Protocol):
    """Where the token is. Equal ones are at the same place."""

    def read(self) -> bytes:
        """The token of the moment. Raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class ForgeAccess:
    """Where the API of a forge is, which project of it a repository is, on which branch, and who we are there. Equal
    ones are the same in all that decides what the forge answers, but for what the token's file holds.
    """

    kind: str
    api_url: str
    project: str
    branch: str
    token: Secret
    ca_file: Path | None = None


class ForgeClient:
    """Implements `status.commit_status.Forge`. Blocking; one thread at a time."""

    def __init__(self, access: ForgeAccess) -> None:
        self.access = access

    @property
    def kind(self) -> str:
        return self.access.kind

    def token(self) -> bytes:
        """The token of the moment. Raises ConfigurationError."""
        return self.access.token.read()

    def send(self, post: ForgePost) -> ServerAnswer:
        """Tell the forge a status. Whatever happens is an answer."""
        access = self.access
        url = f"{dialects.project_url(access.kind, access.api_url, access.project)}/statuses/{post.commit}"
        try:
            status, fields, body = _ask(access, "POST", url, dialects.payload(access.kind, post, access.branch))
        except ConfigurationError as error:
            return ServerAnswer(AnswerKind.STALLED, error.message)
        except UnansweredError as error:
            return ServerAnswer(AnswerKind.RETRIED, f"it cannot be reached: {error.message}")
        return dialects.judge(access.kind, status, fields, body, time.time())


class ForgeProbe:
    """A look at a forge that writes nothing, for `reconciler check`."""

    def __init__(self, access: ForgeAccess) -> None:
        self._access = access

    def look(self) -> tuple[str, str]:
        """State (ok, warning, failing) and message: may the token write statuses, as far as reading tells?"""
        access = self._access
        try:
            found = _ask(access, "GET", dialects.project_url(access.kind, access.api_url, access.project))
            if access.kind == "gitlab":
                scopes = _ask(access, "GET", f"{access.api_url}/personal_access_tokens/self")
                return rights.of_gitlab(access.project, found, scopes)
        except ConfigurationError as error:
            return "failing", error.message
        except UnansweredError as error:
            return "failing", f"it cannot be reached: {error.message}"
        return (
            rights.of_github(access.project, found)
            if access.kind == "github"
            else rights.of_gitea(access.project, found)
        )


def _ask(
    access: ForgeAccess, method: str, url: str, body: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body. Raises ConfigurationError, UnansweredError."""
    token = header_text(access.token.read())
    headers = dialects.headers(access.kind, token)
    content = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        content = json.dumps(body).encode()
    reply = ask(Question(method, url, headers, content, access.ca_file, (token.encode(),)))
    return reply.status, reply.headers, reply.body
