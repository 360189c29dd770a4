"""Log in with the API token, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import structlog
from starlette.responses import RedirectResponse
from starlette.routing import Route

from webhooks.api.words import LONGEST_NAME, line
from webhooks.dashboard.guards import local_path, read_form, require_csrf, require_own_origin
from webhooks.errors import RefusalError
from webhooks.unverified import UnverifiedLimit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from webhooks.api.context import Context
    from webhooks.dashboard.rendering import Renderer

_log = structlog.get_logger("webhooks")


class Login:
    def __init__(self, context: Context, renderer: Renderer) -> None:
        self._context = context
        self._renderer = renderer
        self._wrong = UnverifiedLimit(context.options.wrong_tokens_per_minute)

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.show, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return self._page(request, local_path(request.query_params.get("next", "/")))

    async def log_in(self, request: Request) -> Response:
        """303 to where the one who logs in wanted to go; 401 with the form for a wrong token, and 429 for one after
        many of the same client within a minute. The right one is always taken: behind a proxy all people are one
        client, and nobody may lock the others out.
        """
        context = self._context
        require_own_origin(request, context.options.public_url)
        form = await read_form(context, request)
        client = request.client.host if request.client else ""
        following = local_path(form.get("next", "/"))
        by = line("name", form.get("name"), LONGEST_NAME)
        token = form.get("token", "").strip().encode("utf-8", "replace")
        if not context.sessions.proves(token):
            _log.warning("login refused", client=client)
            if self._wrong.exceeded(client, anyio.current_time()):
                raise RefusalError(429, "too_many_tokens", "Too many wrong tokens.", headers={"retry-after": "60"})
            return self._page(request, following, is_wrong=True)
        _log.info("login", client=client, by=by)
        cookie = context.sessions.open(token, by, request.headers)
        return RedirectResponse(following, 303, {"set-cookie": cookie})

    async def log_out(self, request: Request) -> Response:
        require_own_origin(request, self._context.options.public_url)
        session = self._context.sessions.of(request.headers)
        form = await read_form(self._context, request)
        if session is not None:
            require_csrf(session, form)
        return RedirectResponse("/login", 303, {"set-cookie": self._context.sessions.close(request.headers)})

    def _page(self, request: Request, following: str, *, is_wrong: bool = False) -> Response:
        has_token = bool(self._context.options.api_token())
        status = 401 if is_wrong else 200
        return self._renderer.page(
            request, "login.html", status, following=following, is_wrong=is_wrong, has_token=has_token
        )
