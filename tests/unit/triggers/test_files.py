"""The watch over files: looks when something is heard, and each half minute although nothing is."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.triggers.files import LARGEST_FILE, LOOK_EVERY, FileWatch, Folders, Notices, digests, folders_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path


class System:
    """A system that tells what it is told to. `heard` are the folders that were listened to, each time."""

    def __init__(self, error: str | None) -> None:
        self.heard: list[Folders] = []
        self.notices = Notices()
        self.error = error

    @asynccontextmanager
    async def listen(self, folders: Folders) -> AsyncIterator[Notices]:
        self.heard.append(folders)
        self.notices = Notices(error=self.error)
        yield self.notices


class Files:
    """Files that matter, and when they were looked at. `failures` are raised by the next looks."""

    def __init__(self, *files: Path) -> None:
        self.matter = list(files)
        self.looks: list[float] = []
        self.failures: list[Exception] = []

    def files(self) -> Iterable[Path]:
        return self.matter

    async def look(self) -> None:
        self.looks.append(asyncio.get_running_loop().time())
        if self.failures:
            raise self.failures.pop()


class Said:
    """What was said of the watch's health, None for progress."""

    def __init__(self) -> None:
        self.all: list[str | None] = []

    def progress(self, name: str) -> None:
        assert name == "files"
        self.all.append(None)

    def trouble(self, name: str, reason: str) -> None:
        assert name == "files"
        self.all.append(reason)


class Watching:
    """A watch that runs."""

    def __init__(self, files: Files, error: str | None = None) -> None:
        self.system, self.said, self.files = System(error), Said(), files
        self.watch = FileWatch("files", files, self.said, self.system.listen)
        self.task = asyncio.ensure_future(self.watch.run())

    async def after(self, seconds: float) -> list[float]:
        """When the files had been looked at after this time."""
        await asyncio.sleep(seconds)
        return [round(look, 1) for look in self.files.looks]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def test_looks_without_being_told(tmp_path: Path) -> None:
    """Files are looked at at once, and each half minute although nothing is heard."""
    watching = Watching(Files(tmp_path / "a"))

    assert await watching.after(LOOK_EVERY * 2 + 1) == [0, 30, 60]
    assert len(watching.system.heard) == 1
    assert set(watching.said.all) == {None}
    await watching.end()


async def test_looks_when_something_is_heard(tmp_path: Path) -> None:
    """What is heard leads to a look at once, and the half minute begins anew."""
    watching = Watching(Files(tmp_path / "a"))
    await watching.after(10)

    watching.system.notices.changed.set()

    assert await watching.after(LOOK_EVERY + 1) == [0, 10, 40]
    await watching.end()


async def test_what_changes_during_a_look_is_looked_at_again(tmp_path: Path) -> None:
    """A change that is heard while the files are compared is not taken for compared."""
    files = Files(tmp_path / "a")
    watching = Watching(files)
    look = files.look
    again: list[bool] = []

    async def slow() -> None:
        await look()
        if not again:
            again.append(True)
            watching.system.notices.changed.set()

    files.look = slow  # type: ignore[method-assign] # a look during which something changes

    assert await watching.after(1) == [0, 0]
    await watching.end()


async def test_other_files_are_listened_to(tmp_path: Path) -> None:
    """When other files matter after a look, their folders are listened to, and looked at before anything is heard."""
    files = Files(tmp_path / "a")
    watching = Watching(files)
    (tmp_path / "other").mkdir()
    await watching.after(1)

    files.matter.append(tmp_path / "other" / "b")
    watching.system.notices.changed.set()

    assert await watching.after(1) == [0, 1, 1]
    assert [list(folders) for folders in watching.system.heard] == [[tmp_path], [tmp_path, tmp_path / "other"]]
    await watching.end()


async def test_a_folder_that_was_replaced(tmp_path: Path) -> None:
    """A folder that another one took the place of is listened to anew: the system tells only of the old one."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    watching = Watching(Files(folder / "a"))
    await watching.after(1)

    folder.rename(tmp_path / "old")
    folder.mkdir()

    assert await watching.after(LOOK_EVERY) == [0, 30, 30]
    assert len(watching.system.heard) == 2
    await watching.end()


async def test_a_system_that_tells_nothing(tmp_path: Path) -> None:
    """Where folders cannot be listened to, the clock does, the health says so, and each time it is tried anew."""
    watching = Watching(Files(tmp_path / "a"), error="OSError: too many watches")

    looks = await watching.after(LOOK_EVERY + 1)
    watching.system.error = None
    later = await watching.after(LOOK_EVERY * 2)

    assert looks == [0, 30]
    assert len(later) == 4
    assert len(watching.system.heard) == 3
    troubled = "changes are noticed each 30 s only: OSError: too many watches"
    assert watching.said.all == [troubled, troubled, None, None]
    await watching.end()


async def test_a_look_that_fails(tmp_path: Path) -> None:
    """What a look raises ends the watch: whoever supervises it starts it again."""
    files = Files(tmp_path / "a")
    files.failures.append(RuntimeError("disk full"))
    watching = Watching(files)

    with pytest.raises(RuntimeError, match="disk full"):
        await watching.task


def test_folders(tmp_path: Path) -> None:
    """A file's folder is listened to, and where it leads; a folder that is not there by the one that it would be in."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "a").write_text("1")
    named = tmp_path / "named"
    named.mkdir()
    (named / "a").symlink_to(real / "a")
    (named / "loop").symlink_to(named / "loop")

    assert set(folders_of([named / "a"])) == {named, real}
    assert set(folders_of([tmp_path / "not" / "there" / "x"])) == {tmp_path}
    assert set(folders_of([named / "a" / "below a file"])) == {named, real}
    assert set(folders_of([named / "loop"])) == {named}
    assert folders_of([]) == {}


def test_mounted_secrets(tmp_path: Path) -> None:
    """A volume of Kubernetes is a link to a folder that is swapped: both are listened to, and the swap shows."""
    for version in ("..1", "..2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(version)
    (tmp_path / "..data").symlink_to("..1")
    token = tmp_path / "token"
    token.symlink_to("..data/token")
    before = digests([token])
    assert set(folders_of([token])) == {tmp_path, tmp_path / "..1"}

    (tmp_path / "..next").symlink_to("..2")
    (tmp_path / "..next").rename(tmp_path / "..data")

    assert digests([token]) != before


def test_digests(tmp_path: Path) -> None:
    """A digest changes with the content, and not with the time; what cannot be read has one, and a pipe is not read."""
    file = tmp_path / "a"
    absent = digests([file])
    file.write_text("1")
    first = digests([file])
    os.utime(file, (1, 1))
    touched = digests([file])
    file.write_text("2")
    second = digests([file])
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert first == touched
    assert len({*absent.values(), *first.values(), *second.values()}) == 3
    assert digests([pipe, tmp_path]) == dict.fromkeys([pipe, tmp_path], "not a regular file")
    assert "1" not in first.values()


def test_a_large_file(tmp_path: Path) -> None:
    """Of a file beyond all bounds the beginning is read; that it grew shows by its size."""
    file = tmp_path / "a"
    file.write_bytes(b"x" * (LARGEST_FILE + 1))
    first = digests([file])
    file.write_bytes(b"x" * (LARGEST_FILE + 2))

    assert digests([file]) != first
