"""Asks a server over HTTP. Nothing is unbounded: time, size, redirects, and where secrets go."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError

from reconciler.errors import ConfigurationError
from reconciler.model.hiding import hide, hide_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 5.0
LONGEST_ANSWER = 8.0
"""Seconds for all of an answer; the read timeout alone would let it trickle for ever."""

LARGEST_ANSWER = 64 * 1024
"""Bytes that are read of an answer. What is beyond is of no use here."""

LONGEST_CAUSE = 200
"""Characters of why there was no answer."""

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A request. `hidden` are secrets in it, which an answer must not show: some servers repeat what they refuse."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    ca_file: Path | None = None
    hidden: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """`headers` are found in whatever case they are asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class UnansweredError(Exception):
    """No answer came. `is_unsure`: the request may have arrived."""

    def __init__(self, message: str, *, is_unsure: bool) -> None:
        super().__init__(message)
        self.message = message
        self.is_unsure = is_unsure


def ask(question: Question) -> Reply:
    """Each time by a connection of its own: these requests are few, and far between. Raises UnansweredError."""
    try:
        return _ask(question)
    except (OSError, HTTPError, ValueError) as error:
        raise UnansweredError(_cause(error, question.hidden), is_unsure=_may_have_arrived(error)) from None


def _ask(question: Question) -> Reply:
    with requests.Session() as session:
        session.trust_env = False  # a proxy or a .netrc of the environment must not see secrets
        with session.request(
            question.method,
            question.url,
            data=question.body,
            headers=dict(question.headers),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            allow_redirects=False,
            stream=True,
            verify=str(question.ca_file) if question.ca_file else system_certificates(),
        ) as answer:
            return Reply(answer.status_code, answer.headers, hide_bytes(_read(answer), question.hidden))


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


_UNCONNECTED = (
    requests.ConnectTimeout,
    NewConnectionError,
    ssl.SSLCertVerificationError,
    FileNotFoundError,  # a file of authorities, as the one below
    PermissionError,
)


def _may_have_arrived(error: BaseException) -> bool:
    """Unless there was no connection by which it could. What breaks off one that there was is no proof of that."""
    chain = list(_chain(error))
    if any(isinstance(one, _UNCONNECTED) for one in chain):
        return False
    if isinstance(error, ValueError):
        # A URL or a header that is none; unless it is a header of the answer.
        return any(isinstance(one, InvalidHeader) for one in chain)
    # The library found a file of authorities missing, before it connected; all else it makes an error of its own.
    return isinstance(error, requests.RequestException | HTTPError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        reasons = [one for one in error.args if isinstance(one, BaseException)]
        error = error.__cause__ or error.__context__ or next(iter(reasons), None)


def _cause(error: BaseException, hidden: tuple[bytes, ...]) -> str:
    """The innermost reason, which is the one that says something. None holds a header."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = _without(hidden, " ".join(str(error).split()))
    return text[:LONGEST_CAUSE] or type(error).__name__


def _without(secrets: Iterable[bytes], text: str) -> str:
    return hide(text, (secret.decode(errors="replace") for secret in secrets))


def header_text(token: bytes) -> str:
    """The token as a header can carry it; it is never quoted. Raises ConfigurationError."""
    text = token.decode("ascii", errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError("the token is not one: it is empty or holds odd characters")
    return text
