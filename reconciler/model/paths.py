"""Which paths can be written in a repository, so that everybody can check it out, and which can be told. Pure."""

from __future__ import annotations

import re

LONGEST_NAME = 255
LONGEST_PATH = 4095
"""Bytes, of a step and of the whole. What is longer could be committed, and not be checked out by anybody."""

# As git itself sees it, for file systems that ignore such characters (HFS+), or what follows (NTFS).
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_FOLDERS = frozenset({".git", "git~1"})


def is_too_long(path: str) -> bool:
    """Whether no file system takes it. Bytes that are not UTF-8 are spelled as `os.fsdecode` does.

    Raises UnicodeEncodeError for a text that no bytes are spelled as.
    """
    spelled = path.encode("utf-8", "surrogateescape")
    return len(spelled) > LONGEST_PATH or max(map(len, spelled.split(b"/"))) > LONGEST_NAME


def can_be_shown(path: str) -> bool:
    """Whether it may be the path of a file, and a line of text can show it. A key that somebody put in the place of a
    path seldom may.
    """
    return path.isprintable() and not is_too_long(path)


def is_in_git_folder(path: str) -> bool:
    """Whether it leads into git's own folder, on whichever file system."""
    return any(_is_git_folder(name) for step in path.split("/") for name in step.split("\\"))


def _is_git_folder(name: str) -> bool:
    seen = _IGNORED.sub("", name).casefold().partition(":")[0].rstrip(" .")
    return seen in _GIT_FOLDERS
