"""A person at the real NetBox, and a proxy in front of it on which answers get lost."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.parse import quote, urlsplit

import requests

from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import Value
    from tests.lab.netbox_server import NetBoxServer as LabNetBox

TIMEOUT = 60.0
P = TypeVar("P", bound="Proxy")


class ServerPerson:
    """Implements `Person` over REST, with conversions of its own."""

    def __init__(self, server: LabNetBox) -> None:
        self._url = f"{server.url}/api"
        self._headers = {"Authorization": f"Bearer {server.token}"}

    def add(self, model: str, fields: Mapping[str, Value]) -> int:
        record_id: int = self.call("POST", f"{model}/", self._body(fields))["id"]
        return record_id

    def edit(self, model: str, record_id: int, fields: Mapping[str, Value]) -> None:
        self.call("PATCH", f"{model}/{record_id}/", self._body(fields))

    def untag(self, model: str, record_id: int) -> None:
        self.call("PATCH", f"{model}/{record_id}/", {"tags": []})

    def remove(self, model: str, record_id: int) -> None:
        self.call("DELETE", f"{model}/{record_id}/")

    def look(self, model: str, record_id: int) -> JSONObject | None:
        found: JSONObject = self.call("GET", f"{model}/?id={record_id}")
        return _without_counts(found["results"][0]) if found["results"] else None

    def call(self, method: str, path: str, body: JSON = None) -> JSON:
        """One request that has to succeed."""
        response = requests.request(method, f"{self._url}/{path}", json=body, headers=self._headers, timeout=TIMEOUT)
        assert response.ok, response.text
        return response.json() if response.content else None

    def _body(self, fields: Mapping[str, Value]) -> JSONObject:
        plain = {name: self._plain(value) for name, value in fields.items()}
        for end in ("a", "b"):
            if end in plain:
                plugged = plain.pop(end)
                ends = [{"object_type": "dcim.interface", "object_id": plugged}] if plugged else []
                plain[f"{end}_terminations"] = ends
        if isinstance(assigned := fields.get("assigned_object"), Ref):
            kind = MODELS[assigned.model].content_type
            plain |= {"assigned_object_type": kind, "assigned_object_id": plain.pop("assigned_object")}
        if "scope" in plain:
            plain |= {"scope_type": "dcim.site", "scope_id": plain.pop("scope")}
        return plain

    def _plain(self, value: Value) -> JSON:
        if isinstance(value, tuple):
            return [self._plain(item) for item in value]
        if not isinstance(value, Ref):
            return value
        if value.key.startswith("#"):
            return int(value.key[1:])
        is_owned = value.model in MODELS
        query = f"cf_hh_key={quote(value.key)}" if is_owned else f"slug={value.key.rpartition('/')[2]}"
        return self.call("GET", f"{value.model}/?{query}")["results"][0]["id"]


def _without_counts(value: JSON) -> JSON:
    """A record without the numbers of other records that refer to it, or to what it refers to."""
    if isinstance(value, dict):
        return {name: _without_counts(item) for name, item in value.items() if not name.endswith("_count")}
    return value


class Proxy:
    """Forwards requests to a server; the next ones of a method may go wrong. `requests` are `METHOD path`."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._faults: deque[tuple[str, str, int]] = deque()
        self._lock = threading.Lock()
        self.requests: list[str] = []
        self.url = ""

    def answer(self, method: str, status: int, times: int = 1) -> None:
        """The next requests of this method are answered with a status, and not forwarded."""
        self._faults.extend([(method, "answer", status)] * times)

    def lose_answer(self, method: str, how: str) -> None:
        """The answer to the next request of this method is `lost` (forwarded, then the connection is closed), `dropped`
        (the same, but not forwarded), or `garbled` (forwarded, and answered with 500 all the same).
        """
        self._faults.append((method, how, 500))

    @property
    def faults(self) -> int:
        """How many have not happened yet."""
        return len(self._faults)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.requests.append(f"{handler.command} {urlsplit(handler.path).path}")
            fault = next((found for found in self._faults if found[0] == handler.command), None)
            if fault:
                self._faults.remove(fault)
        _, kind, status = fault or ("", "", 0)
        if kind == "answer":
            _answer(handler, status, b'{"detail":"the proxy says no"}')
        if kind == "dropped":
            handler.close_connection = True
        if kind in {"answer", "dropped"}:
            return
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "accept-encoding"}
        forwarded, content = self.forward(handler.command, handler.path, body, headers)
        if kind == "lost":
            handler.close_connection = True
        elif kind == "garbled":
            _answer(handler, status, b'{"error":"duplicate key value violates unique constraint"}')
        else:
            _answer(handler, forwarded, content)

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """The server's answer to a request."""
        connection = HTTPConnection(str(self._target.hostname), self._target.port, timeout=TIMEOUT)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content


def _answer(handler: BaseHTTPRequestHandler, status: int, content: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@contextmanager
def proxy_to(target: str, kind: Callable[[str], P]) -> Iterator[P]:
    """A proxy of a kind on a free loopback port."""
    proxy = kind(target)

    class Handler(BaseHTTPRequestHandler):
        def serve(self) -> None:
            proxy.handle(self)

        do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815 - names of the base class

        log_message: ClassVar[Callable[..., None]] = lambda *_: None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
