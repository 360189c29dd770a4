"""Files that matter while the service runs. The only home of watchfiles.

What the system tells of a folder is a hint that something in it changed, never what: whoever watches compares. It
compares without a hint as well, every half minute, because network file systems tell nothing and a hint can be lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from anyio import to_thread
from watchfiles import awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

log = structlog.get_logger("files")

LOOK_EVERY = 30.0
"""Seconds after which files are compared although nothing was heard."""

_QUIET = 200
"""Milliseconds without a change that end a group of changes: a version of several files is written in one go."""

_LONGEST_GROUP = 1000
"""Milliseconds after which a group is looked at although it goes on."""

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes of a file that are compared; of a larger one its size and time as well."""

Answer = TypeVar("Answer")
Folders = dict[Path, tuple[int, int]]
"""Folders with their identity (device, inode): one that was replaced is another one, under the same path."""


class Watched(Protocol):
    """What depends on files."""

    def files(self) -> Iterable[Path]:
        """The files that matter now; they need not exist."""

    async def look(self) -> None:
        """Compare the files with what is known of them, and act on the difference."""


class Health(Protocol):
    """Whom the watch tells how it goes."""

    def progress(self, name: str) -> None: ...

    def trouble(self, name: str, reason: str) -> None: ...


@dataclass(slots=True)
class Notices:
    """What is heard of folders: `changed` is set when there is something. `error` says why nothing can be heard."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    error: str | None = None


class FileWatch:
    """Has something looked at when its files may have changed. `name` is under what it reports its health."""

    def __init__(
        self,
        name: str,
        watched: Watched,
        health: Health,
        listen: Callable[[Folders], AbstractAsyncContextManager[Notices]] | None = None,
    ) -> None:
        self._name = name
        self._watched = watched
        self._health = health
        self._listen = listen or listening

    async def run(self) -> None:
        """For ever. Raises what the look raises."""
        while True:
            await self.run_once()

    async def run_once(self) -> None:
        """Listen to the folders of the moment, until others matter, or until it is time to try anew to hear them."""
        folders = await self._folders()
        async with self._listen(folders) as notices:
            while True:
                # Cleared before the look: what changes during it is looked at again.
                notices.changed.clear()
                await self._watched.look()
                self._report(notices)
                if await self._folders() != folders:
                    return
                if not await _heard(notices) and notices.error is not None:
                    return

    async def _folders(self) -> Folders:
        return await in_thread(partial(folders_of, tuple(self._watched.files())))

    def _report(self, notices: Notices) -> None:
        if notices.error is None:
            self._health.progress(self._name)
        else:
            self._health.trouble(self._name, f"changes are noticed each {LOOK_EVERY:.0f} s only: {notices.error}")


async def _heard(notices: Notices) -> bool:
    try:
        async with asyncio.timeout(LOOK_EVERY):
            await notices.changed.wait()
    except TimeoutError:
        return False
    return True


@asynccontextmanager
async def listening(folders: Folders) -> AsyncIterator[Notices]:
    """Listen to what the system tells of folders, not of those within, while the block runs. From its beginning on
    nothing is missed.
    """
    notices = Notices()
    ear = asyncio.create_task(_listen(folders, notices))
    try:
        # The task runs until it waits for the first change, and by then the system has been asked.
        await asyncio.sleep(0)
        yield notices
    finally:
        ear.cancel()
        await asyncio.wait([ear])


async def _listen(folders: Folders, notices: Notices) -> None:
    try:
        changes = awatch(
            *folders, watch_filter=None, recursive=False, step=_QUIET, debounce=_LONGEST_GROUP, rust_timeout=0
        )
        async for _ in changes:
            notices.changed.set()
    except Exception as error:  # noqa: BLE001 - a folder that is gone, the system's limit: then the clock must do
        notices.error = f"{type(error).__name__}: {error}"
        log.warning("files cannot be watched", error=notices.error)


async def in_thread(call: Callable[[], Answer]) -> Answer:
    """The answer of a call that only reads files. One that hangs, as on a dead network file system, is left behind
    when the service stops.
    """
    return await to_thread.run_sync(call, abandon_on_cancel=True)


def folders_of(files: Iterable[Path]) -> Folders:
    """The folders in which something must happen for a file to change: where its name is, and where the name leads. For
    a folder that is not there, the one in which it would appear.
    """
    paths = {path for file in files for path in (file, Path(os.path.realpath(file)))}
    found: Folders = {}
    for folder in sorted({path.parent for path in paths}):
        for existing in (folder, *folder.parents):
            identity = _identity(existing)
            if identity is not None:
                found[existing] = identity
                break
    return found


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def digests(files: Iterable[Path]) -> Mapping[Path, str]:
    """What tells one content of each file from another. Nothing is raised: what cannot be read has a digest too."""
    return {file: _digest(file) for file in files}


def _digest(file: Path) -> str:
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would block
            return "not a regular file"
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE)
    except OSError as error:
        return f"not readable: {error.errno}"
    digest = hashlib.sha256(content).hexdigest()
    return digest if found.st_size <= LARGEST_FILE else f"{digest} {found.st_size} {found.st_mtime_ns}"
