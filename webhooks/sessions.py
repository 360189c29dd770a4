"""Sessions of people who logged in with the API token, in the memory of this process."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from starlette.requests import cookie_parser

from reconciler.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import Headers

_log = structlog.get_logger("webhooks")

LIFETIME = 12 * 3600.0
"""Seconds."""

MOST = 1000
"""Sessions that are kept: beyond it the oldest ends."""

_PORT = re.compile(r":([0-9]{1,5})\Z")

_MOST_SAID = 100


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf` is what its forms carry; `by` the name that was given at login; `ends` Unix seconds. `token` is the digest
    of the API token that opened it: with another token it is over.
    """

    csrf: str
    by: str | None
    token: bytes
    ends: float
    _said: dict[str, str] = field(default_factory=dict, compare=False)

    def say(self, words: str) -> str:
        """Keep words for the next page; the name under which `heard` gives them, once. From any thread."""
        if len(self._said) >= _MOST_SAID:
            self._said.clear()  # nobody came for them
        name = secrets.token_urlsafe(8)
        self._said[name] = words
        return name

    def heard(self, name: str) -> str:
        """What was said under this name; empty when it was heard already, or never said."""
        return self._said.pop(name, "")


class Sessions:
    """Who is logged in. Sessions are kept under the digest of their id, so the memory holds nothing to log in with."""

    def __init__(self, api_token: Callable[[], bytes | None], now: Callable[[], float], *, is_secure: bool) -> None:
        """`is_secure`: people come over https, and the cookie goes over nothing else."""
        self._api_token = api_token
        self._now = now
        self._is_secure = is_secure
        self._open: dict[bytes, Session] = {}

    def proves(self, token: bytes) -> bool:
        """Whether this is the API token, compared in constant time."""
        expected = self._api_token()
        return bool(expected) and hmac.compare_digest(token, expected or b"")

    def open(self, token: bytes, by: str | None, headers: Headers) -> str:
        """A new session for who has shown `token` with a request; the value of the `set-cookie` header."""
        now = self._now()
        self._open = {key: one for key, one in self._open.items() if one.ends > now}
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        session_id = secrets.token_urlsafe(32)
        self._open[_digest(session_id)] = Session(secrets.token_urlsafe(32), by, _hashed(token), now + LIFETIME)
        return self._set_cookie(headers, session_id, int(LIFETIME))

    def of(self, headers: Headers) -> Session | None:
        """The session of a request, None where it has none that still holds. While the token cannot be read none does:
        it may be another one.
        """
        found = self._open.get(_digest(self._id(headers)))
        if found is None or found.ends <= self._now():
            return None
        token = self._present_token()
        return found if token and hmac.compare_digest(found.token, _hashed(token)) else None

    def _present_token(self) -> bytes | None:
        try:
            return self._api_token()
        except ConfigurationError as error:
            # Pages are read without it: only whoever has to be known is turned away.
            _log.warning("no session holds: the API token cannot be read", error=error.message)
            return None

    def close(self, headers: Headers) -> str:
        """End the session of a request; the value of the `set-cookie` header that has the browser forget it."""
        self._open.pop(_digest(self._id(headers)), None)
        return self._set_cookie(headers, "", 0)

    def _id(self, headers: Headers) -> str:
        return cookie_parser(headers.get("cookie", "")).get(self._cookie(headers), "")

    def _cookie(self, headers: Headers) -> str:
        """Its name. Browsers send the cookies of one port to all of a host: services on several have names apart."""
        if self._is_secure:
            return "__Host-reconciler-session"
        port = _PORT.search(headers.get("host", ""))
        return f"reconciler-session-{port[1]}" if port else "reconciler-session"

    def _set_cookie(self, headers: Headers, value: str, seconds: int) -> str:
        secure = "; Secure" if self._is_secure else ""
        return f"{self._cookie(headers)}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _digest(session_id: str) -> bytes:
    return _hashed(session_id.encode("utf-8", "replace"))


def _hashed(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
