"""The repository of a mirror in the hands of one who adds to it: objects first, then the remote's branch, and only when
the remote has it the branch here.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from reconciler.desired.git_answers import reason_of
from reconciler.desired.push_answers import Failure, PushFailure, judge
from reconciler.desired.trees import blob_stream, graft, parse_objects, tree_stream
from reconciler.errors import GitUnavailableError
from reconciler.model.revision import COMMIT, Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from reconciler.desired.remote import GitRemote
    from reconciler.desired.trees import Tree
    from reconciler.model.changes import FileChange

_INCOMPLETE = re.compile(r"is unavailable|missing|corrupt|bad object|not a valid object|unable to read", re.IGNORECASE)
"""What git says where the mirror lacks an object that it should have, which no fetch would bring back."""

_LARGEST_TREES = 256 * 1024 * 1024
_ID_LINE = 41
_PROBE = "hedgehog-reconciler-check"
"""A branch that is never made."""

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Git knows it without storing it."""

_SMALL = 64 * 1024


class Answer(Protocol):
    """How a call of git ended, and what it wrote."""

    @property
    def status(self) -> int: ...
    @property
    def stdout(self) -> bytes: ...
    @property
    def stderr(self) -> str: ...
    @property
    def is_truncated(self) -> bool: ...
    @property
    def is_ok(self) -> bool: ...
    @property
    def has_timed_out(self) -> bool: ...


class Local(Protocol):
    """A call of git in the repository, with `env` besides what all calls have."""

    def __call__(
        self,
        args: Sequence[str],
        limit: int = ...,
        stdin: BinaryIO | None = ...,
        env: Mapping[str, str] | None = ...,
    ) -> Answer: ...


class Network(Protocol):
    """A call of git that speaks to the remote, as we do there."""

    def __call__(self, args: Sequence[str]) -> Answer: ...


class Spoilt(Protocol):
    """The error for a mirror that cannot be read, which is then not trusted any more."""

    def __call__(self, reason: str) -> GitUnavailableError: ...


@dataclass(frozen=True, slots=True)
class Workbench:
    """What `Mirror.workbench` gives, for as long as it is ours alone. `directory` is private and on the mirror's disk.
    All methods raise GitUnavailableError where the mirror cannot be read or written.
    """

    remote: GitRemote
    directory: Path
    local: Local
    network: Network
    spoilt: Spoilt

    def edit(self, tip: Revision | None, changes: Mapping[tuple[bytes, ...], FileChange]) -> str | None:
        """Store what the files are to hold, and the trees above them; the id of the new root. None: the tip is so
        already. Without a tip they are all that there is. Raises as `trees.graft`; then nothing was stored.
        """
        root = self._root(tip) if tip is not None else EMPTY_TREE
        try:
            trees = graft(root, changes, self._read_trees)
        except ValueError as error:
            raise self.spoilt(str(error)) from error
        if not trees:
            return None
        contents = (change.content for change in changes.values() if change.content is not None)
        self.write(["fast-import", "--quiet", "--done"], blob_stream(contents))
        self._write_trees(trees)
        return trees[-1].id

    def push(self, commit: str, tip: str) -> PushFailure | None:
        """Push this one commit to the branch, if that stands at `tip` at the remote; empty: if it is not there. Why it
        is not done, or None.
        """
        # Without it a branch that somebody deleted, or set back, would be brought back by our push.
        return self._push(self.remote, commit, f"--force-with-lease={self.remote.ref}:{tip}")

    def try_push(self, commit: str) -> PushFailure | None:
        """Ask the remote whether it would take a push of ours, to a branch that nobody has. Nothing is pushed."""
        return self._push(replace(self.remote, branch=_PROBE), commit, "--dry-run")

    def _push(self, remote: GitRemote, commit: str, option: str) -> PushFailure | None:
        args = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"]
        answer = self.network([*args, option, "--end-of-options", remote.url, f"{commit}:{remote.ref}"])
        if answer.has_timed_out or answer.status < 0:
            how = "did not end in time" if answer.has_timed_out else f"was ended by signal {-answer.status}"
            return PushFailure(Failure.UNKNOWN, GitUnavailableError(f"{remote.place}: git push {how}"))
        secrets = filter(None, [remote.password()])
        return judge(remote, answer.status, answer.stdout.decode("utf-8", "replace"), answer.stderr, secrets)

    def advance(self, commit: str) -> None:
        """Let the mirror's branch stand where the remote's stands since our push."""
        self.write(["update-ref", self.remote.ref, commit])

    def write(self, args: Sequence[str], stdin: Iterable[bytes] = (), limit: int = _SMALL) -> bytes:
        """What git prints when it has stored something."""
        answer = self.feed(args, stdin, limit)
        if not answer.is_ok:
            if _INCOMPLETE.search(answer.stderr):
                raise self.spoilt(reason_of(answer.stderr))
            reason = "git did not end in time" if answer.has_timed_out else reason_of(answer.stderr)
            raise GitUnavailableError(f"{self.remote.place}: the mirror cannot be written: {reason}")
        return answer.stdout

    def feed(
        self,
        args: Sequence[str],
        stdin: Iterable[bytes] = (),
        limit: int = _SMALL,
        env: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call git with this as its input, however it ends."""
        with tempfile.TemporaryFile(dir=self.directory) as file:
            file.writelines(stdin)
            file.seek(0)
            return self.local(args, limit, cast("BinaryIO", file), env)

    def _root(self, tip: Revision) -> str:
        args = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{tip.commit}^{{tree}}"]
        tree = self._read(args, _SMALL).decode("ascii", "replace").strip()
        if not COMMIT.fullmatch(tree):
            raise self.spoilt(f"the commit {tip.commit} has no tree")
        return tree

    def _read_trees(self, ids: list[str]) -> dict[str, bytes]:
        lines = ("".join(f"{one}\n" for one in ids)).encode("ascii")
        return dict(parse_objects(self._read(["cat-file", "--batch"], _LARGEST_TREES, [lines]), ids))

    def _write_trees(self, trees: Sequence[Tree]) -> None:
        """Git checks that all they hold is there, and must come to the same ids."""
        printed = self.write(["mktree", "--batch", "-z"], tree_stream(trees), _SMALL + _ID_LINE * len(trees))
        if printed.decode("ascii", "replace").split() != [tree.id for tree in trees]:
            raise GitUnavailableError(f"{self.remote.place}: the mirror cannot be written: git made other trees")

    def _read(self, args: Sequence[str], limit: int, stdin: Iterable[bytes] = ()) -> bytes:
        answer = self.feed(args, stdin, limit)
        if answer.is_truncated:
            raise self.spoilt("an object is too large")
        if not answer.is_ok:
            raise self.spoilt(reason_of(answer.stderr))
        return answer.stdout
