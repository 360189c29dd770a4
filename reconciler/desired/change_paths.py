"""Which paths may be written in a repository. Pure.

A path that fails here was made by a defect of ours: names that people choose are routed or refused long before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.changes import FileChange

_LONGEST_NAME = 255
_LONGEST_PATH = 4095
"""Bytes. What is longer could be committed, and not be checked out by anybody."""

# As git itself sees it, for file systems that ignore such characters (HFS+), or what follows (NTFS).
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_FOLDERS = frozenset({".git", "git~1"})


def paths_of(changes: Iterable[FileChange]) -> dict[tuple[bytes, ...], FileChange]:
    """The changes by the names on the way to each file, as git spells them.

    Raises ValueError where a path leads out of the repository or into git's own folder, cannot exist in a working copy,
    is there twice, or is a file and a folder at once. Bytes that are not UTF-8 are spelled as `os.fsdecode` does.
    """
    found: dict[tuple[bytes, ...], FileChange] = {}
    for change in changes:
        names = _names(change)
        if names in found:
            raise ValueError(f"{change.path!r} is to be changed twice")
        found[names] = change
    for names, change in found.items():
        if any(names[:length] in found for length in range(1, len(names))):
            raise ValueError(f"{change.path!r} is to be in a folder that is to be a file")
    return found


def _names(change: FileChange) -> tuple[bytes, ...]:
    path = change.path
    parts = path.split("/")
    if {"", ".", ".."} & set(parts) or "\0" in path:
        raise ValueError(f"{path!r} is not a path inside of the repository")
    if any(_is_git_folder(name) for part in parts for name in part.split("\\")):
        raise ValueError(f"{path!r} leads into git's own folder")
    try:
        names = tuple(part.encode("utf-8", "surrogateescape") for part in parts)
    except UnicodeEncodeError:
        raise ValueError(f"{path!r} cannot be spelled in UTF-8") from None
    is_long = sum(len(name) + 1 for name in names) > _LONGEST_PATH or max(map(len, names)) > _LONGEST_NAME
    if is_long and change.content is not None:
        raise ValueError(f"{path[:_LONGEST_NAME]!r}… is longer than a file system takes")
    return names


def _is_git_folder(name: str) -> bool:
    seen = _IGNORED.sub("", name).casefold().partition(":")[0].rstrip(" .")
    return seen in _GIT_FOLDERS
