"""An HTTP server on loopback that answers as it was told, in order, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject


class Asked(NamedTuple):
    """A request: `query` holds the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JSON


@dataclass
class Scripted:
    """An answer. `body` is sent as it is when it is bytes, else as JSON; `cut` closes the connection unanswered."""

    status: int
    body: JSON = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


class ApiServer:
    """Answers `then` in order; 500 when it has run out of them."""

    def __init__(self) -> None:
        self.then: list[Scripted] = []
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def status(code: int, message: str, reason: str | None = None, **details: JSON) -> JSONObject:
    """A Status object."""
    return {"kind": "Status", "code": code, "message": message, "reason": reason, "details": details}


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: found[-1] for name, found in parse_qs(url.query).items()}
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = dict(self.headers.items())
            server.asked.append(Asked(self.command, url.path, query, headers, json.loads(sent) if sent else None))
            self._answer(server.then.pop(0) if server.then else Scripted(500, {"message": "nothing scripted"}))

        do_PATCH = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the base class looks for

        def _answer(self, answer: Scripted) -> None:
            if answer.cut:
                self.close_connection = True
                return
            data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    return Handler
