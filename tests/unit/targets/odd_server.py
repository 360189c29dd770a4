"""A server that answers whatever it is told to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.json import JSON


class Odd:
    """A server that answers what it is told to; `seen` are the requests' method, path and Authorization."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.body = b"{}"
        self.answers: list[int] = []
        self.seen: list[tuple[str, str, str]] = []
        self.conditions: list[str | None] = []
        self.url = ""
        self.gate: threading.Event | None = None
        """Answers wait for it, where there is one."""

    def say(self, body: JSON, status: int = 200, **headers: str) -> None:
        self.status, self.body = status, json.dumps(body).encode()
        self.headers |= {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.seen.append((self.command, self.path, self.headers.get("Authorization") or ""))
            server.conditions.append(self.headers.get("If-Match"))
            if server.gate:
                server.gate.wait(10.0)
            self.send_response(server.answers.pop(0) if server.answers else server.status)
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - names of the base class

        log_message: ClassVar[Callable[..., None]] = lambda *_: None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield server
        http.shutdown()
        thread.join()
