"""GET routes: the JSON of `Status`, read and encoded in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from webhooks.api.authentication import RequireToken
from webhooks.api.context import in_thread
from webhooks.errors import RefusalError, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio import CapacityLimiter
    from starlette.requests import Request

    from reconciler.model.json import JSONObject
    from webhooks.api.context import Context


def read_route(context: Context, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    """A GET (and HEAD) route, which needs the token, or the session of who showed it, where reads are protected."""
    may_read = Middleware(RequireToken, context.options.api_token, context.sessions.of)
    guards = [may_read] if context.options.protect_reads else []
    return Route(path, endpoint, methods=["GET"], middleware=guards)


async def found(limiter: CapacityLimiter, read: Callable[[], JSONObject | None], otherwise: str) -> Response:
    """200 with what `read` gives in a thread of `limiter`; None is a 404 with the message `otherwise`."""
    body = await in_thread(limiter, lambda: _encoded(read()))
    if body is None:
        raise RefusalError(404, "not_found", otherwise)
    return Response(body, media_type="application/json")


def _encoded(document: JSONObject | None) -> bytes | None:
    return None if document is None else encode(document)
