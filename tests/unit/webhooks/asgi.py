"""A client that speaks ASGI itself: bodies in any pieces and at any pace, headers of any bytes, no network."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.types import ASGIApp, Message

    from reconciler.model.json import JSON


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> JSON:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


@dataclass
class Body:
    """A request's body that arrives in `chunks`; `read` is the number of bytes that were asked for so far.

    After the last chunk the body ends or, with `is_cut`, the client is gone; with `hangs_up` the client is gone once
    the body has ended; with `pause`, each chunk takes so many seconds of simulated time.
    """

    chunks: Iterable[bytes] = (b"",)
    is_cut: bool = False
    hangs_up: bool = False
    pause: float = 0.0
    read: int = 0

    def receiver(self) -> Callable[[], Awaitable[Message]]:
        pieces = iter(self.chunks)
        is_gone = self.is_cut

        async def receive() -> Message:
            nonlocal is_gone
            if self.pause:
                await anyio.sleep(self.pause)
            piece = next(pieces, None)
            if piece is not None:
                self.read += len(piece)
                return {"type": "http.request", "body": piece, "more_body": True}
            if is_gone:
                return {"type": "http.disconnect"}
            is_gone = self.hangs_up
            return {"type": "http.request", "body": b""}

        return receive


async def ask(
    app: ASGIApp,
    method: str,
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]] = (),
    body: Body | bytes = b"",
) -> Answer:
    """Send one request. `target` is a path with an optional query; text headers are encoded as latin-1."""
    path, _, query = target.partition("?")
    sent = body if isinstance(body, Body) else Body([body])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": _raw(headers),
        "client": ("192.0.2.1", 50000),
        "server": ("192.0.2.2", 8080),
    }
    answer = Answer()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await app(scope, sent.receiver(), send)
    return answer


def _raw(headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    pairs = headers.items() if hasattr(headers, "items") else headers
    return [(_bytes(name).lower(), _bytes(value)) for name, value in pairs]


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text
