"""What a commit of ours changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a commit: its path from the repository's root, and its new content; None: it is removed."""

    path: str
    content: bytes | None
