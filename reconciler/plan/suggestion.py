"""What to say of a name that nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_NAMES = 10
"""Names that a sentence lists."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest to a mistyped one, or what names there are."""
    names = sorted(known)
    if near := get_close_matches(name, names, n=1):
        return f"did you mean {near[0]}?"
    if not names:
        return "there is none"
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"there are {', '.join(names[:MOST_NAMES])}{more}" if len(names) > 1 else f"there is {names[0]}"
