"""Simulated time: the event loop of a unit test books its waits instead of waiting. No test knows others' secrets."""

from __future__ import annotations

import asyncio
import selectors
import threading
from queue import Queue
from typing import TYPE_CHECKING

import pytest

from reconciler.app import logs
from reconciler.settings import known_secrets

if TYPE_CHECKING:
    from collections.abc import Callable


class _BookedWaits(selectors.SelectSelector):
    """A selector that adds a wait to `elapsed` and returns at once.

    While a worker thread is busy the wait is real, and takes no simulated time: its answer is yet to come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        is_busy = any(map(_is_busy, threading.enumerate()))
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or is_busy:
            return super().select(0.05)
        self.elapsed += timeout
        return []


def _is_busy(thread: threading.Thread) -> bool:
    """Whether this is a worker thread of anyio that has not handed its result to the loop yet."""
    queue = getattr(thread, "queue", None)
    return isinstance(queue, Queue) and queue.unfinished_tasks > 0


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


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> known_secrets.KnownSecrets:
    """What is noted as a secret, and hidden wherever it is told: nothing yet."""
    known = known_secrets.KnownSecrets()
    monkeypatch.setattr(logs, "KNOWN", known)
    monkeypatch.setattr(known_secrets, "KNOWN", known)
    return known
