"""How far passes have come, for whoever asks while they go on. Lost with the process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.model.passes import Phase
    from reconciler.model.requests import Trigger


class Step(NamedTuple):
    """Writes to NetBox that a pass has made, and that it makes in all as far as is known."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Running:
    """A pass that goes on, also one that yielded and waits for its next turn. `phase` is the one that it began last."""

    triggers: tuple[Trigger, ...]
    id: str
    started: datetime
    phase: Phase


class Progress:
    """By fabric. Written by the threads of passes, read by any."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        """`on_change` is called after each change, in the thread of the pass."""
        self._steps: dict[str, Step] = {}
        self._running: dict[str, Running] = {}
        self._on_change = on_change

    def enter(self, fabric: str, running: Running) -> None:
        """A phase of the pass begins."""
        self._running[fabric] = running
        self._on_change()

    def show(self, fabric: str, done: int, total: int) -> None:
        self._steps[fabric] = Step(done, total)
        self._on_change()

    def end(self, fabric: str) -> None:
        """Nothing goes on any more."""
        self._steps.pop(fabric, None)
        self._running.pop(fabric, None)
        self._on_change()

    def of(self, fabric: str) -> Step | None:
        return self._steps.get(fabric)

    def running(self, fabric: str) -> Running | None:
        return self._running.get(fabric)
