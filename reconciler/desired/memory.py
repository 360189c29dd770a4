"""The fake of `ports.DesiredSource`: a branch in memory, which can be made to fail."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import BranchNotFoundError
from reconciler.model.desired import Desired
from reconciler.model.revision import Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.model.objects import Manifest, Source
    from reconciler.model.problems import Path, Problem


class MemorySource:
    """Commits made by `push` become visible by `fetch`, as on a host. Two commits of the same content have one tree."""

    def __init__(self, branch: str = "main") -> None:
        self._branch = branch
        self._commits: list[Desired] = []
        self._fetched = 0
        self._root = 0
        """Where the history of the latest commit begins."""
        self._known: set[str] = set()
        """The commits that were ever fetched: those that a rewritten history left out stay known."""
        self._error: ReconcilerError | None = None
        self.reads: list[Revision] = []
        """The revisions that were read, in order."""
        self.looked_up: list[int] = []
        """How many lines were asked for, each time."""

    def push(self, manifests: Iterable[Manifest], problems: Iterable[Problem] = (), raw: int = 0) -> Revision:
        """Commit a whole desired state on top; its revision."""
        by_key = {manifest.key: manifest for manifest in manifests}
        found = tuple(problems)
        refused = frozenset(problem.key for problem in found if problem.key and problem.is_refusal)
        commit = hashlib.sha1(f"{len(self._commits)}".encode(), usedforsecurity=False).hexdigest()
        revision = Revision(self._branch, commit)
        self._commits.append(Desired(revision, by_key, found, refused, raw))
        return revision

    def rewrite(self) -> None:
        """Let the next push be forced: its history holds none of the commits before it."""
        self._root = len(self._commits)

    def fail(self, error: ReconcilerError | None) -> None:
        """Let every fetch raise this error; None ends that."""
        self._error = error

    def fetch(self) -> Revision:
        if self._error is not None:
            raise self._error
        if not self._commits:
            raise BranchNotFoundError(f"the repository is empty, {self._branch} does not exist")
        self._fetched = len(self._commits)
        self._known |= self._history(self._fetched)
        return self._commits[-1].revision

    def last_fetched(self) -> Revision | None:
        return self._commits[self._fetched - 1].revision if self._fetched else None

    def read(self, revision: Revision) -> Desired:
        self.reads.append(revision)
        return self._commits[self._number(revision)]

    def lines(self, revision: Revision, places: Sequence[tuple[Source, Path]]) -> list[int]:
        """There is no text: every field stands in the first line of its document."""
        self.looked_up.append(len(places))
        self._number(revision)
        return [source.line for source, _ in places]

    def tree(self, revision: Revision) -> str | None:
        desired = self._commits[self._number(revision)]
        content = repr(replace(desired, revision=Revision(self._branch, "0" * 40)))
        return hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        included = self._history(self._number(revision) + 1)
        return {commit: commit in included for commit in commits if commit in self._known}

    def _history(self, end: int) -> set[str]:
        """The commits of the history whose last one is that before `end`."""
        root = self._root if end > self._root else 0
        return {desired.revision.commit for desired in self._commits[root:end]}

    def _number(self, revision: Revision) -> int:
        return [desired.revision for desired in self._commits[: self._fetched]].index(revision)
