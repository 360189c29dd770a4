"""Style, scripts and icon of the pages, served from memory: there is no path of a client's that leads to a file."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from webhooks.errors import RefusalError

if TYPE_CHECKING:
    from starlette.requests import Request

_TYPES = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "idiomorph-ext.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_KEPT = "public, max-age=31536000, immutable"


class Assets:
    """Each file under a URL that holds its hash: a browser may keep it for ever, and a new one has a new URL."""

    def __init__(self) -> None:
        folder = resources.files("webhooks.dashboard") / "static"
        self._urls: dict[str, str] = {}
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for name, media_type in _TYPES.items():
            content = (folder / name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            self._urls[name] = f"/assets/{digest}/{name}"
            self._files[f"{digest}/{name}"] = content, media_type, f'"{digest}"'

    def url(self, name: str) -> str:
        return self._urls[name]

    def route(self) -> Route:
        """Open to everybody: the login page needs them, and they say nothing."""
        return Route("/assets/{name:path}", self._get, methods=["GET"])

    async def _get(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise RefusalError(404, "not_found", "There is nothing at this path.")
        content, media_type, tag = found
        headers = {
            "cache-control": _KEPT,
            "etag": tag,
            "content-type": media_type,
            "cross-origin-resource-policy": "same-origin",
            "content-security-policy": "default-src 'none'",
        }
        is_known = tag in request.headers.get("if-none-match", "")
        return Response(None if is_known else content, 304 if is_known else 200, headers)
