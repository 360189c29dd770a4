"""`POST /fabrics/{name}/suspend` and `/resume`: leave a fabric alone, and take it up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from webhooks.api.authentication import require_token
from webhooks.api.context import in_thread
from webhooks.api.words import LONGEST_NAME, LONGEST_REASON, line, parse_known
from webhooks.errors import ASCIIJSONResponse, RefusalError
from webhooks.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.json import JSONObject
    from webhooks.api.context import Context


def routes(context: Context) -> list[Route]:
    suspension = Suspension(context)
    return [
        Route("/fabrics/{name}/suspend", suspension.suspend, methods=["POST"]),
        Route("/fabrics/{name}/resume", suspension.resume, methods=["POST"]),
    ]


class Suspension:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def suspend(self, request: Request) -> Response:
        """200 with the fabric as it then is. Suspending again replaces reason and name, and keeps since when."""
        name, body = request.path_params["name"], await self._body(request)
        said = parse_known(body, {"reason", "by"})
        reason, by = line("reason", said.get("reason"), LONGEST_REASON), line("by", said.get("by"), LONGEST_NAME)
        await self._context.intake.suspend_fabric(name, reason, by)
        return ASCIIJSONResponse(await self._fabric(name))

    async def resume(self, request: Request) -> Response:
        """200 with the fabric as it then is and the `request` of its full pass, null where it is disabled."""
        name, body = request.path_params["name"], await self._body(request)
        by = line("by", parse_known(body, {"by"}).get("by"), LONGEST_NAME)
        accepted = await self._context.intake.resume_fabric(name, by)
        brief = [{"id": one.id, "fabric": one.fabric, "state": one.state} for one in accepted.requests]
        return ASCIIJSONResponse(await self._fabric(name) | {"request": next(iter(brief), None)})

    async def _body(self, request: Request) -> bytes:
        """The body, of somebody who may ask. Raises RefusalError."""
        require_token(request.headers, self._context.options.api_token)
        self._context.refuse_while_stopping()
        async with self._context.bodies.body(request) as body:
            return body

    async def _fabric(self, name: str) -> JSONObject:
        view = await in_thread(self._context.reads, lambda: self._context.status.fabric(name))
        if view is None:  # it left the configuration just now
            raise RefusalError(404, "unknown_fabric", f"No fabric {printable(name)} is configured.", field="fabric")
        return view
