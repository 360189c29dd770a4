"""What long work says of itself while it goes on, to whoever asked for it."""

from __future__ import annotations

from collections.abc import Callable

Tell = Callable[[str], None]
"""Takes what is done now: `fetching the repository gitops`."""


def silent(_what: str) -> None:
    """Nobody waits."""
