"""Finding values in a document that may have any shape: rules look at it whole, also where parts of it are wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.settings.findings import Place


def find(document: Any, pattern: str) -> Iterator[tuple[Place, Any]]:
    """Every value at a pattern such as `fabrics[].cluster.server`, with its place. What is absent is left out."""
    found: list[tuple[Place, Any]] = [((), document)]
    for step in pattern.replace("[]", ".[]").split("."):
        found = [((*place, key), value) for place, parent in found for key, value in _children(parent, step)]
    yield from found


def _children(parent: Any, step: str) -> Iterator[tuple[str | int, Any]]:
    if step == "[]":
        yield from enumerate(parent if isinstance(parent, list) else [])
    elif isinstance(parent, dict) and step in parent:
        yield step, parent[step]


def text_at(value: Any, *keys: str, default: str | None = None) -> str | None:
    """The text below these keys; the default where a key is absent or null, None where something else is."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
        if value is None:
            return default
    return value if isinstance(value, str) else None
