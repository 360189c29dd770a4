"""A repository as it lies on disk, committed or not: to look at before it is pushed. Nothing is written, git is not
called, and links are not followed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from reconciler.desired.tree import TreeEntry, is_plain, printable
from reconciler.errors import ConfigurationError
from reconciler.model.revision import Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MOST_ENTRIES = 1_000_000
"""Files and folders that are looked at: more than a fabric has, and an end to what was named by mistake."""

NO_COMMIT = "0" * 40
"""The commit of what is not committed, as git itself shows it."""

_GIT = ".git"
_LINK, _SUBMODULE, _FILE = "120000", "160000", "100644"


class WorkingCopy:
    """The files below a folder, in the place of a mirror's (`source.Files`). All that is there counts, also what git
    would ignore, as git would list it once it were committed: links as links, and repositories inside as submodules.

    Raises ConfigurationError, which names the file or folder, where something cannot be read.
    """

    def __init__(self, directory: Path, branch: str) -> None:
        self._directory = directory
        self._revision = Revision(branch, NO_COMMIT)

    def fetch(self) -> Revision:
        return self._revision

    def tip(self) -> Revision:
        return self._revision

    def tree(self, _revision: Revision, _path: str) -> None:
        """Only commits have trees."""

    def ancestry(self, _commits: Iterable[str], _revision: Revision) -> Mapping[str, bool]:
        return {}

    def list_files(self, _revision: Revision, path: str) -> tuple[TreeEntry, ...]:
        """All files below a folder of this name, in git's order. One that is not there is an error: it was named."""
        if not is_plain(path):
            return ()
        self._check(path)
        found = sorted(self._walk(path), key=lambda entry: os.fsencode(entry.blob))
        return tuple(found)

    def read_blobs(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        """The contents of files, of each as much as it held when it was listed."""
        for entry in entries:
            try:
                descriptor = os.open(self._directory / entry.blob, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                with os.fdopen(descriptor, "rb") as file:
                    yield entry.blob, file.read(entry.size)
            except OSError as error:
                raise self._unreadable(entry.blob, error) from None

    def _check(self, path: str) -> None:
        """The folder is there, and no step to it is a link: git would not follow it."""
        steps = path.split("/")
        for number in range(len(steps) + 1):
            folder = self._directory.joinpath(*steps[:number])
            try:
                mode = folder.lstat().st_mode if number else folder.stat().st_mode
            except OSError as error:
                raise ConfigurationError(f"{folder} cannot be read: {error.strerror}") from None
            if not stat.S_ISDIR(mode):
                raise ConfigurationError(f"{folder} is not a directory")

    def _walk(self, path: str) -> Iterator[TreeEntry]:
        """Each entry's `blob` is its path as the system spells it: the name of its content here."""
        folders, count = [path], 0
        while folders:
            folder = folders.pop()
            for found in self._scan(folder):
                count += 1
                if count > MOST_ENTRIES:
                    raise ConfigurationError(f"{self._directory / path} holds more than {MOST_ENTRIES:,} files")
                below = f"{folder}/{found.name}"
                if found.is_dir(follow_symlinks=False) and not self._is_repository(below):
                    folders.append(below)
                elif (entry := self._entry(found, below)) is not None:
                    yield entry

    def _scan(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._directory / folder) as found:
                return [one for one in found if one.name != _GIT]
        except OSError as error:
            raise self._unreadable(folder, error) from None

    def _is_repository(self, folder: str) -> bool:
        return os.path.lexists(self._directory / folder / _GIT)

    def _entry(self, found: os.DirEntry[str], path: str) -> TreeEntry | None:
        """None for what git does not take: pipes, sockets and devices."""
        name = printable(os.fsencode(path))
        if found.is_symlink():
            return TreeEntry(name, _LINK, path, 0)
        if found.is_dir(follow_symlinks=False):
            return TreeEntry(name, _SUBMODULE, path, 0)
        if not found.is_file(follow_symlinks=False):
            return None
        try:
            return TreeEntry(name, _FILE, path, found.stat(follow_symlinks=False).st_size)
        except OSError as error:
            raise self._unreadable(path, error) from None

    def _unreadable(self, path: str, error: OSError) -> ConfigurationError:
        place = printable(os.fsencode(self._directory / path))
        return ConfigurationError(f"{place} cannot be read: {error.strerror}")
