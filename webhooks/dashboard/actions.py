"""What people have done: suspend, resume, reconcile, approve. Through the same intake as the API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse
from starlette.routing import Route

from webhooks.api.context import in_thread
from webhooks.api.plans import beginning
from webhooks.api.words import LONGEST_REASON, line
from webhooks.dashboard.formats import path
from webhooks.dashboard.guards import read_form, require_csrf, require_own_origin
from webhooks.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from reconciler.model.requests import Accepted
    from webhooks.api.context import Context
    from webhooks.dashboard.guards import Form
    from webhooks.sessions import Session

    Act = Callable[[str, Form, Session], Awaitable[str]]


class Actions:
    """Each is a form that comes back to the fabric's page, which says once what was accepted. Logged in, from a page of
    ours, made for this session: all three are looked at before anything happens.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._acts: dict[str, Act] = {
            "reconcile": self._reconcile,
            "suspend": self._suspend,
            "resume": self._resume,
            "approve": self._approve,
        }

    def routes(self) -> list[Route]:
        return [Route("/fabrics/{name}/actions/{action}", self.post, methods=["POST"])]

    async def post(self, request: Request) -> Response:
        name, action = request.path_params["name"], request.path_params["action"]
        act = self._acts.get(action)
        if act is None:
            raise RefusalError(404, "not_found", "There is nothing at this path.")
        require_own_origin(request, self._context.options.public_url)
        session = self._context.sessions.of(request.headers)
        if session is None:
            return RedirectResponse(path("login", next=path("fabrics", name)), 303)
        form = await read_form(self._context, request)
        require_csrf(session, form)
        self._context.refuse_while_stopping()
        done = session.say(await act(name, form, session))
        return RedirectResponse(path("fabrics", name, done=done), 303)

    async def _reconcile(self, name: str, _form: Form, _session: Session) -> str:
        accepted = await self._context.intake.reconcile(name)
        return f"Requested: {_queued(accepted)}."

    async def _suspend(self, name: str, form: Form, session: Session) -> str:
        reason = line("reason", form.get("reason"), LONGEST_REASON)
        await self._context.intake.suspend_fabric(name, reason, session.by)
        return "Suspended: no pass is made until it is resumed."

    async def _resume(self, name: str, _form: Form, session: Session) -> str:
        accepted = await self._context.intake.resume_fabric(name, session.by)
        return f"Resumed: {_queued(accepted)}."

    async def _approve(self, name: str, form: Form, session: Session) -> str:
        """The plan whose hash the page showed, or none: the one who approves has read that one."""
        context, shown = self._context, beginning(form.get("hash"))
        approved = await in_thread(context.authorized_previews, partial(context.plans.named, name, shown))
        accepted = await context.intake.approve_plan(name, approved, session.by)
        if not accepted.requests:
            return f"Approved: {_queued(accepted)}."
        return "Approved: the next pass carries this plan out."


def _queued(accepted: Accepted) -> str:
    if accepted.requests:
        return "a pass over this fabric is queued"
    return "no pass is queued, because the fabric is disabled or suspended"
