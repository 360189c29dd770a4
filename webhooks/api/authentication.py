"""Who may ask for work, and read where reads are protected: whoever has the API token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from reconciler.errors import ConfigurationError
from webhooks.errors import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

_CHALLENGE = {"www-authenticate": 'Bearer realm="reconciler"'}


def require_token(headers: Headers, api_token: Callable[[], bytes | None]) -> None:
    """Raises RefusalError (401) unless there is a token and the request carries it: `Authorization: Bearer <token>`.

    Compared as bytes in constant time; what a stranger sends need not be ASCII.
    """
    expected = api_token()
    if not expected:
        raise RefusalError(401, "unauthorized", "No API token is configured: nobody may do this.", headers=_CHALLENGE)
    presented = headers.getlist("authorization")
    scheme, _, token = presented[0].partition(" ") if len(presented) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode("latin-1"), expected):
        raise RefusalError(401, "unauthorized", "The API token is missing or wrong.", headers=_CHALLENGE)


def may_still_read(
    headers: Headers, api_token: Callable[[], bytes | None], session_of: Callable[[Headers], object | None]
) -> bool:
    """Whether a request that was let in would be let in now: its session or token may be over."""
    if session_of(headers) is not None:
        return True
    try:
        require_token(headers, api_token)
    except (RefusalError, ConfigurationError):  # who comes again is told, and so is the log
        return False
    return True


class RequireToken:
    """Middleware of a route: passes on only what carries the API token, or belongs to a session that it opened.

    Bound to routes, not to paths, so no spelling of a path goes around it.
    """

    def __init__(
        self, app: ASGIApp, api_token: Callable[[], bytes | None], session_of: Callable[[Headers], object | None]
    ) -> None:
        self._app = app
        self._api_token = api_token
        self._session_of = session_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if self._session_of(headers) is None:
            require_token(headers, self._api_token)
        await self._app(scope, receive, send)
