"""`GET /fabrics` and below: the state of every fabric, its objects and its history."""

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
    fabrics = Fabrics(context)
    return [
        read_route(context, "/fabrics", fabrics.all),
        read_route(context, "/fabrics/{name}", fabrics.one),
        read_route(context, "/fabrics/{name}/resources", fabrics.resources),
        read_route(context, "/fabrics/{name}/topology", fabrics.topology),
        read_route(context, "/fabrics/{name}/passes", fabrics.passes),
        read_route(context, "/fabrics/{name}/passes/{id}", fabrics.pass_),
    ]


class Fabrics:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._status = context.status

    async def all(self, _request: Request) -> Response:
        return await found(self._context.reads, self._status.fabrics, "There are no fabrics.")

    async def one(self, request: Request) -> Response:
        name = request.path_params["name"]
        return await found(self._context.reads, lambda: self._status.fabric(name), _unknown(name))

    async def resources(self, request: Request) -> Response:
        name = request.path_params["name"]
        return await found(self._context.reads, lambda: self._status.resources(name), _unknown(name))

    async def topology(self, request: Request) -> Response:
        name = request.path_params["name"]
        return await found(self._context.pictures, lambda: self._status.topology(name), _unknown(name))

    async def passes(self, request: Request) -> Response:
        name = request.path_params["name"]
        return await found(self._context.reads, lambda: self._status.passes(name), _unknown(name))

    async def pass_(self, request: Request) -> Response:
        name, pass_id = request.path_params["name"], request.path_params["id"]
        otherwise = f"No pass {printable(pass_id)} of a fabric {printable(name)} is known."
        return await found(self._context.reads, lambda: self._status.pass_(name, pass_id), otherwise)


def _unknown(name: str) -> str:
    return f"No fabric {printable(name)} is configured."
