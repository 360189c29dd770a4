"""`GET /events`: the fabrics as they change, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.responses import Response

from webhooks.api.context import in_thread
from webhooks.api.reading import read_route
from webhooks.errors import RefusalError
from webhooks.middleware import LASTING
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from reconciler.model.news import Following, News
    from reconciler.ports import Status
    from webhooks.api.context import Context

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment is sent: proxies end what is silent for long, and a client that is gone is
noticed by writing to it.
"""

RETRY = 2000
"""Milliseconds after which a browser that lost the connection comes again. It is told the whole present state then, so
events have no ids to go on from.
"""

_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}


def routes(context: Context) -> list[Route]:
    async def events(request: Request) -> Response:
        fabric = request.query_params.get("fabric") or None
        if fabric is not None:
            await in_thread(context.reads, lambda: _check_known(context.status, fabric))
        return EventStream(context.status, fabric)

    return [read_route(context, "/events", events)]


def _check_known(status: Status, fabric: str) -> None:
    """Raises RefusalError (404)."""
    if all(one["name"] != fabric for one in status.fabrics()["fabrics"]):
        raise RefusalError(404, "unknown_fabric", f"No fabric {printable(fabric)} is configured.", field="fabric")


class EventStream(Response):
    """An answer that lasts until the client is gone, or there is no more to tell."""

    def __init__(self, status: Status, fabric: str | None) -> None:
        super().__init__(headers=_HEADERS)
        # The length of what is not written yet.
        del self.headers["content-length"]
        self._status = status
        self._fabric = fabric

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises, before anything is sent, as `Status.follow`."""
        scope[LASTING] = True
        with self._status.follow(self._fabric) as following:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await _tell(following, receive, send)
            await send({"type": "http.response.body", "body": b""})


async def _tell(following: Following, receive: Receive, send: Send) -> None:
    async with anyio.create_task_group() as group:

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(until_gone)
        piece: str | None = f"retry: {RETRY}\n\n"
        while piece is not None:
            await send({"type": "http.response.body", "body": piece.encode("ascii"), "more_body": True})
            piece = await _piece(following)
        group.cancel_scope.cancel()


async def _piece(following: Following) -> str | None:
    """What to send next, None at the end."""
    news: Sequence[News] | None = ()
    with anyio.move_on_after(KEEP_ALIVE):
        news = await following.next()
    if news is None:
        return None
    return "".join(f"event: {one.kind}\ndata: {one.data}\n\n" for one in news) or ": still here\n\n"
