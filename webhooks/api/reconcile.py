"""`POST /reconcile`: a manual request for one fabric or all, and waiting for its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio
from starlette.responses import Response
from starlette.routing import Route

from reconciler.errors import FabricDisabledError, FabricSuspendedError, UnknownFabricError
from reconciler.model.requests import RequestState
from webhooks.api.authentication import require_token
from webhooks.api.context import in_thread
from webhooks.errors import ASCIIJSONResponse, RefusalError, encode
from webhooks.middleware import LASTING
from webhooks.payload import parse_object
from webhooks.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.requests import Accepted, AcceptedRequest
    from webhooks.api.context import Context

_LONGEST_WAIT = 600.0
# A wait is cut into slices, between which it ends early: when the service stops, or nobody listens any more.
_SLICE = 1.0
_TERMINAL = {state.value for state in RequestState if state.is_terminal}


def routes(context: Context) -> list[Route]:
    return [Route("/reconcile", Reconcile(context).post, methods=["POST"])]


@dataclass(frozen=True, slots=True)
class Order:
    """What the body asks for: one fabric or, None, all; whether and how long to wait for the end (seconds); or, as a
    dry run, only what would be done.
    """

    fabric: str | None = None
    wait: float | None = None
    is_dry_run: bool = False

    @classmethod
    def parse(cls, body: bytes) -> Order:
        """An empty body is `{}`. Raises MalformedPayloadError, and RefusalError (400) that names the field."""
        document = parse_object(body) if body.strip() else {}
        unknown = next((name for name in document if name not in {"fabric", "wait", "dry_run"}), None)
        if unknown is not None:
            raise _invalid(printable(unknown), "is not a key of this request: fabric, wait and dry_run are")
        wait = _wait(document["wait"]) if "wait" in document else None
        return cls(_fabric(document.get("fabric")), wait, _dry_run(document.get("dry_run", False)))


def _fabric(value: JSON) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _invalid("fabric", "must be the name of a fabric, or null for all")


def _wait(value: JSON) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LONGEST_WAIT:
        return float(value)
    raise _invalid("wait", f"must be a number of seconds from 0 to {_LONGEST_WAIT:g}")


def _dry_run(value: JSON) -> bool:
    if isinstance(value, bool):
        return value
    raise _invalid("dry_run", "must be true or false")


def _invalid(field: str, what: str) -> RefusalError:
    return RefusalError(400, "invalid", f"{field} {what}.", field=field)


class Reconcile:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def post(self, request: Request) -> Response:
        """202 with the requests; with `wait` 200 once all are terminal, whatever their outcome. A dry run requests
        nothing: 200 with the plans that passes would carry out, after a fetch.
        """
        require_token(request.headers, self._context.options.api_token)
        self._context.refuse_while_stopping()
        async with self._context.bodies.body(request) as body:
            order = Order.parse(body)
        if order.is_dry_run:
            return await self._dry_run(order.fabric)
        accepted = await self._context.intake.reconcile(order.fabric)
        if order.wait is None:
            return _answer(202, [_brief(one) for one in accepted.requests], accepted)
        await self._wait([one.id for one in accepted.requests], order.wait, request)
        present = await self._present(accepted)
        is_done = all(one["state"] in _TERMINAL for one in present)
        return _answer(200 if is_done else 202, present, accepted)

    async def _dry_run(self, fabric: str | None) -> Response:
        views = await in_thread(self._context.reads, partial(self._fabrics, fabric))
        active = [one["name"] for one in views if one["enabled"] and one["suspended"] is None]
        threads = self._context.authorized_previews
        plans = [await in_thread(threads, partial(self._fetched_plan, name)) for name in active]
        answer = {"plans": plans, "skipped": [one["name"] for one in views if one["name"] not in active]}
        body = await in_thread(self._context.reads, partial(encode, answer))
        return Response(body, media_type="application/json")

    def _fabrics(self, fabric: str | None) -> list[JSONObject]:
        """The fabrics that are asked for. Raises as `Intake.reconcile` does for a named one."""
        if fabric is None:
            found: list[JSONObject] = self._context.status.fabrics()["fabrics"]
            return found
        view = self._context.status.fabric(fabric)
        if view is None:
            raise UnknownFabricError(f"no fabric {fabric!r} is configured")
        if not view["enabled"]:
            raise FabricDisabledError(f"fabric {fabric!r} is disabled in the configuration")
        if view["suspended"] is not None:
            raise FabricSuspendedError(f"fabric {fabric!r} is suspended")
        return [view]

    def _fetched_plan(self, fabric: str) -> JSONObject:
        return self._context.plans.plan(fabric, is_fetching=True)

    async def _wait(self, ids: list[str], seconds: float, request: Request) -> None:
        """Until all requests are terminal, or `seconds` are over, or nothing more is to be waited for."""
        request.scope[LASTING] = True
        deadline = anyio.current_time() + seconds
        left = seconds
        while ids and left > 0 and not await self._context.intake.wait(ids, min(left, _SLICE)):
            if self._context.intake.is_stopping() or await request.is_disconnected():
                return
            left = deadline - anyio.current_time()

    async def _present(self, accepted: Accepted) -> list[JSONObject]:
        """Each request as `GET /requests/{id}` gives it."""
        return await in_thread(
            self._context.reads,
            lambda: [self._context.status.request(one.id) or _brief(one) for one in accepted.requests],
        )


def _answer(status: int, requests: list[JSONObject], accepted: Accepted) -> Response:
    return ASCIIJSONResponse({"requests": requests, "skipped": list(accepted.skipped)}, status)


def _brief(request: AcceptedRequest) -> JSONObject:
    return {"id": request.id, "fabric": request.fabric, "state": request.state}
