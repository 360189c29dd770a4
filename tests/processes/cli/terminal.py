"""A program on a terminal of its own: what it shows there, and what is typed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 30.0
"""Seconds; these machines are noisy."""

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

RECONCILER = (sys.executable, "-m", "reconciler")


class Terminal:
    """A pseudo-terminal with a program in it. `raw` is everything that it was sent, control codes included."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self.raw = ""
        self._descriptor = descriptor

    @property
    def text(self) -> str:
        """What was sent, without control codes."""
        return _CODES.sub("", self.raw).replace("\r", "")

    def wait_for(self, words: str) -> None:
        """Until the words were shown."""
        self._read_until(lambda: words in self.text, f"{words!r}")

    def press(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to what is in its foreground."""
        self.press("\x03")

    def end(self) -> int:
        """Wait for the end of the program; its exit code."""
        self._read_until(lambda: self.process.poll() is not None, "the end")
        self._read(0.1)
        return self.process.returncode

    def _read_until(self, is_there: object, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_there():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"no {what} in: {self.text}"
            self._read(0.05)

    def _read(self, wait: float) -> None:
        if select.select([self._descriptor], [], [], wait)[0]:
            try:
                self.raw += os.read(self._descriptor, 1 << 16).decode(errors="replace")
            except OSError:  # Linux says so when the program has closed its end
                time.sleep(wait)


@contextmanager
def terminal(command: Sequence[str], *, columns: int = 200, **environment: str) -> Iterator[Terminal]:
    """Run a command in the foreground of a new terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_FOREGROUND, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**kept, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        os.close(ours)


_IN_FOREGROUND = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Makes the terminal the controlling one, so that Ctrl-C reaches the command."""
