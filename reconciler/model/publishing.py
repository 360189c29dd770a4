"""What is to be committed, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.changes import FileChange
    from reconciler.model.revision import Revision


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits: author and committer."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One commit, as it is proposed for one tip of the branch: each path at most once, and the whole message."""

    changes: tuple[FileChange, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """A commit of ours that the remote has. `tip` is what the mirror's branch stands at: the commit itself, or one that
    came after it. `tries` counts the pushes that it took.
    """

    revision: Revision
    tip: Revision
    proposal: Proposal
    tries: int
