"""What the settings know and this version does not do. A version that learns it deletes its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.settings.findings import Finding
from reconciler.settings.places import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Row(NamedTuple):
    """A key, and whether its value asks for what is not there. A value of a wrong type asks for nothing."""

    key: str
    is_asked: Callable[[Any], bool]
    what: str
    """In words, to be followed by that it is not supported."""
    instead: str
    """What to use in its place."""


def _is_postgresql(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("postgresql://", "postgresql+"))


UNSUPPORTED = (Row("state", _is_postgresql, "postgresql://", "sqlite:///PATH"),)


def unsupported(document: Any) -> Iterator[Finding]:
    """A finding for every value that asks for what this version does not do."""
    for row in UNSUPPORTED:
        for place, value in find(document, row.key):
            if row.is_asked(value):
                yield Finding(place, f"{row.what} is not supported in this version: use {row.instead}")
