"""What people say in the body of a request: one line of text, such as a reason or a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webhooks.errors import RefusalError
from webhooks.payload import parse_object
from webhooks.text import printable

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

LONGEST_REASON = 500
LONGEST_NAME = 100
"""Characters."""


def parse_known(body: bytes, known: set[str]) -> JSONObject:
    """The object of a body that holds none but these keys; an empty body is `{}`.

    Raises MalformedPayloadError, and RefusalError (400) that names the field.
    """
    document = parse_object(body) if body.strip() else {}
    unknown = next((name for name in document if name not in known), None)
    if unknown is not None:
        verb = "is" if len(known) == 1 else "are"
        raise invalid(printable(unknown), f"is not a key of this request: {' and '.join(sorted(known))} {verb}")
    return document


def line(field: str, value: JSON, longest: int) -> str | None:
    """One line of text, None for null and for an empty one. Raises RefusalError (400)."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise invalid(field, "must be text, or null for none")
    text = value.strip()
    if len(text) > longest:
        raise invalid(field, f"must be of at most {longest} characters")
    if not text.isprintable():
        raise invalid(field, "must be one line of printable characters")
    return text or None


def invalid(field: str, what: str) -> RefusalError:
    return RefusalError(400, "invalid", f"{field} {what}.", field=field)
