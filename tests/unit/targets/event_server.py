"""An HTTP server on loopback whose answers are streams that end as told."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.model.json import JSON


class Ending(Enum):
    CLEAN = auto()
    CUT = auto()
    """The connection closes before the stream has ended."""
    SILENT = auto()
    """Nothing more is sent, and the connection stays open."""


@dataclass(frozen=True)
class Streamed:
    """An answer in chunks, and how it ends. MUTE as status: not even a status is sent."""

    pieces: tuple[bytes, ...] = ()
    ending: Ending = Ending.CLEAN
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


MUTE = 0


class Asked(NamedTuple):
    """A request: `query` holds the last value of each name; `headers` have names in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class EventServer:
    """Answers `then` in order; with 500 when it has run out of them. `connections` counts those that were made."""

    def __init__(self) -> None:
        self.then: list[Streamed] = []
        self.asked: list[Asked] = []
        self.connections = 0
        self.url = ""

    def say(self, body: JSON, status: int = 200, **headers: str) -> None:
        """Answer this as JSON, after what was told before."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.then.append(Streamed((json.dumps(body).encode(),), status=status, headers=named))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request, until an answer ends it."""
        self.connections += 1
        ending = Ending.CLEAN
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client may go at any time
                while ending is Ending.CLEAN:
                    self.asked.append(_read(await reader.readuntil(b"\r\n\r\n")))
                    answer = self.then.pop(0) if self.then else Streamed(status=500)
                    await _send(writer, answer)
                    ending = answer.ending
                if ending is Ending.SILENT:
                    await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[EventServer]:
    """A server for the duration of the block, in this event loop."""
    server = EventServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield server


def _read(head: bytes) -> Asked:
    request, *lines = head.decode().split("\r\n")
    url = urlsplit(request.split(" ")[1])
    headers = dict(line.split(": ", 1) for line in lines if line)
    query = {name: found[-1] for name, found in parse_qs(url.query).items()}
    return Asked(url.path, query, {name.lower(): value for name, value in headers.items()})


async def _send(writer: asyncio.StreamWriter, answer: Streamed) -> None:
    if answer.status == MUTE:
        return
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", **answer.headers}
    head = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(head).encode())
    for piece in answer.pieces:
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(0)  # a reader that is waiting sees each piece by itself
    if answer.ending is Ending.CLEAN:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
