"""The dashboard: pages for people, rendered here, on the same ports as the API and at the same URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhooks.dashboard.actions import Actions
from webhooks.dashboard.login import Login
from webhooks.dashboard.pages import Pages
from webhooks.dashboard.rendering import Renderer

if TYPE_CHECKING:
    from starlette.routing import Route

    from webhooks.api.context import Context

__all__ = ["Renderer", "routes"]


def routes(context: Context, renderer: Renderer) -> list[Route]:
    """Those of pages answer browsers only, so they come before the API's of the same paths."""
    return [
        *Pages(context, renderer).routes(),
        *Login(context, renderer).routes(),
        *Actions(context).routes(),
        renderer.assets.route(),
    ]
