"""Templates to responses: escaped, under a strict policy, the same frame around every page."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

import reconciler
from webhooks.dashboard import formats
from webhooks.dashboard.assets import Assets
from webhooks.dashboard.guards import requested
from webhooks.dashboard.marks import condition_mark, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from webhooks.api.context import Context
    from webhooks.errors import RefusalError

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    # Not `no-referrer`: under it browsers send `Origin: null` with our own forms, and Origin is how we know them.
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "vary": "Accept, Cookie",
}

_ADVICE = {
    400: "Go back, correct what is named here, and try again.",
    401: "Log in with the API token.",
    403: "Go back, load the page anew, and try again.",
    404: "It may have left the configuration, or be too old. All that is there is reached from the list of fabrics.",
    409: "Nothing was changed. Go back, load the page anew, and look at how things stand now.",
    429: "Wait a minute, then try again.",
    503: "Load the page anew in a few seconds. If it stays so, look at the service's log and at /healthz.",
}
_OTHERWISE = "Look at the service's log: it has the details."


@cache
def _assets() -> Assets:
    return Assets()


@cache
def _environment() -> Environment:
    """The templates, each compiled when it is first used. They hold no state, so one is enough for all threads."""
    environment = Environment(
        loader=PackageLoader("webhooks.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=formats.clean,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        asset=_assets().url, path=formats.path, mark=mark, condition_mark=condition_mark, between=formats.between
    )
    environment.filters.update(
        commit=formats.commit, brief=formats.brief, value=formats.value, duration=formats.duration, words=_words
    )
    return environment


class Renderer:
    """Makes every page."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.assets = _assets()

    def page(self, request: Request, template: str, status: int = 200, **values: object) -> Response:
        """A page in the frame, with the session of who asks. Call it in a thread where it is large."""
        return self.plain_page(template, self._frame(request) | values, status)

    def plain_page(self, template: str, values: Mapping[str, Any], status: int = 200) -> Response:
        now = datetime.fromtimestamp(self._context.options.now(), UTC)
        text = (
            _environment()
            .get_template(template)
            .render(values, age=lambda moment: formats.time_element(moment, now), version=reconciler.__version__)
        )
        # Text from repositories may hold lone surrogates; `clean` leaves none, and what it did not see is replaced.
        return Response(text.encode("utf-8", "replace"), status, HEADERS, media_type="text/html; charset=utf-8")

    def error(self, request: Request, refused: RefusalError) -> Response:
        """What went wrong, and what to do about it. It needs no session: that may be what went wrong."""
        advice = _ADVICE.get(refused.status, _OTHERWISE)
        values = {"session": None, "here": request.scope["path"], "back": "/", "refused": refused, "advice": advice}
        answer = self.plain_page("error.html", values, refused.status)
        answer.headers.update(refused.headers or {})
        return answer

    def _frame(self, request: Request) -> dict[str, Any]:
        session = self._context.sessions.of(request.headers)
        return {
            "session": session,
            "here": request.scope["path"],
            "back": requested(request),
            "done": session.heard(request.query_params.get("done", "")) if session else "",
        }


def _words(name: str) -> str:
    """`netbox_created` as `NetBox created`."""
    return name.replace("_", " ").replace("netbox", "NetBox")
