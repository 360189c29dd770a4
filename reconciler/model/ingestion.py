"""What becomes of dropped documents."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.changes import FileChange
    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.problems import Problem
    from reconciler.model.tree import TreeEntry


class Origin(StrEnum):
    """Where files are taken in from, and what that permits. `raw`: people dropped them there, to be declared. `loose`:
    they lie outside of the structure, and replace nothing. `archived`: the previous system had taken them in and kept
    them under another name (`*.archived`); what is no longer declared was deleted since then, and does not come back.
    """

    RAW = "raw"
    LOOSE = "loose"
    ARCHIVED = "archived"


class How(StrEnum):
    """`created`: it has a managed file of its own now. `updated`: the file that declared the object holds it now.
    `identical`: that file says the same already. `duplicate`: another document of the same pass says the same.
    `unmanaged`: it lies in `unmanaged/` with the reason. `empty`: the file holds no document.
    """

    CREATED = "created"
    UPDATED = "updated"
    IDENTICAL = "identical"
    DUPLICATE = "duplicate"
    UNMANAGED = "unmanaged"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Declared:
    """A file that declares an object already (path from the repository's root). `manifest` is None where its document
    is refused. `is_alone`: the file holds nothing else.
    """

    path: str
    manifest: Manifest | None
    is_alone: bool = True


@dataclass(frozen=True, slots=True)
class Routed:
    """What became of one document. `file` and `to` are relative to the fabric's directory; `blob` is git's id of the
    dropped file; `rule` and `message` say why it is unmanaged.
    """

    file: str
    blob: str
    index: str
    line: int
    how: How
    to: str = ""
    key: ObjectKey | None = None
    rule: str = ""
    message: str = ""
    is_rewritten: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """The directory of a fabric (path from the repository's root) and all that is below it."""

    fabric: str
    directory: str
    listing: tuple[TreeEntry, ...]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """`changes` are sorted by path and belong in one commit; none: there was nothing to take in. `problems` are of the
    dropped files, of those too that were left where they are; they are no problems of the desired state.
    """

    changes: tuple[FileChange, ...] = ()
    routed: tuple[Routed, ...] = ()
    problems: tuple[Problem, ...] = ()

    def count(self, how: How) -> int:
        return sum(one.how is how for one in self.routed)
