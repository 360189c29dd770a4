"""How far long work has come, for whoever asks while it goes on. Lost with the process."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """Writes to NetBox that a pass has made, and that it makes in all as far as is known."""

    done: int
    total: int


class Progress:
    """By fabric. Written by the threads of passes, read by any."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}

    def show(self, fabric: str, done: int, total: int) -> None:
        self._steps[fabric] = Step(done, total)

    def end(self, fabric: str) -> None:
        """Nothing goes on any more."""
        self._steps.pop(fabric, None)

    def of(self, fabric: str) -> Step | None:
        return self._steps.get(fabric)
