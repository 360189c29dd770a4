"""Simulated time: the event loop of a unit test books its waits instead of waiting."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


class _BookedWaits(selectors.SelectSelector):
    """A selector that adds a wait to `elapsed` and returns at once.

    While worker threads run, `pauses` is positive and waiting is real: their answers come through a socket.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            return super().select(1.0)
        self.elapsed += timeout
        return []


class FastForwardLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer. `loop.time()` starts at 0."""

    def __init__(self) -> None:
        self._booked = _BookedWaits()
        super().__init__(self._booked)

    def time(self) -> float:
        return self._booked.elapsed


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Callable[[], FastForwardLoop]]]:
    return ("asyncio", {"loop_factory": FastForwardLoop})
