"""Looks into specs that take a value of another type than the schema's for absent: no schema was checked yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from a document's root to a field."""


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


def name_or(default: str, value: JSON) -> str | None:
    """A name; absent and empty are the default. None for a value of another type."""
    if value is None:
        return default
    return (value or default) if isinstance(value, str) else None
