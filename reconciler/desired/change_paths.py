"""Which paths may be written in a repository. Pure.

A path that fails here was made by a defect of ours: names that people choose are routed or refused long before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.paths import LONGEST_NAME, is_in_git_folder, is_too_long

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.changes import FileChange


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
    if is_in_git_folder(path):
        raise ValueError(f"{path!r} leads into git's own folder")
    try:
        names = tuple(part.encode("utf-8", "surrogateescape") for part in parts)
    except UnicodeEncodeError:
        raise ValueError(f"{path!r} cannot be spelled in UTF-8") from None
    if change.content is not None and is_too_long(path):
        raise ValueError(f"{path[:LONGEST_NAME]!r}… is longer than a file system takes")
    return names
