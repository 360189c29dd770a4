"""How a fabric's directory stands, and what it takes to bring it in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.changes import FileChange
    from reconciler.model.ingestion import Routed
    from reconciler.model.problems import Problem
    from reconciler.model.publishing import Published


WAITING = "Waiting"
"""The rule by which a dropped file is left to the next commit."""


class StructureState(StrEnum):
    """`validated`: it is as it should be. `initialized`: with the changes it will be. `failed`: it cannot be made."""

    VALIDATED = "validated"
    INITIALIZED = "initialized"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Structure:
    """`changes` are for `initialized`, sorted by path; `problems` say why, and where, for `failed`."""

    state: StructureState
    changes: tuple[FileChange, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class UpkeepPlan:
    """What it takes to bring a directory in order at one revision: the structure's `state`, the changes of one commit
    (none: it is in order), what becomes of dropped documents, and what is wrong with the directory or with files that
    stay where they are. `published` is the commit that made it so.
    """

    state: StructureState
    changes: tuple[FileChange, ...] = ()
    routed: tuple[Routed, ...] = ()
    problems: tuple[Problem, ...] = ()
    published: Published | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether another commit takes in more: it was too much for one."""
        return any(problem.rule == WAITING for problem in self.problems)

    @property
    def removed(self) -> frozenset[str]:
        """The files that are gone afterwards."""
        return frozenset(change.path for change in self.changes if change.content is None)

    @property
    def remarks(self) -> tuple[Problem, ...]:
        """The problems but those of documents that are put aside, with which they lie."""
        return tuple(one for one in self.problems if not (one.is_refusal and one.file in self.removed))
