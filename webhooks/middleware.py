"""What every request passes through: security headers, one line in the access log, and an answer to any error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders

from webhooks.errors import refusal
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger("webhooks")

UNMATCHED = "unmatched"

LASTING = "webhooks.lasting"
"""The key of the scope that is there once an answer takes as long as whoever asked wants."""

_SECURITY_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def _as_json(_scope: Scope, error: Exception) -> Response:
    return refusal(error).response()


class Edge:
    """The outermost middleware.

    The log holds method, path, status and milliseconds. The query and the headers stay out of it: they may carry
    secrets.
    """

    def __init__(
        self,
        app: ASGIApp,
        answer: Callable[[Scope, Exception], Response] = _as_json,
        templates: Mapping[object, str] | None = None,
        on_request: Callable[[str, str, int, float | None], None] = lambda *_: None,
    ) -> None:
        """`answer` makes the answer to an error that nothing else answers; `templates` are the paths of routes by their
        endpoints; `on_request` as in `WebOptions`.
        """
        self._app = app
        self._answer = answer
        self._templates = templates or {}
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(_Exchange(scope, receive, send))
        else:
            await self._app(scope, receive, send)

    async def _serve(self, exchange: _Exchange) -> None:
        started = anyio.current_time()
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except Exception as error:
            if exchange.status is not None:
                raise  # half an answer is out: only the server can break it off
            _log.exception("unexpected error", path=exchange.path)
            answer = self._answer_to(exchange.scope, error)
            await answer(exchange.scope, exchange.receive, exchange.send)
        finally:
            seconds = anyio.current_time() - started
            self._count(exchange, seconds)
            milliseconds = round(seconds * 1000, 1)
            _log.info("request", method=exchange.method, path=exchange.path, status=exchange.status, ms=milliseconds)

    def _answer_to(self, scope: Scope, error: Exception) -> Response:
        try:
            return self._answer(scope, error)
        except Exception:  # noqa: BLE001 - what makes pages may be what failed: JSON needs nothing
            _log.exception("the page of an error failed")
            return refusal(error).response()

    def _count(self, exchange: _Exchange, seconds: float) -> None:
        """By the route's template: paths are chosen by strangers."""
        if exchange.status is not None:
            route = self._templates.get(exchange.scope.get("endpoint"), UNMATCHED)
            is_lasting = LASTING in exchange.scope
            self._on_request(exchange.method, route, exchange.status, None if is_lasting else seconds)


class _Exchange:
    """One request and its answer. `status` is that of the answer, None until it begins."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method = printable(scope["method"], 20)
        self.path = printable(scope["path"])
        self.status: int | None = None
        headers = Headers(scope=scope)
        self._has_unread_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._has_unread_body = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if self._has_unread_body:
                # Otherwise the server would go on taking in a body that nobody wants, for as long as it trickles.
                headers["connection"] = "close"
        await self._send(message)
