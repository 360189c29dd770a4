"""What was done to the world, by time, and whether something is being done at the moment."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from tests.soak.schedule import PUSHES, Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


NOT_POSSIBLE = "not possible"
"""How the words for an action that was not done begin."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One action: when it began and ended (seconds since the epoch), on what, and what became of it."""

    began: float
    ended: float
    action: Action
    target: str
    said: str

    @property
    def was_done(self) -> bool:
        return not self.said.startswith(NOT_POSSIBLE)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment at which nothing was being done; equal to another when nothing was done between the two."""

    begun: int


class Journal:
    """Written by the driver, read by the checks, each in a thread of its own."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.time) -> None:
        self._say = say
        self._clock = clock
        self._lock = Lock()
        self._begun = 0
        self._going_on = 0
        self.entries: list[Entry] = []

    @contextmanager
    def doing(self, action: Action, target: str) -> Iterator[list[str]]:
        """An action, as long as the block runs. What the block appends is said of it."""
        began, words = self._clock(), list[str]()
        with self._lock:
            self._begun += 1
            self._going_on += 1
        try:
            yield words
        finally:
            entry = Entry(began, self._clock(), action, target, "; ".join(words))
            with self._lock:
                self._going_on -= 1
                self.entries.append(entry)
            self._say(f"{action} {target} {entry.said}".rstrip())

    def mark(self) -> Mark | None:
        """The present moment; None while something is being done."""
        with self._lock:
            return None if self._going_on else Mark(self._begun)

    def last(self) -> float:
        """When the last action ended."""
        with self._lock:
            return max((entry.ended for entry in self.entries), default=0.0)

    def counted(self) -> Counter[str]:
        """How often each action was done; those that could not be are together."""
        with self._lock:
            return Counter(entry.action.value if entry.was_done else NOT_POSSIBLE for entry in self.entries)

    def pushes(self) -> int:
        with self._lock:
            return sum(entry.action in PUSHES and entry.was_done for entry in self.entries)
