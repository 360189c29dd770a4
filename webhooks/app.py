"""The web application: the routes, behind one middleware."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

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
from webhooks.api import deliveries, events, fabrics, health, openapi, reconcile, requests, suspension
from webhooks.api import plans as plan_routes
from webhooks.api.context import Context
from webhooks.errors import RefusalError, refusal
from webhooks.middleware import Edge
from webhooks.options import WebOptions
from webhooks.payload import MalformedPayloadError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

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
    routes = list(chain.from_iterable(resource.routes(context) for resource in _RESOURCES))
    templates = {route.endpoint: route.path for route in routes}
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Edge, templates, options.on_request)],
        exception_handlers=dict.fromkeys(_EXPECTED, _refuse),
    )
    # A redirect to the path with or without a slash would be built from the Host header, which strangers choose.
    app.router.redirect_slashes = False
    return app


async def _refuse(_request: Request, error: Exception) -> Response:
    if isinstance(error, _UNUSABLE):  # the client is not told what is wrong inside, the operator is
        _log.error("request failed", reason=error.reason, error=error.message)
    return refusal(error).response()
