"""What the lab's servers have in common."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.progress import Progress


class Server(Protocol):
    """A server described by the files of its folder; any process that knows the folder can control it."""

    name: str

    def __init__(self, folder: Path) -> None: ...

    @property
    def url(self) -> str: ...

    def needed_programs(self) -> set[str]:
        """The programs that `up` runs, by name."""

    def up(self, progress: Progress) -> None:
        """Make what is missing, start what does not run, return when it answers."""

    def down(self) -> None:
        """End all of it and remove its folder."""

    def exists(self) -> bool:
        """Whether `up` was called and `down` was not."""

    def is_running(self) -> bool:
        """Whether every process of it is alive."""

    def stop(self) -> None:
        """End what clients talk to, for a while; port and data stay."""

    def start(self) -> None:
        """Undo `stop`; returns when it answers."""

    def variables(self) -> dict[str, str]:
        """What a person or a program has to know to use it, as environment variables."""


@contextmanager
def outage(server: Server) -> Iterator[None]:
    """The server is down inside the block and answers again, on the same port with the same data, after it."""
    server.stop()
    try:
        yield
    finally:
        server.start()
