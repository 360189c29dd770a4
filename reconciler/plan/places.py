"""What stands where in a fabric's directory, and whether a file may be written there.

Nothing is written through a link or over something else; and no two paths differ in upper and lower case alone, because
a person whose file system ignores that could not check the directory out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.tree import TreeEntry

_SPELLINGS = 2
"""Kept of paths that differ in case alone, the first ones: whichever is asked for, one of them is another."""


class Obstacle(NamedTuple):
    """What stands in the way: where it stands, from the repository's root, and what it is."""

    path: str
    message: str


class Places:
    """The entries below a directory. Paths that are asked for are relative to it."""

    def __init__(self, directory: str, entries: Iterable[TreeEntry]) -> None:
        self._prefix = f"{directory}/"
        self._entries: dict[str, TreeEntry] = {}
        self._spellings: dict[str, tuple[str, ...]] = {}
        self._directories: set[str] = set()
        for entry in entries:
            path = entry.path.removeprefix(self._prefix)
            self._entries[path] = entry
            self.add(path)

    def absolute(self, path: str) -> str:
        """The path from the repository's root."""
        return self._prefix + path

    def entry(self, path: str) -> TreeEntry | None:
        """The file that stands there."""
        return self._entries.get(path)

    def holds(self, path: str, content: bytes) -> bool:
        """Whether a file of this content stands there."""
        entry = self._entries.get(path)
        return entry is not None and entry.is_file and entry.blob == blob_id(content)

    def is_taken(self, path: str) -> bool:
        """Whether something stands there, in whatever case."""
        return _folded(path) in self._spellings

    def add(self, path: str) -> None:
        """Let a file stand there too."""
        self._spell(path)
        directory = path.rpartition("/")[0]
        while directory and directory not in self._directories:
            self._directories.add(directory)
            self._spell(directory)
            directory = directory.rpartition("/")[0]

    def obstacle(self, path: str) -> Obstacle | None:
        """Why no file can be written to a path; None: it can, where it replaces a file that stands there already."""
        steps = path.split("/")
        for number in range(1, len(steps)):
            directory = "/".join(steps[:number])
            found = self._clash(directory) or self._no_directory(directory)
            if found:
                return found
        return self._clash(path) or self._no_file(path)

    def _clash(self, path: str) -> Obstacle | None:
        others = [one for one in self._spellings.get(_folded(path), ()) if one != path]
        if not others:
            return None
        other = self.absolute(others[0])
        return Obstacle(other, f"{other} differs from {self.absolute(path)} in upper and lower case alone")

    def _no_directory(self, path: str) -> Obstacle | None:
        entry = self._entries.get(path)
        if entry is None:
            return None
        return Obstacle(entry.path, f"{entry.path} is {_what(entry)}, where a directory should be")

    def _no_file(self, path: str) -> Obstacle | None:
        if path in self._directories:
            return Obstacle(self.absolute(path), f"{self.absolute(path)} is a directory, where a file should be")
        entry = self._entries.get(path)
        if entry is None or entry.is_file:
            return None
        return Obstacle(entry.path, f"{entry.path} is {_what(entry)}, where a file should be")

    def _spell(self, path: str) -> None:
        folded = _folded(path)
        known = self._spellings.get(folded, ())
        if len(known) < _SPELLINGS and path not in known:
            self._spellings[folded] = (*known, path)


def blob_id(content: bytes) -> str:
    """The id that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _what(entry: TreeEntry) -> str:
    if entry.is_symlink:
        return "a symbolic link"
    return "a submodule" if entry.is_submodule else "a file"


def _folded(path: str) -> str:
    """A path as file systems see it that ignore case and the composition of letters."""
    return path if path.isascii() and path.islower() else normalize("NFC", path.casefold())
