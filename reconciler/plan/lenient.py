"""Looks into specs that take a value of another type than the schema's for absent: no schema was checked yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Path


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_NAME = 253


def mapping(value: JSON) -> JSONObject:
    return value if isinstance(value, dict) else {}


def listed(value: JSON) -> list[JSON] | None:
    """A list; absent is empty. None for a value of another type."""
    if value is None:
        return []
    return value if isinstance(value, list) else None


def numbered(value: JSON, path: Path) -> Iterator[tuple[Path, JSON]]:
    """The items of a list that stands at `path`, each with its own path."""
    return (((*path, position), item) for position, item in enumerate(listed(value) or ()))


def text(value: JSON) -> str:
    """Text; empty for what is none."""
    return value if isinstance(value, str) else ""


def object_name(value: JSON) -> str:
    """What Kubernetes lets an object be called (RFC 1123 subdomain); empty for what it does not."""
    name = text(value)
    return name if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) else ""


def whole(value: JSON) -> int | None:
    """An integer; absent is 0, as in Go. None for a value of another type: a boolean is an int to Python only."""
    if value is None:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(value: JSON) -> bool | None:
    """A boolean; absent is false. None for a value of another type."""
    if value is None:
        return False
    return value if isinstance(value, bool) else None


def name_or(default: str, value: JSON) -> str | None:
    """A name; absent and empty are the default. None for a value of another type."""
    if value is None:
        return default
    return (value or default) if isinstance(value, str) else None
