"""Who looks on while passes are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.passes import Phase


class Observer:
    """Told of passes in their threads; this one lets it pass. What it does must be cheap, and raise nothing."""

    def began(self, fabric: str, pass_id: str, requests: Sequence[str]) -> None:
        """A pass begins, or goes on after it yielded, for the requests with these ids."""

    def entered(self, fabric: str, phase: Phase) -> None:
        """A phase begins."""

    def left(self, fabric: str, phase: Phase, seconds: float, *, has_failed: bool) -> None:
        """That phase is over."""

    def stepped(self, fabric: str) -> None:
        """The pass gets on: it is between two actions."""


class Observers(Observer):
    """Several in one."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def began(self, fabric: str, pass_id: str, requests: Sequence[str]) -> None:
        for one in self._observers:
            one.began(fabric, pass_id, requests)

    def entered(self, fabric: str, phase: Phase) -> None:
        for one in self._observers:
            one.entered(fabric, phase)

    def left(self, fabric: str, phase: Phase, seconds: float, *, has_failed: bool) -> None:
        for one in self._observers:
            one.left(fabric, phase, seconds, has_failed=has_failed)

    def stepped(self, fabric: str) -> None:
        for one in self._observers:
            one.stepped(fabric)
