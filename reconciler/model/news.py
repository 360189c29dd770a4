"""What is told to those who follow the fabrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class Following(Protocol):
    """One who follows the fabrics. Lives in the event loop."""

    async def next(self) -> Sequence[News] | None:
        """What changed since the last time, at first every fabric as it is; waits until there is something. None: it
        is over, because the service stops or because too much was not read. May be cancelled: nothing is lost by it.
        """
