"""The web application: the routes, behind one middleware."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request

from reconciler.errors import (
    ConfigurationError,
    FabricDisabledError,
    FabricNotSuspendedError,
    FabricSuspendedError,
    PlanChangedError,
    PreviewBusyError,
    StateError,
    StoppedError,
    TooManyFollowersError,
    UnknownFabricError,
)
from webhooks import dashboard
from webhooks.api import deliveries, events, fabrics, health, openapi, reconcile, requests, suspension
from webhooks.api import plans as plan_routes
from webhooks.api.context import Context
from webhooks.errors import RefusalError, refusal
from webhooks.middleware import Edge
from webhooks.negotiation import prefers_html
from webhooks.options import WebOptions
from webhooks.payload import MalformedPayloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import Scope

    from reconciler.ports import Intake, Plans, Status

__all__ = ["WebOptions", "create_app"]

_log = structlog.get_logger("webhooks")

_UNUSABLE = (StateError, ConfigurationError)
_EXPECTED = (
    RefusalError,
    MalformedPayloadError,
    UnknownFabricError,
    FabricDisabledError,
    FabricSuspendedError,
    FabricNotSuspendedError,
    PlanChangedError,
    PreviewBusyError,
    StoppedError,
    TooManyFollowersError,
    *_UNUSABLE,
    HTTPException,
)
_RESOURCES = (deliveries, reconcile, requests, fabrics, plan_routes, suspension, events, openapi, health)


def create_app(intake: Intake, status: Status, plans: Plans, options: WebOptions) -> Starlette:
    """The ASGI application. It starts nothing and owns nothing: its ports belong to the composition root."""
    context = Context.of(intake, status, plans, options)
    renderer = dashboard.Renderer(context)
    answer = partial(_answer, renderer)
    routes = [
        *dashboard.routes(context, renderer),
        *chain.from_iterable(resource.routes(context) for resource in _RESOURCES),
    ]
    templates = {route.endpoint: route.path for route in routes}
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Edge, answer, templates, options.on_request)],
        exception_handlers=dict.fromkeys(_EXPECTED, partial(_refuse, answer)),
    )
    # A redirect to the path with or without a slash would be built from the Host header, which strangers choose.
    app.router.redirect_slashes = False
    return app


def _answer(renderer: dashboard.Renderer, scope: Scope, error: Exception) -> Response:
    """A page for browsers, JSON for everybody else."""
    request, refused = Request(scope), refusal(error)
    return renderer.error(request, refused) if prefers_html(request.headers) else refused.response()


async def _refuse(answer: Callable[[Scope, Exception], Response], request: Request, error: Exception) -> Response:
    if isinstance(error, _UNUSABLE):  # the client is not told what is wrong inside, the operator is
        _log.error("request failed", reason=error.reason, error=error.message)
    return answer(request.scope, error)
