"""Asks a forge. Nothing is unbounded: time, size, redirects, and where the token goes."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import requests
from urllib3.exceptions import HTTPError

from reconciler.errors import ConfigurationError
from reconciler.model.commit_status import AnswerKind, ForgeAnswer
from reconciler.status.forges import dialects, rights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.commit_status import ForgePost

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 5.0
LONGEST_ANSWER = 8.0
"""Seconds for all of an answer; the read timeout alone would let it trickle for ever."""

LARGEST_ANSWER = 64 * 1024
"""Bytes that are read of an answer. What is beyond is of no use here."""

_CHUNK = 1024


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

    def send(self, post: ForgePost) -> ForgeAnswer:
        """Tell the forge a status. Whatever happens is an answer."""
        access = self.access
        url = f"{dialects.project_url(access.kind, access.api_url, access.project)}/statuses/{post.commit}"
        try:
            status, fields, body = _ask(access, "POST", url, dialects.payload(access.kind, post, access.branch))
        except ConfigurationError as error:
            return ForgeAnswer(AnswerKind.STALLED, error.message)
        except (requests.RequestException, HTTPError, ValueError) as error:
            return ForgeAnswer(AnswerKind.RETRIED, f"it cannot be reached: {_cause(error)}")
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
        except (requests.RequestException, HTTPError, ValueError) as error:
            return "failing", f"it cannot be reached: {_cause(error)}"
        return (
            rights.of_github(access.project, found)
            if access.kind == "github"
            else rights.of_gitea(access.project, found)
        )


def _ask(
    access: ForgeAccess, method: str, url: str, body: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body. Each time a connection of its own: statuses are few, and far between."""
    token = _text(access.token.read())
    with requests.Session() as session:
        session.trust_env = False  # a proxy or a .netrc of the environment must not see the token
        with session.request(
            method,
            url,
            json=body,
            headers=dialects.headers(access.kind, token),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            allow_redirects=False,
            stream=True,
            verify=str(access.ca_file) if access.ca_file else system_certificates(),
        ) as answer:
            content = _read(answer)
            # Some servers show the request that they refuse.
            return answer.status_code, answer.headers, content.replace(token.encode(), b"(token)")


def _text(token: bytes) -> str:
    """The token as a header can carry it; it is never quoted. Raises ConfigurationError."""
    text = token.decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError("the token is not one: it is empty or holds odd characters")
    return text


def _read(answer: requests.Response) -> bytes:
    """As much of the body as matters."""
    deadline = time.monotonic() + LONGEST_ANSWER
    content = bytearray()
    while len(content) < LARGEST_ANSWER:
        # What is there, not a whole chunk: a server that sends a byte now and then would hold it for ever.
        chunk = answer.raw.read1(_CHUNK, decode_content=True)
        if not chunk:
            break
        content += chunk
        if time.monotonic() > deadline:
            raise requests.ReadTimeout(f"the answer took longer than {LONGEST_ANSWER:.0f} s")
    return bytes(content[:LARGEST_ANSWER])


def system_certificates() -> str | bool:
    """Where the system keeps the authorities that it trusts; those of the HTTP library where it keeps none."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def _cause(error: BaseException) -> str:
    """The innermost reason, which is the one that says something. None holds a header."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return " ".join(str(error).split())[: dialects.MAX_QUOTED] or type(error).__name__
