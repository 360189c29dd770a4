"""Revisions, as `<branch>@sha1:<40 hex>` (the form of Flux)."""

from __future__ import annotations

import re
from dataclasses import dataclass

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of a branch. `commit` is the full SHA-1, 40 lower-case hex digits."""

    branch: str
    commit: str

    def __post_init__(self) -> None:
        if not COMMIT.fullmatch(self.commit):
            raise ValueError(f"not a full commit id: {self.commit!r}")

    def __str__(self) -> str:
        return f"{self.branch}@sha1:{self.commit}"

    @classmethod
    def parse(cls, text: str) -> Revision:
        """The revision that `str()` wrote. Raises ValueError for any other text."""
        branch, separator, commit = text.rpartition("@sha1:")
        if not separator:
            raise ValueError(f"not a revision: {text!r}")
        return cls(branch, commit)
