"""`GET /fabrics/{name}/plan` and `POST /fabrics/{name}/approve`: the plan as something people see and approve."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from webhooks.api.authentication import require_token
from webhooks.api.context import in_thread
from webhooks.api.reading import read_route
from webhooks.api.words import LONGEST_NAME, invalid, line, parse_known
from webhooks.errors import ASCIIJSONResponse, RefusalError, encode
from webhooks.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from reconciler.model.json import JSON
    from webhooks.api.context import Context

_HASH = re.compile(r"[0-9a-f]{12,64}")


def routes(context: Context) -> list[Route]:
    plans = Plans(context)
    return [
        read_route(context, "/fabrics/{name}/plan", plans.one),
        Route("/fabrics/{name}/approve", plans.approve, methods=["POST"]),
    ]


class Plans:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def one(self, request: Request) -> Response:
        """200 with what a pass would do now, at the revision that was fetched last. Nothing is written."""
        name = request.path_params["name"]
        body = await in_thread(self._context.previews, lambda: encode(self._context.plans.plan(name)))
        return Response(body, media_type="application/json")

    async def approve(self, request: Request) -> Response:
        """200 with the fabric as it then is, the hash that was approved, and the `request` of the full pass that
        carries the plan out; 409 when it is not the hash of the present plan.
        """
        context, name = self._context, request.path_params["name"]
        require_token(request.headers, context.options.api_token)
        context.refuse_while_stopping()
        async with context.bodies.body(request) as body:
            said = parse_known(body, {"hash", "by"})
        shown, by = beginning(said.get("hash")), line("by", said.get("by"), LONGEST_NAME)
        approved = await in_thread(context.authorized_previews, partial(context.plans.named, name, shown))
        accepted = await context.intake.approve_plan(name, approved, by)
        view = await in_thread(context.reads, lambda: context.status.fabric(name))
        if view is None:  # it left the configuration just now
            raise RefusalError(404, "unknown_fabric", f"No fabric {printable(name)} is configured.", field="fabric")
        brief = [{"id": one.id, "fabric": one.fabric, "state": one.state} for one in accepted.requests]
        return ASCIIJSONResponse(view | {"approved": approved, "request": next(iter(brief), None)})


def beginning(value: JSON) -> str:
    """The hash of a plan, or as much of it as is shown to people."""
    if isinstance(value, str) and _HASH.fullmatch(value.strip().lower()):
        return value.strip().lower()
    raise invalid("hash", "must be the hash of a plan, or its first 12 or more characters, in hex")
