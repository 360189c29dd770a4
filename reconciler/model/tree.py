"""The files of a commit, as git lists them, and how many of them are read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file of a commit. `path` is from the repository's root, with unprintable bytes escaped; `mode` as git writes
    it; `size` in bytes, 0 for a submodule, which has no content here.
    """

    path: str
    mode: str
    blob: str
    size: int

    @property
    def is_symlink(self) -> bool:
        return self.mode == "120000"

    @property
    def is_submodule(self) -> bool:
        return self.mode == "160000"

    @property
    def is_file(self) -> bool:
        """Whether it has a content of its own."""
        return not self.is_symlink and not self.is_submodule


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a fabric's directory is read: bytes of one file, files, bytes of all files, characters of a path
    from the repository's root, directories on the way from the fabric's own to a file.
    """

    file: int = 16 * 1024 * 1024
    files: int = 100_000
    total: int = 512 * 1024 * 1024
    path: int = 1024
    levels: int = 32
