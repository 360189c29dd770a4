"""What becomes of objects that only the cluster has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.changes import FileChange
    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.publishing import Published


class Outcome(StrEnum):
    """`created`: it has a file now. `updated`: its file in `unmanaged/` said something else. `unchanged`: that file
    says the same already. `blocked`: it should have a file and cannot. `left`: it is not ours to adopt.
    """

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Draft:
    """An object in neutral form, with the file that it would have where it is asked for, and the one that it would have
    in `unmanaged/`. `rule` and `message` say why it can have none.
    """

    manifest: Manifest
    content: bytes
    aside: bytes
    rule: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of one object. `path` is relative to the fabric's directory, empty where it has no file; `rule` and
    `message` say why it is blocked or left.
    """

    key: ObjectKey
    outcome: Outcome
    path: str = ""
    rule: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What it takes to adopt at one revision: the changes of one commit, sorted by path (none: nothing is to be done),
    and what becomes of each object, by key. `published` is the commit that made it so.
    """

    changes: tuple[FileChange, ...] = ()
    objects: tuple[Adopted, ...] = ()
    published: Published | None = None

    @property
    def is_blocked(self) -> bool:
        return any(one.outcome is Outcome.BLOCKED for one in self.objects)
