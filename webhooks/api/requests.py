"""`GET /requests/{id}`: an accepted trigger, followed to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhooks.api.reading import found, read_route
from webhooks.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from webhooks.api.context import Context


def routes(context: Context) -> list[Route]:
    async def one(request: Request) -> Response:
        request_id = request.path_params["id"]
        otherwise = f"No request {printable(request_id)} is known."
        return await found(context.reads, lambda: context.status.request(request_id), otherwise)

    return [read_route(context, "/requests/{id}", one)]
