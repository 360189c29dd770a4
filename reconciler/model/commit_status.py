"""Commit statuses: what the forge is told of a commit, for each fabric that follows its branch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StatusState(StrEnum):
    """How it stands with a commit. Each forge has words of its own for it."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """No pass is made for it, or the branch goes on without it."""

    @property
    def is_settled(self) -> bool:
        return self not in {StatusState.QUEUED, StatusState.RUNNING}


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """How it stands with a commit (40 hex) in a fabric: `reason` is a CamelCase word, `message` a sentence.
    `is_of_request`: a push asked for it; else a pass found the commit at the tip of the branch.
    """

    fabric: str
    commit: str
    state: StatusState
    reason: str | None = None
    message: str | None = None
    is_of_request: bool = False


@dataclass(frozen=True, slots=True)
class OwedStatus:
    """What a forge is still to be told. `sequence` rises with every change of any status."""

    repository: str
    sequence: int
    status: CommitStatus


@dataclass(frozen=True, slots=True)
class ForgePost:
    """A commit status as a forge is told it. `context` is the name under which a forge shows it beside those of others;
    `link` leads to more (None: there is nothing to lead to).
    """

    commit: str
    state: StatusState
    context: str
    description: str
    link: str | None = None
