"""Health of the process, of its parts and of its connections; and the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from webhooks.api.context import in_thread
from webhooks.api.reading import read_route
from webhooks.errors import ASCIIJSONResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from reconciler.model.status import Health
    from webhooks.api.context import Context


def routes(context: Context) -> list[Route]:
    """The health routes never need the token: who probes them has none."""
    status = context.status

    async def metrics(_request: Request) -> Response:
        text, content_type = await in_thread(context.probes, status.metrics)
        return Response(text, headers={"content-type": content_type})

    async def livez(_request: Request) -> Response:
        # In the event loop, whose answer it is: threads that wait for a dead disk must not have the process ended.
        return _answer(status.livez())

    return [
        Route("/livez", livez, methods=["GET"]),
        _probe(context, "/readyz", status.readyz),
        _probe(context, "/healthz", status.healthz),
        read_route(context, "/metrics", metrics),
    ]


def _probe(context: Context, path: str, look: Callable[[], Health]) -> Route:
    async def endpoint(_request: Request) -> Response:
        return _answer(await in_thread(context.probes, look))

    return Route(path, endpoint, methods=["GET"])


def _answer(health: Health) -> Response:
    return ASCIIJSONResponse(health.body, 200 if health.is_ok else 503)
