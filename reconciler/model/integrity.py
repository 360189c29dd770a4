"""What is known of installed files, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DISTRIBUTION = "hedgehog-reconciler"

PACKAGES = ("reconciler", "webhooks")
"""Our folders beside each other: what is in them is ours, and nothing else may be."""

NOT_APPLICABLE = (
    "this is an editable installation or a source tree, which has no record of its files: install the wheel to have "
    "them verified"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file holds: its size in bytes and the SHA-256 of its content in hex. Of a link only where it leads, and of
    what cannot be read only the `problem`.
    """

    size: int = 0
    sha256: str = ""
    link: str | None = None
    problem: str | None = None

    def __str__(self) -> str:
        if self.problem is not None:
            return self.problem
        return f"a link to {self.link}" if self.link is not None else f"{self.size} bytes (sha256 {self.sha256})"


class Fault(StrEnum):
    MISSING = "missing"
    TRUNCATED = "truncated"
    CHANGED = "changed"
    EXTRA = "extra"
    UNREADABLE = "unreadable"
    ELSEWHERE = "elsewhere"
    """It is a folder from which code of ours runs, in the place of the one that was recorded."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A file that is not as it was recorded. `expected` is absent for one that nobody recorded, `found` for one that is
    not there.
    """

    path: str
    fault: Fault
    expected: Mark | None = None
    found: Mark | None = None

    def __str__(self) -> str:
        if self.fault is Fault.EXTRA:
            return f"{self.path} is extra, it is not of this build: {self.found}"
        if self.fault is Fault.MISSING:
            return f"{self.path} is missing: {self.expected} expected"
        if self.fault is Fault.ELSEWHERE:
            return f"{self.path} is what runs, and not of this build: {self.expected} expected"
        return f"{self.path} is {self.fault.value}: {self.found}, {self.expected} expected"


@dataclass(frozen=True, slots=True)
class Integrity:
    """How the installed files compare with a record of them. `record` says which; `files` is how many it has hashes of,
    which are compared; `build` identifies the recorded content of our own packages. Without a record nothing is known
    (`is_applicable`).
    """

    record: str
    files: int = 0
    mismatches: tuple[Mismatch, ...] = ()
    build: str | None = None
    is_applicable: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.mismatches

    def summary(self, most: int = 3) -> str:
        """One sentence that names the first files which are not as recorded, at most so many."""
        if not self.is_applicable:
            return NOT_APPLICABLE
        if self.is_whole:
            return f"all {self.files} files are as {self.record} says"
        named = "; ".join(str(one) for one in self.mismatches[:most])
        others = f"; and {len(self.mismatches) - most} more" if len(self.mismatches) > most else ""
        return f"{named}{others}"
