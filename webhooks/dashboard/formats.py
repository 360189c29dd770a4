"""Values as people read them. Pure but for what they are given."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from markupsafe import Markup

if TYPE_CHECKING:
    from reconciler.model.json import JSON

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
LONGEST = 4000
"""Characters of one value that a page shows."""

_COMMIT = re.compile(r"@sha1:([0-9a-f]{10})[0-9a-f]{30}")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def clean(value: object) -> object:
    """Text fit for a page: what is not printable becomes U+FFFD. Marks that turn the direction of writing, with which a
    name could pass for another, are among it. Applied to whatever a template writes; escaping comes after it.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _REPLACEMENT for char in text)


def path(*segments: str, **query: str | int) -> str:
    """The URL of a page of ours, each segment quoted. Empty words of the query are left out."""
    quoted = "/".join(quote(one, safe="", errors="replace") for one in segments)
    chosen = {name: value for name, value in query.items() if value not in {"", None}}
    return f"/{quoted}" + (f"?{urlencode(chosen, errors='replace')}" if chosen else "")


def commit(revision: str | None) -> str:
    """`main@0123456789` of `main@sha1:<40 hex>`."""
    branch, _, found = (revision or "").rpartition("@sha1:")
    return f"{branch}@{found[:10]}" if branch else revision or "none"


def brief(text: str | None) -> str:
    """A message with its commits cut to what people compare."""
    return _COMMIT.sub(r"@\1", text or "")


def value(found: JSON) -> str:
    """A field's value as JSON; text that would pass for another type keeps its quotes."""
    if found is None:
        return "absent"
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:  # noqa: PLR2004 - up to two minutes people count in seconds
        return f"{seconds:.1f} s".replace(".0 s", " s")
    return _rough(seconds)


def age(moment: datetime, now: datetime) -> str:
    """`3 min ago`, `in 4 min`."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    said = _rough(abs(seconds))
    return f"{said} ago" if seconds > 0 else f"in {said}"


def _rough(seconds: float) -> str:
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def time_element(text: str | None, now: datetime) -> Markup:
    """`<time>` with how long ago, and the whole time as its title. The script keeps it current."""
    if not text:
        return Markup('<span class="none">never</span>')
    moment = datetime.fromisoformat(text)
    full = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}" data-age>{}</time>').format(text, full, age(moment, now))


def between(started: str | None, finished: str | None) -> float | None:
    """Seconds."""
    if not started or not finished:
        return None
    return (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
