"""Who may see pages, and which requests are meant by the one whose session they carry."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from webhooks.errors import RefusalError
from webhooks.payload import media_type

if TYPE_CHECKING:
    from starlette.requests import Request

    from webhooks.api.context import Context
    from webhooks.sessions import Session

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of ours: nothing that a browser takes for another host, no backslash, no blank."""

Form = dict[str, str]


def requested(request: Request) -> str:
    """The path and query of a request, to come back to."""
    query = request.scope["query_string"].decode("latin-1")
    here = quote(request.scope["path"], errors="replace")
    return local_path(f"{here}?{query}" if query else here)


def local_path(text: str) -> str:
    """`text` if it leads to a page of ours, else the first page."""
    return text if _LOCAL.fullmatch(text) else "/"


def require_own_origin(request: Request, public_url: str | None) -> None:
    """Raises RefusalError (403) unless a page of ours sent the form: a browser says where a request comes from, and no
    page can have it say otherwise. Without that, as with old browsers and programs, it is refused too.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        known = {request.headers.get("host", ""), urlsplit(public_url or "").netloc} - {""}
        is_ours = origin.scheme in {"http", "https"} and origin.netloc in known
    if not is_ours:
        raise RefusalError(403, "foreign_origin", "This form was not sent by a page of this dashboard.")


async def read_form(context: Context, request: Request) -> Form:
    """The fields of a form, the last of each name. Raises RefusalError."""
    if media_type(request.headers) != _FORM:
        raise RefusalError(415, "media_type", f"A form is sent as {_FORM}.")
    async with context.bodies.body(request) as body:
        try:
            text = body.decode("ascii")
            fields = parse_qs(text, errors="strict", max_num_fields=_MOST_FIELDS, keep_blank_values=True)
        except ValueError:
            raise RefusalError(400, "malformed", "The form cannot be read.") from None
    return {name: values[-1] for name, values in fields.items()}


def require_csrf(session: Session, form: Form) -> None:
    """Raises RefusalError (403) unless the form was made for this session."""
    given = form.get("csrf", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, session.csrf.encode("ascii")):
        raise RefusalError(403, "stale_form", "This form belongs to another session: you logged in anew since.")
