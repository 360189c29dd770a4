"""Clients that take their time: a connection on which no request arrives, or no answer is read, is not kept."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.app.web_server import HEAD_TIMEOUT, WRITE_TIMEOUT, BoundedHead, WebServer, listen, web_configuration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping
    from typing import Any

LIMIT = 0.4
SLACK = 0.3
"""How much later than the limit a busy machine may close."""

REQUEST = b"GET / HTTP/1.1\r\nHost: reconciler\r\n\r\n"


class HastyHead(BoundedHead):
    """The same with a limit that a test can wait for."""

    head_timeout = LIMIT
    write_timeout = LIMIT


async def _answer_slowly(
    scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> None:
    """An application that reads the body, then thinks for longer than a head may take."""
    while (await receive())["more_body"]:
        continue
    if scope["path"] == "/endless":
        await _answer_without_end(receive, send)
        return
    await asyncio.sleep(LIMIT + 0.2 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


ENDED: list[str] = []
"""The answers without end that came to one."""


async def _answer_without_end(receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """As events, until the client is gone."""
    gone = asyncio.create_task(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not gone.done():
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await asyncio.sleep(0)
    ENDED.append((await gone)["type"])


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def trickle(self, data: bytes, pause: float) -> None:
        """Send a byte now and then, until all are sent or the server hangs up."""
        with contextlib.suppress(ConnectionError):
            for byte in data:
                await self.send(bytes([byte]))
                await asyncio.sleep(pause)

    async def answer(self) -> bytes:
        """One whole answer."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        return head + await self._reader.readexactly(2)

    async def read(self, size: int) -> int:
        """Bytes that were read: fewer only at the end."""
        try:
            return len(await self._reader.readexactly(size))
        except asyncio.IncompleteReadError as error:
            return len(error.partial)

    async def seconds_until_closed(self) -> float:
        """How long the server keeps the connection; no byte may come before its end."""
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(self._reader.read(), 10) == b""
        return time.monotonic() - started


class Served:
    """The server under test, and connections to it."""

    def __init__(self, server: WebServer, port: int) -> None:
        self.server = server
        self._port = port

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        yield Client(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with listen("127.0.0.1", 0) as listener:
        server = WebServer(web_configuration(_answer_slowly, HastyHead))
        running = asyncio.create_task(server.serve(sockets=[listener.dup()]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event for it
            await asyncio.sleep(0.01)
        yield Served(server, listener.getsockname()[1])
        server.should_exit = True
        await running


async def test_silence_is_closed(served: Served) -> None:
    """A connection on which nothing is sent ends at the limit, not before."""
    async with served.connect() as client:
        assert LIMIT - 0.05 <= await client.seconds_until_closed() <= LIMIT + SLACK


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 10, id="headers"),
        pytest.param(b"GET /" + b"a" * 40, id="first line"),
    ],
)
async def test_a_trickle_renews_nothing(served: Served, head: bytes) -> None:
    """Bytes now and then do not move the limit."""
    async with served.connect() as client:
        trickle = asyncio.create_task(client.trickle(head, 0.05))
        assert LIMIT - 0.05 <= await client.seconds_until_closed() <= LIMIT + SLACK
        trickle.cancel()


async def test_a_trickle_after_a_request(served: Served) -> None:
    """On a connection that is kept, the limit holds from the next request's first byte."""
    async with served.connect() as client:
        await client.send(REQUEST)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(LIMIT + 0.1)

        await client.send(REQUEST)
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        trickle = asyncio.create_task(client.trickle(REQUEST * 3, 0.05))
        assert LIMIT - 0.05 <= await client.seconds_until_closed() <= LIMIT + SLACK
        trickle.cancel()


async def test_a_head_that_follows_at_once(served: Served) -> None:
    """Half a head behind a whole request does not wait longer than any other."""
    async with served.connect() as client:
        await client.send(REQUEST + REQUEST[:10])
        assert (await client.answer()).startswith(b"HTTP/1.1 200")
        await client.trickle(b"X", 0)
        assert await client.seconds_until_closed() <= LIMIT + SLACK


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        pytest.param(b"GET /slow HTTP/1.1\r\nHost: r\r\n\r\n", b"", id="an answer that takes long"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 12\r\n\r\n", b"body of post", id="a body"),
    ],
)
async def test_requests_are_not_cut_off(served: Served, first: bytes, rest: bytes) -> None:
    """Once the head is there, neither its body nor the answer is held to the head's limit."""
    async with served.connect() as client:
        await client.send(first)
        await client.trickle(rest, (LIMIT + 0.2) / 12)

        assert (await client.answer()).startswith(b"HTTP/1.1 200")


async def test_nothing_is_left_of_them(served: Served) -> None:
    """A hundred slow connections are all gone from the server after the limit."""
    async with contextlib.AsyncExitStack() as clients:
        for _ in range(100):
            client = await clients.enter_async_context(served.connect())
            await client.send(b"GET / HTTP")
        await asyncio.sleep(LIMIT + SLACK)

        assert not served.server.server_state.connections


async def test_an_answer_that_nobody_reads(served: Served) -> None:
    """Once the client takes in nothing any more it is let go after the limit, and whoever writes to it knows."""
    ENDED.clear()
    async with served.connect() as client:
        await client.send(b"GET /endless HTTP/1.1\r\nHost: r\r\n\r\n")
        for _ in range(100):
            if ENDED:
                break
            await asyncio.sleep(0.05)

        assert ENDED == ["http.disconnect"]
        assert not served.server.server_state.connections


async def test_an_answer_that_is_read_slowly(served: Served) -> None:
    """Whoever takes in a little within each limit may go on for long."""
    ENDED.clear()
    async with served.connect() as client:
        await client.send(b"GET /endless HTTP/1.1\r\nHost: r\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(LIMIT / 3)
            assert await client.read(5_000_000) == 5_000_000

        assert ENDED == []


def test_the_limit() -> None:
    """The service grants ten seconds for a head, and fifteen for some of an answer."""
    configuration = web_configuration(_answer_slowly)

    configuration.load()

    assert configuration.http_protocol_class is BoundedHead
    assert BoundedHead.head_timeout == HEAD_TIMEOUT == 10.0
    assert BoundedHead.write_timeout == WRITE_TIMEOUT == 15.0
