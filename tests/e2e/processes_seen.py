"""What everybody on the machine can read of a process and its children, looked at again and again."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_EVERY = 0.02
"""Seconds: a child that lives shorter is not seen, but git and ssh do not."""


class ProcessesSeen:
    """Command lines of a process and of all below it, and the environments of those below, each with its program."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.commands: set[bytes] = set()
        self.environments: defaultdict[bytes, set[bytes]] = defaultdict(set)

    def look(self) -> None:
        waiting = [self._pid]
        while waiting:
            pid = waiting.pop()
            process = Path(f"/proc/{pid}")
            try:
                command = (process / "cmdline").read_bytes()
                self.commands.add(command)
                if pid != self._pid:
                    self.environments[command.partition(b"\0")[0]].add((process / "environ").read_bytes())
                tasks = list((process / "task").iterdir())
                waiting += [int(one) for task in tasks for one in (task / "children").read_text().split()]
            except (OSError, ProcessLookupError):
                continue  # it has just ended


@contextmanager
def watched(pid: int) -> Iterator[ProcessesSeen]:
    """Looks for the duration of the block."""
    seen, ending = ProcessesSeen(pid), threading.Event()

    def run() -> None:
        while not ending.wait(_EVERY):
            seen.look()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        ending.set()
        thread.join()
