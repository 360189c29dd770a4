"""`POST /fabrics/{name}/suspend` and `/resume`: leave a fabric alone, and take it up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from webhooks.api.authentication import require_token
from webhooks.api.context import in_thread
from webhooks.errors import ASCIIJSONResponse, RefusalError
from webhooks.payload import parse_object
from webhooks.text import printable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.json import JSON, JSONObject
    from webhooks.api.context import Context

LONGEST_REASON = 500
"""Characters."""


def routes(context: Context) -> list[Route]:
    suspension = Suspension(context)
    return [
        Route("/fabrics/{name}/suspend", suspension.suspend, methods=["POST"]),
        Route("/fabrics/{name}/resume", suspension.resume, methods=["POST"]),
    ]


def parse_reason(body: bytes) -> str | None:
    """The reason in `{"reason": text or null}`; an empty body is `{}`, and an empty reason is none.

    Raises MalformedPayloadError, and RefusalError (400) that names the field.
    """
    document = parse_object(body) if body.strip() else {}
    _refuse_others(document, {"reason"})
    return _reason(document.get("reason"))


def _refuse_others(document: JSONObject, known: set[str]) -> None:
    unknown = next((name for name in document if name not in known), None)
    if unknown is not None:
        what = f"{' and '.join(sorted(known))} is" if known else "none is"
        raise _invalid(printable(unknown), f"is not a key of this request: {what}")


def _reason(value: JSON) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid("reason", "must be text, or null for none")
    reason = value.strip()
    if len(reason) > LONGEST_REASON:
        raise _invalid("reason", f"must be of at most {LONGEST_REASON} characters")
    if not reason.isprintable():
        raise _invalid("reason", "must be one line of printable characters")
    return reason or None


def _invalid(field: str, what: str) -> RefusalError:
    return RefusalError(400, "invalid", f"{field} {what}.", field=field)


class Suspension:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def suspend(self, request: Request) -> Response:
        """200 with the fabric as it then is. Suspending again replaces the reason, and keeps since when."""
        name, body = request.path_params["name"], await self._body(request)
        await self._context.intake.suspend_fabric(name, parse_reason(body))
        return ASCIIJSONResponse(await self._fabric(name))

    async def resume(self, request: Request) -> Response:
        """200 with the fabric as it then is and the `request` of its full pass, null where it is disabled."""
        name, body = request.path_params["name"], await self._body(request)
        _refuse_others(parse_object(body) if body.strip() else {}, set())
        accepted = await self._context.intake.resume_fabric(name)
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
