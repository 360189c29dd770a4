"""Signals that end a command: as an exception, so that what it made for a moment is removed on the way out.

A command that works in Git holds a copy of the signing key in a temporary folder while git signs: killed without a
word, it would leave it there.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedBySignal(BaseException):
    """The command was asked to end. No `except Exception` stops it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """As shells tell it."""
        return 128 + self.number

    @property
    def is_by_hand(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return self.number == signal.SIGINT


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise InterruptedBySignal in the block when the first signal comes. Only for the main thread."""
    before = {number: signal.signal(number, _interrupt) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for one in _ENDING:
        signal.signal(one, signal.SIG_IGN)  # a second one would cut off the removal
    raise InterruptedBySignal(number)
