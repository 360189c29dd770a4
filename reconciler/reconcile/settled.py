"""What passes found as Git declares it, kept from one to the next: of thousands of objects few change in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Settled


class SettledObjects:
    """Of every fabric. What is kept is held against what is there before it counts, so it may be old."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[ObjectKey, Settled]] = {}

    def of(self, fabric: str) -> Mapping[ObjectKey, Settled]:
        return self._known.get(fabric, {})

    def keep(self, fabric: str, settled: Mapping[ObjectKey, Settled]) -> None:
        self._known[fabric] = settled

    def forget(self, fabric: str) -> None:
        """Let go of the documents of a fabric that is no longer configured."""
        self._known.pop(fabric, None)
