"""What a command does at the moment, for whoever waits for it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.status import Status

from reconciler.cli import output as out

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress:
    """One line on a terminal's standard error, of which nothing stays. In pipes there is none."""

    def __init__(self, *, is_shown: bool) -> None:
        self.is_shown = is_shown
        self._line = Status("", console=out.errors) if is_shown else None

    def tell(self, what: str) -> None:
        """May be called from any thread."""
        if self._line is not None:
            self._line.update(out.plain(what))
            self._line.start()

    def pause(self) -> None:
        """Make room for what is printed; the next `tell` goes on."""
        if self._line is not None:
            self._line.stop()


@contextmanager
def progress() -> Iterator[Progress]:
    """The progress of the block."""
    found = Progress(is_shown=is_watched())
    try:
        yield found
    finally:
        found.pause()


def is_watched() -> bool:
    """Whether standard error is a terminal that can take a line back. Asked of the file itself: FORCE_COLOR makes a
    terminal of nothing.
    """
    return sys.stderr.isatty() and not out.errors.is_dumb_terminal
