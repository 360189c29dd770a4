"""A hostile server: whatever it is asked, it refuses, and repeats what it was told of who asks, in every form."""

from __future__ import annotations

import base64
import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo:
    """Answers with `status`. `shown` are the credentials and paths that it was shown."""

    def __init__(self, port: int) -> None:
        self.status = 401
        self.port = port
        self.shown: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def words(self, authorization: str) -> str:
        """The credentials as they were sent, and as they are meant."""
        scheme, _, value = authorization.rpartition(" ")
        meant = base64.b64decode(value).decode() if scheme.lower() == "basic" else value
        self.shown.add(meant)
        user, _, password = meant.rpartition(":")
        return f"{authorization} {meant} https://{quote(user)}:{quote(password, safe='')}@127.0.0.1/ {password}"


class _Handler(BaseHTTPRequestHandler):
    echo: Echo

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
        words = f"{self.echo.words(sent)} {self.path}"
        self.echo.shown.add(self.path)
        is_git = "git/" in self.headers.get("User-Agent", "")
        told = {
            "kind": "Status",
            "status": "Failure",
            "reason": words,
            "message": words,
            "detail": words,
            "errors": words,
        }
        body = f"{words}\n".encode() if is_git else json.dumps(told).encode()
        # git shows credentials only to who asks for them
        self.send_response(self.echo.status if sent or not is_git else 401, words)
        self.send_header("Content-Type", "text/plain" if is_git else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("WWW-Authenticate", f'Basic realm="{words}"')
        self.send_header("Warning", f'299 - "{words}"')
        if self.echo.status // 100 == 3:
            self.send_header("Location", f"{self.echo.url.replace('//', '//bot:' + quote(words, safe='') + '@')}/x")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815 - the names that the base class looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever hangs up when he has read enough is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def listening(echo: Echo) -> Iterator[None]:
    """It listens for the duration of the block; nobody does on its port before and after it."""
    server = _Server(("127.0.0.1", echo.port), type("Handler", (_Handler,), {"echo": echo}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
