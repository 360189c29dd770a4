"""The web server: uvicorn, bounded where it is open-ended, and stopped by the service alone."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterator

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request, its first line and its headers, must have arrived."""

WRITE_TIMEOUT = 15.0
"""Seconds within which a client must take in some of an answer that it holds up."""

WEB_GRACE = 3
"""Seconds that requests in flight are given when the service stops."""


class BoundedHead(H11Protocol):
    """A connection that is closed when the head of a request takes too long, or nothing of an answer is taken in.
    uvicorn waits for both forever, and whoever sends a byte a minute on a few thousand connections, or reads none of
    the events, would leave none for the forges.

    Time for the head runs from the connection's begin and, once it is kept alive, from the next request's first byte;
    until that byte uvicorn's own limit holds.
    """

    head_timeout = HEAD_TIMEOUT
    write_timeout = WRITE_TIMEOUT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._bound_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._awaits_head:
            self._bound_head()
        else:
            self._unbound_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unbound_head()
        self._unbound_write()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._bound_write()

    def resume_writing(self) -> None:
        self._unbound_write()
        super().resume_writing()

    def _bound_write(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._write_deadline = self.loop.call_later(self.write_timeout, self._give_up_on_reader, left)

    def _unbound_write(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _give_up_on_reader(self, left: int) -> None:
        """Whoever reads slowly may go on; whoever does not read at all is let go, with what waits for them."""
        if self.transport.get_write_buffer_size() < left:
            self._bound_write()
        else:
            self._write_deadline = None
            self.transport.abort()

    @property
    def _awaits_head(self) -> bool:
        """Whether there is no request, or the last one was answered."""
        return self.cycle is None or self.cycle.response_complete

    def _bound_head(self) -> None:
        # Time that runs goes on: a byte now and then must not renew it.
        if self._head_deadline is None:
            self._head_deadline = self.loop.call_later(self.head_timeout, self._give_up)

    def _unbound_head(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _give_up(self) -> None:
        self._head_deadline = None
        if self._awaits_head:
            self.transport.close()


class WebServer(uvicorn.Server):
    """The web server without signal handlers of its own: the service decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def web_configuration(web: Callable[..., Awaitable[None]], protocol: type[BoundedHead] = BoundedHead) -> uvicorn.Config:
    """How the application `web` (ASGI) is served."""
    return uvicorn.Config(
        web,
        http=protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=WEB_GRACE,
    )


def listen(host: str, port: int) -> socket.socket:
    """Bind before anything starts, so that a port in use is an error of the configuration and not of a task.

    Raises ConfigurationError.
    """
    is_v6 = ":" in host
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    try:
        return socket.create_server(
            (host, port), family=family, backlog=1024, dualstack_ipv6=is_v6 and socket.has_dualstack_ipv6()
        )
    except OSError as error:
        # The system's own words, without the address that the library adds to them.
        reason = (error.strerror or str(error)).partition(" (while")[0]
        hint = "; end what listens there (a demo?), or set server.port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigurationError(f"server: cannot listen on {host}:{port}: {reason}{hint}") from error
