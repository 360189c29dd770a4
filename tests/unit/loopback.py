"""A real HTTP server on the loopback address, which answers as it is told and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.json import JSON


@dataclass(frozen=True)
class Asked:
    """A request as it arrived. `target` is method and path; header names are in lower case."""

    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What to answer; `before` runs first."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    before: Callable[[], object] = lambda: None


def as_json(value: JSON, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def error(status: int, code: str, message: str) -> Answer:
    """An error as our API writes it."""
    return as_json({"error": {"code": code, "message": message}}, status)


class Loopback:
    """The answers by target (`GET /fabrics`): given in turn, the last one for ever; `otherwise` for all else."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.otherwise = error(404, "not_found", "There is nothing at this path.")
        self.asked: list[Asked] = []
        self.url = ""

    def answer(self, target: str, *answers: Answer) -> None:
        self.answers[target] = list(answers)

    def next(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self.answers.get(asked.target)
        if not answers:
            return self.otherwise
        return answers[0] if len(answers) == 1 else answers.pop(0)


class _Server(ThreadingHTTPServer):
    """Does not complain of clients that hang up when they have read enough."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving() -> Iterator[Loopback]:
    """A server for the duration of the block."""
    loopback = Loopback()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            if len(body) < length:  # its sender ended in the middle: nobody was asked anything
                self.close_connection = True
                return
            answer = loopback.next(Asked(f"{self.command} {self.path}", headers, body))
            answer.before()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that the base class looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
            """The test says what it needs to know."""

    server = _Server(("127.0.0.1", 0), Handler)
    loopback.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def speaking(said: bytes) -> Iterator[str]:
    """The address of a server that says these bytes to whoever connects, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        thread = threading.Thread(target=speak)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
