"""What is told to those who follow the fabrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NewsKind(StrEnum):
    FABRIC = "fabric"
    """A fabric as it now is."""
    REMOVED = "removed"
    """A fabric left the configuration."""
    PASS = "pass"  # noqa: S105 - a pass over a fabric
    """A pass ended."""


@dataclass(frozen=True, slots=True)
class News:
    """One piece of news. `data` is JSON, in ASCII and on one line."""

    kind: NewsKind
    fabric: str
    data: str
