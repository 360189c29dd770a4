"""`GET /events`: the fabrics as they change, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.responses import Response

from reconciler.errors import TooManyFollowersError
from webhooks.api.authentication import may_still_read
from webhooks.api.context import in_thread
from webhooks.api.reading import read_route
from webhooks.errors import RefusalError
from webhooks.middleware import LASTING
from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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

MOST_OF_A_CLIENT = 20
"""Streams of one address: nobody takes all the places there are."""

RETRY = 2000
"""Milliseconds after which a browser that lost the connection comes again. It is told the whole present state then, so
events have no ids to go on from.
"""

_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", "x-accel-buffering": "no"}


def routes(context: Context) -> list[Route]:
    places, options = Places(), context.options

    async def events(request: Request) -> Response:
        fabric = request.query_params.get("fabric") or None
        if fabric is not None:
            await in_thread(context.reads, lambda: _check_known(context.status, fabric))
        may_read = partial(may_still_read, request.headers, options.api_token, context.sessions.of)
        return EventStream(context.status, fabric, places, may_read if options.protect_reads else _always)

    return [read_route(context, "/events", events)]


def _check_known(status: Status, fabric: str) -> None:
    """Raises RefusalError (404)."""
    if all(one["name"] != fabric for one in status.fabrics()["fabrics"]):
        raise RefusalError(404, "unknown_fabric", f"No fabric {printable(fabric)} is configured.", field="fabric")


def _always() -> bool:
    return True


class Places:
    """How many streams each client has open. Belongs to the event loop."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken_by(self, client: str) -> Iterator[None]:
        """Raises TooManyFollowersError."""
        if self._taken[client] >= MOST_OF_A_CLIENT:
            raise TooManyFollowersError(f"{MOST_OF_A_CLIENT} streams of this client are open already")
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


class EventStream(Response):
    """An answer that lasts until the client is gone or may no longer read, or there is no more to tell."""

    def __init__(self, status: Status, fabric: str | None, places: Places, may_read: Callable[[], bool]) -> None:
        super().__init__(headers=_HEADERS)
        # The length of what is not written yet.
        del self.headers["content-length"]
        self._status = status
        self._fabric = fabric
        self._places = places
        self._may_read = may_read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises, before anything is sent, as `Status.follow` and `Places.taken_by`."""
        scope[LASTING] = True
        client, _ = scope.get("client") or ("", 0)
        with self._places.taken_by(client), self._status.follow(self._fabric) as following:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await _tell(following, self._may_read, receive, send)
            await send({"type": "http.response.body", "body": b""})


async def _tell(following: Following, may_read: Callable[[], bool], receive: Receive, send: Send) -> None:
    async with anyio.create_task_group() as group:

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(until_gone)
        piece: str | None = f"retry: {RETRY}\n\n"
        while piece is not None and may_read():
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
