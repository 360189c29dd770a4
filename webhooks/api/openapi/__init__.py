"""`GET /openapi.json`: the API, described for programs."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import Response

from reconciler import __version__
from webhooks.api.openapi.document import describe
from webhooks.api.reading import read_route
from webhooks.errors import encode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

    from webhooks.api.context import Context


@cache
def _document() -> bytes:
    """The same for each service of this program."""
    return encode(describe(__version__))


def routes(context: Context) -> list[Route]:
    body = _document()
    headers = {"etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "cache-control": "no-cache"}

    async def description(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if headers["etag"] in (one.strip().removeprefix("W/") for one in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    return [read_route(context, "/openapi.json", description)]
