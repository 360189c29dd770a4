"""A TCP proxy before a server, to break what is between it and its clients."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.lab.ports import HOST, free_ports

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

_PIECE = 1 << 16
_TIMEOUT = 10.0


class _Connection:
    """One client. `is_dead`: what either side sends is thrown away, and that a side hangs up is kept from the other."""

    def __init__(self, *, is_dead: bool) -> None:
        self.is_dead = is_dead
        self.writers: list[asyncio.StreamWriter] = []

    def abort(self) -> None:
        for writer in self.writers:
            writer.transport.abort()

    def reset(self) -> None:
        """As `abort`, and both sides are told with a reset instead of an end."""
        for writer in self.writers:
            if not writer.is_closing():
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.abort()


class Proxy:
    """Forwards from a port of its own to `port` of this machine; runs in a thread. Its methods may be called from any
    other thread, and have taken effect when they return.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        (self.port,) = free_ports(1)
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._is_stalling = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many clients are connected, those of dead connections included."""
        return len(self._connections)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection; new ones are forwarded."""
        self._call(self._cut())

    def refuse(self) -> None:
        """Reset every connection, and refuse new ones until `heal`."""
        self._call(self._refuse())

    def stall(self) -> None:
        """Every connection stays open and dead, for ever; so do those that are made before `heal`."""
        self._call(self._stall())

    def heal(self) -> None:
        """Forward new connections again; a dead one stays dead, as one that a router has forgotten."""
        self._call(self._heal())

    def _call(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(_TIMEOUT)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, HOST, self.port)

    async def _cut(self) -> None:
        for connection in self._connections:
            connection.reset()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._cut()

    async def _stall(self) -> None:
        self._is_stalling = True
        for connection in self._connections:
            connection.is_dead = True

    async def _heal(self) -> None:
        self._is_stalling = False
        if self._server is None:
            await self._listen()

    async def _end(self) -> None:
        await self._refuse()
        await asyncio.gather(*self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(is_dead=self._is_stalling)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served outside of a task")
        self._tasks.add(task)
        self._connections.add(connection)
        connection.writers.append(writer)
        try:
            await self._serve(connection, reader, writer)
        finally:
            connection.abort()
            self._connections.discard(connection)
            self._tasks.discard(task)

    async def _serve(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until both sides have hung up."""
        if connection.is_dead:
            await _pump(connection, reader, writer)
            return
        with suppress(OSError):
            upstream, to_upstream = await asyncio.open_connection(HOST, self._target)
            connection.writers.append(to_upstream)
            await asyncio.gather(_pump(connection, reader, to_upstream), _pump(connection, upstream, writer))


async def _pump(connection: _Connection, source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    """From one side to the other until the first hangs up, which the other is told."""
    try:
        while piece := await source.read(_PIECE):
            if not connection.is_dead:
                drain.write(piece)
                await drain.drain()
        if not connection.is_dead:
            drain.write_eof()
            await drain.drain()
    except OSError:
        connection.abort()
