"""A receiver of notifications over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from reconciler.errors import ConfigurationError
from reconciler.model.answers import AnswerKind, ServerAnswer
from reconciler.status.asking import CONNECT_TIMEOUT, Question, Reply, UnansweredError, ask, header_text
from reconciler.status.notifications import payloads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from reconciler.model.notifications import Owed
    from reconciler.ports import Clock

ALERTS = "/api/v2/alerts"

MAX_QUOTED = 200
"""Characters of an answer that a message quotes."""

LONGEST_WAIT = 3600.0
"""Seconds after which a receiver is told again, whatever it said."""

_OK = 200
_REDIRECT = 300
_BAD_REQUEST = 400
_SERVER_ERROR = 500
_COME_AGAIN = frozenset({408, 425, 429})

_NOT_US = frozenset({401, 403, 404, 405, 407, 410})
"""What speaks of who we are or of the address, and so holds for every notice."""


class Secret(Protocol):
    """Where a secret is. Equal ones are at the same place."""

    def read(self) -> bytes:
        """The secret of the moment. Raises ConfigurationError."""


class Address(Protocol):
    """Where a receiver is. Equal ones are at the same place."""

    @property
    def is_secret(self) -> bool:
        """Whether nobody may see its URL."""

    def read(self) -> str:
        """Its URL of the moment. Raises ConfigurationError."""


@dataclass(frozen=True, slots=True)
class ReceiverAccess:
    """A receiver, and all that decides what it is sent: `kind` is webhook, slack or alertmanager, `secret` signs,
    `token` is shown. `repeat` is after how many seconds a trouble is sent again.
    """

    name: str
    kind: str
    address: Address
    secret: Secret | None = None
    token: Secret | None = None
    ca_file: Path | None = None
    public_url: str | None = None
    repeat: float | None = None


class HttpReceiver:
    """Implements `notifier.Receiver`. Blocking; any thread may use it."""

    def __init__(self, access: ReceiverAccess, clock: Clock) -> None:
        self.access = access
        self._clock = clock

    @property
    def kind(self) -> str:
        return self.access.kind

    def token(self) -> bytes:
        """All that is read for each request. Raises ConfigurationError."""
        access = self.access
        secrets = [one.read() for one in (access.secret, access.token) if one is not None]
        return b"\0".join([access.address.read().encode(), *secrets])

    def send(self, owed: Owed) -> ServerAnswer:
        """Whatever happens is an answer."""
        try:
            reply = ask(_question(self.access, owed, self._clock.now()))
        except ConfigurationError as error:
            return ServerAnswer(AnswerKind.STALLED, error.message)
        except UnansweredError as error:
            message = f"it cannot be reached: {error.message}"
            return ServerAnswer(AnswerKind.RETRIED, message, is_unsure=error.is_unsure)
        return judge(reply)


def _question(access: ReceiverAccess, owed: Owed, now: datetime) -> Question:
    """Raises ConfigurationError."""
    url = access.address.read()
    body = _body(access, owed, now)
    hidden = list(_parts(url)) if access.address.is_secret else []
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "hedgehog-reconciler"}
    if access.kind == "webhook":
        headers["X-Delivery-Id"] = owed.delivery
    if access.secret is not None:
        headers["X-Signature"] = f"sha256={hmac.new(access.secret.read(), body, hashlib.sha256).hexdigest()}"
    if access.token is not None:
        token = header_text(access.token.read())
        hidden.append(token.encode())
        headers["Authorization"] = f"Bearer {token}"
    if access.kind == "alertmanager":
        url = f"{url.rstrip('/')}{ALERTS}"
    return Question("POST", url, headers, body, access.ca_file, tuple(hidden))


def _parts(url: str) -> Iterator[bytes]:
    """What of a secret URL a server may repeat."""
    parts = urlsplit(url)
    yield from (
        text.encode() for text in (url, f"{parts.path}?{parts.query}", parts.path, parts.query) if len(text) > 1
    )


def _body(access: ReceiverAccess, owed: Owed, now: datetime) -> bytes:
    links = payloads.Links.of(owed.notice, access.public_url)
    content: object
    if access.kind == "slack":
        content = payloads.slack(owed.notice, links)
    elif access.kind == "alertmanager":
        content = payloads.alertmanager(owed.notice, links, now, access.repeat or 0.0)
    else:
        content = payloads.generic(owed, access.name, links)
    return json.dumps(content).encode()


def judge(reply: Reply) -> ServerAnswer:
    """What follows from an answer. A gateway that fails may have handed the request on before."""
    if _OK <= reply.status < _REDIRECT:
        return ServerAnswer(AnswerKind.SENT)
    hint = "it redirects, so the address is not the present one" if reply.status < _BAD_REQUEST else _said(reply.body)
    message = f"it answered {reply.status}{f': {hint}' if hint else ''}"
    if reply.status in _COME_AGAIN or reply.status >= _SERVER_ERROR:
        return ServerAnswer(AnswerKind.RETRIED, message, _wait(reply), is_unsure=reply.status >= _SERVER_ERROR)
    is_stalled = reply.status < _BAD_REQUEST or reply.status in _NOT_US
    return ServerAnswer(AnswerKind.STALLED if is_stalled else AnswerKind.REFUSED, message)


def _said(body: bytes) -> str:
    """An answer on one line."""
    text = body.decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text)[:MAX_QUOTED].strip()


def _wait(reply: Reply) -> float | None:
    """For how long it wants to be left alone (seconds); None where it does not say."""
    text = reply.headers.get("Retry-After", "")
    return min(max(float(text), 1.0), LONGEST_WAIT) if text.isascii() and text.isdigit() else None


def look_at_receiver(access: ReceiverAccess) -> tuple[str, str]:
    """State (ok, failing) and message, for `reconciler check`: does anything answer there, with a certificate that is
    trusted? Nothing is sent.
    """
    try:
        parts = urlsplit(access.address.read())
        for secret in (access.secret, access.token):
            if secret is not None:
                secret.read()
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        _connect(host, port, parts.scheme, access.ca_file)
    except ConfigurationError as error:
        return "failing", error.message
    except OSError as error:
        return "failing", f"it cannot be reached: {error.strerror or error}"
    return "ok", f"{host} port {port} answers; nothing was sent, so whether it takes notifications is not known"


def _connect(host: str, port: int, scheme: str, ca_file: Path | None) -> None:
    """Raises OSError."""
    with socket.create_connection((host, port), CONNECT_TIMEOUT) as connection:
        if scheme == "https":
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
            context.wrap_socket(connection, server_hostname=host).close()
