"""The fake of `ports.Publisher`: a branch in memory, on which others can be first, and which can refuse."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.desired.change_paths import paths_of
from reconciler.errors import BranchNotFoundError, PathRefusedError, PushRacesError
from reconciler.model.publishing import Published
from reconciler.model.revision import Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.model.changes import FileChange
    from reconciler.model.publishing import Proposal

MOST_TRIES = 10


@dataclass(frozen=True, slots=True)
class MemoryCommit:
    """A commit of the branch, with all files that it holds."""

    revision: Revision
    files: Mapping[str, bytes]
    message: str


class MemoryPublisher:
    """`history` is what the remote has, the oldest first."""

    def __init__(self, branch: str = "main") -> None:
        self._branch = branch
        self.history: list[MemoryCommit] = []
        self._error: ReconcilerError | None = None
        self._refusal: ReconcilerError | None = None
        self._rivals: list[Callable[[], object]] = []

    def push(self, files: Mapping[str, bytes | None], message: str = "Change") -> Revision:
        """Commit as somebody else, on top; None removes a file."""
        return self._append(files, message)

    def fail(self, error: ReconcilerError | None) -> None:
        """Let every look at the remote raise this error; None ends that."""
        self._error = error

    def refuse(self, error: ReconcilerError | None) -> None:
        """Let every push of ours be refused with this error; None ends that."""
        self._refusal = error

    def before_push(self, *rivals: Callable[[], object]) -> None:
        """Call each of these before one of the next pushes of ours, as others do who are quicker."""
        self._rivals += rivals

    def publish(
        self, propose: Callable[[Revision], Proposal | None], found: Callable[[], Proposal | None] | None = None
    ) -> Published | None:
        for tries in range(1, MOST_TRIES + 1):
            if self._error is None and not self.history and found is not None:
                tip, proposal = None, found()
            else:
                tip = self._tip()
                proposal = propose(tip.revision)
            if proposal is None:
                return None
            changes = self._checked(proposal, tip)
            if tip is not None and all(tip.files.get(path) == content for path, content in changes.items()):
                return None
            if self._rivals:
                self._rivals.pop(0)()
            if self._refusal is not None:
                raise self._refusal
            if (self.history[-1] if self.history else None) == tip:
                revision = self._append(changes, proposal.message)
                return Published(revision, revision, proposal, tries)
        raise PushRacesError(f"others were first at each of {MOST_TRIES} tries to push")

    def _tip(self) -> MemoryCommit:
        if self._error is not None:
            raise self._error
        if not self.history:
            raise BranchNotFoundError(f"there is no branch {self._branch}: the repository is empty")
        return self.history[-1]

    def _append(self, changes: Mapping[str, bytes | None], message: str) -> Revision:
        before = self.history[-1].files if self.history else {}
        files = {path: content for path, content in {**before, **changes}.items() if content is not None}
        commit = hashlib.sha1(f"{len(self.history)}".encode(), usedforsecurity=False).hexdigest()
        self.history.append(MemoryCommit(Revision(self._branch, commit), files, message))
        return self.history[-1].revision

    @staticmethod
    def _checked(proposal: Proposal, tip: MemoryCommit | None) -> dict[str, bytes | None]:
        for change in paths_of(proposal.changes).values():
            _check_place(change, tip.files if tip else {})
        if "\0" in proposal.message or not proposal.message.strip():
            raise ValueError("the message of a commit must hold text, and no NUL")
        return {change.path: change.content for change in proposal.changes}


def _check_place(change: FileChange, files: Mapping[str, bytes]) -> None:
    steps = change.path.split("/")
    for length in range(1, len(steps)):
        if (parent := "/".join(steps[:length])) in files:
            raise PathRefusedError(f"{parent} is a file and not a folder")
    if any(path.startswith(f"{change.path}/") for path in files):
        raise PathRefusedError(f"{change.path} is a folder and not a file")
    if change.content is None and change.path not in files:
        raise PathRefusedError(f"{change.path} is to be removed and is not there")
