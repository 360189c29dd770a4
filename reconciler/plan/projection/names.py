"""Texts that NetBox can hold, made from texts that Kubernetes can hold: always the same one from the same."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSON

_SLUG = re.compile(r"[a-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def clean(text: str) -> str:
    """Text as NetBox gives it back: no blanks around it, nothing that PostgreSQL or a table cell cannot hold.
    Otherwise NetBox would store something else than was sent, and each pass would find a difference.
    """
    return _CONTROL.sub(" ", text.encode("utf-8", "replace").decode("utf-8")).strip()


def shorten(text: str, limit: int) -> str:
    """The text, or when it is longer than `limit` characters its beginning, `~` and eight hex digits of its hash."""
    return text if len(text) <= limit else f"{text[: limit - 9].rstrip()}~{_digest(text)}"


def slug(name: str, limit: int = 100) -> str:
    """A slug that stands for this name alone: a name that is no slug itself gets eight hex digits of its hash."""
    if _SLUG.fullmatch(name) and len(name) <= limit:
        return name
    return f"{word_slug(name)[: limit - 9]}-{_digest(name)}"


def word_slug(words: str) -> str:
    """The slug that a person would choose for these words (`Dell EMC`: `dell-emc`); the same for other spellings."""
    return "-".join(_SLUG.findall(words.lower())).strip("-") or "unnamed"


def json_text(value: JSON) -> str | None:
    """The value as canonical JSON: equal values have one text. None for what holds nothing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")) if value else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
