"""An HTTP proxy before a server, whose next requests can be made to go wrong in ways that a TCP proxy cannot.

It speaks HTTP/1.0 to its clients: one connection a request, so that a dropped one concerns one request only.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.lab.ports import HOST

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

TIMEOUT = 120.0
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
UNANSWERED = 0
_FRAMING = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class Fault(Enum):
    """What may happen to one request."""

    BAD_GATEWAY = auto()
    THROTTLED = auto()
    ANSWER_LOST = auto()


@dataclass(frozen=True)
class Exchange:
    """A request and the status with which it was answered; `UNANSWERED` where the connection was dropped instead.

    `is_forwarded` says whether the server behind got it.
    """

    method: str
    path: str
    status: int
    is_forwarded: bool

    @property
    def is_write(self) -> bool:
        return self.method in WRITES


@dataclass(frozen=True)
class _Planned:
    fault: Fault
    path: str

    def concerns(self, path: str, *, is_write: bool) -> bool:
        return path.startswith(self.path) and (is_write or self.fault is Fault.THROTTLED)


class HttpFaults:
    """Forwards to `target` from a port of its own; a context manager. Its methods may be called from any thread.

    Where the server behind does not answer, it answers 502, as proxies do.
    """

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._host, self._port = str(address.hostname), address.port
        self._changed = threading.Condition()
        self._faults: deque[_Planned] = deque()
        self._journal: list[Exchange] = []
        self._stalled_until = 0.0
        self._delay = 0.0
        self._held_path: str | None = None
        self._held = 0
        self._server = _listen(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    @property
    def journal(self) -> list[Exchange]:
        """What was answered or dropped so far, in that order."""
        with self._changed:
            return list(self._journal)

    def since(self, mark: int) -> list[Exchange]:
        """The journal without its first `mark` entries."""
        return self.journal[mark:]

    @property
    def waiting(self) -> int:
        """How many of the faults that were asked for have not happened yet."""
        with self._changed:
            return len(self._faults)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def refuse_writes(self, times: int) -> None:
        """Answer 502 to the next writes, which the server does not get."""
        self._add(Fault.BAD_GATEWAY, times)

    def throttle(self, times: int) -> None:
        """Answer 429 with `Retry-After: 1` to the next requests of any kind."""
        self._add(Fault.THROTTLED, times)

    def lose_answers(self, times: int, path: str = "/") -> None:
        """Forward the next writes to this path and below it, wait until the server has carried them out, and drop the
        connections.
        """
        self._add(Fault.ANSWER_LOST, times, path)

    def stall(self, seconds: float) -> None:
        """Hold every request that comes within that time until its end, then forward it."""
        with self._changed:
            self._stalled_until = time.monotonic() + seconds

    def delay_writes(self, seconds: float) -> None:
        """Forward each write that much later; 0: at once."""
        with self._changed:
            self._delay = seconds

    def hold_writes(self, path: str = "/") -> None:
        """Hold the writes to this path and below it until `release`."""
        with self._changed:
            self._held_path = path

    def release(self) -> None:
        """What is held goes on, and nothing more is held."""
        with self._changed:
            self._held_path = None
            self._changed.notify_all()

    def wait_held(self, seconds: float) -> None:
        """Until a write is held. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held, seconds):
                raise TimeoutError(f"no write was held within {seconds:.0f} s: {self._journal}")

    def heal(self) -> None:
        """Take back all that was asked for; what is held goes on."""
        with self._changed:
            self._faults.clear()
            self._stalled_until, self._delay = 0.0, 0.0
        self.release()

    def _add(self, fault: Fault, times: int, path: str = "/") -> None:
        with self._changed:
            self._faults.extend([_Planned(fault, path)] * times)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request, or drop it, and note it."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self._admit(handler)
        refusal = {
            Fault.BAD_GATEWAY: _Answer(HTTPStatus.BAD_GATEWAY),
            Fault.THROTTLED: _Answer(HTTPStatus.TOO_MANY_REQUESTS, (("Retry-After", "1"),)),
        }
        answer = refusal.get(fault) if fault else None
        is_forwarded = answer is None
        if answer is None:
            answer = self._forward(handler, body)
        is_dropped = fault is Fault.ANSWER_LOST
        self._note(handler, UNANSWERED if is_dropped else answer.status, is_forwarded=is_forwarded)
        if not is_dropped:
            answer.send(handler)

    def _admit(self, handler: BaseHTTPRequestHandler) -> Fault | None:
        """Wait as long as this request has to; what goes wrong with it."""
        is_write = handler.command in WRITES
        with self._changed:
            if is_write and self._held_path and handler.path.startswith(self._held_path):
                self._hold()
            self._changed.wait_for(lambda: time.monotonic() >= self._stalled_until, self._stall_left())
            delay = self._delay if is_write else 0.0
            planned = next((one for one in self._faults if one.concerns(handler.path, is_write=is_write)), None)
            if planned:
                self._faults.remove(planned)
        time.sleep(delay)
        return planned.fault if planned else None

    def _hold(self) -> None:
        self._held += 1
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._held_path is None, TIMEOUT)
        self._held -= 1

    def _stall_left(self) -> float:
        return max(0.0, self._stalled_until - time.monotonic())

    def _note(self, handler: BaseHTTPRequestHandler, status: int, *, is_forwarded: bool) -> None:
        path = urlsplit(handler.path).path
        with self._changed:
            self._journal.append(Exchange(handler.command, path, status, is_forwarded))

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> _Answer:
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _FRAMING}
        try:
            connection.request(handler.command, handler.path, body, headers)
            response = connection.getresponse()
            kept = tuple(pair for pair in response.getheaders() if pair[0].lower() not in _FRAMING)
            return _Answer(response.status, kept, response.read())
        except (OSError, HTTPException):
            return _Answer(HTTPStatus.BAD_GATEWAY)
        finally:
            connection.close()


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes = b""

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        # the client may have lost patience in the meantime
        with suppress(ConnectionError):
            handler.send_response_only(self.status)
            for name, value in self.headers:
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(self.content)))
            handler.end_headers()
            handler.wfile.write(self.content)


def _listen(faults: HttpFaults) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            faults.serve(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = serve  # noqa: N815 - names of the base class

    return ThreadingHTTPServer((HOST, 0), Handler)
