"""Whether a request is a browser's: pages and JSON share their URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.routing import Match, Route

if TYPE_CHECKING:
    from starlette.types import Scope


def prefers_html(headers: Headers) -> bool:
    """Whether `Accept` names text/html, and nothing that JSON fits at a higher weight. JSON is what everybody else
    gets: `*/*` names nothing.
    """
    weights = dict(_weights(",".join(headers.getlist("accept"))))
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def _weights(accept: str) -> list[tuple[str, float]]:
    """The media ranges of an Accept header with their weights (RFC 9110, 12.5.1). What is malformed weighs nothing."""
    found = []
    for one in accept.split(",")[:50]:
        media, *parameters = (part.strip().lower() for part in one.split(";"))
        quality = next((part[2:].strip() for part in parameters if part.startswith("q=")), "1")
        found.append((media, _number(quality)))
    return found


def _number(text: str) -> float:
    try:
        return float(text) if len(text) <= len("0.999") else 0.0
    except ValueError:
        return 0.0


class PageRoute(Route):
    """A route that is there for browsers alone; for others the next one of the same path is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and not prefers_html(Headers(scope=scope)):
            return Match.NONE, {}
        return super().matches(scope)
