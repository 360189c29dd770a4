"""One commit of ours on top of a branch, made in the bare mirror and pushed: nothing checked out, and nothing forced.

The branch of the mirror moves only when the remote has the commit. Until then the commit is an object to which nothing
leads, wherever the process ends.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.desired.change_paths import paths_of
from reconciler.desired.git_answers import reason_of
from reconciler.desired.push_answers import Failure
from reconciler.desired.signing import signer
from reconciler.desired.workbench import EMPTY_TREE
from reconciler.desired.workplace import SIGNING
from reconciler.errors import BranchNotFoundError, GitUnavailableError, PushRacesError, StoppedError
from reconciler.model.publishing import Published
from reconciler.model.revision import COMMIT, Revision

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.desired.git import Mirror
    from reconciler.desired.push_answers import PushFailure
    from reconciler.desired.signing import SigningKey
    from reconciler.desired.workbench import Workbench
    from reconciler.model.publishing import Identity, Proposal
    from reconciler.ports import Clock

    Propose = Callable[[Revision], Proposal | None]
    Found = Callable[[], Proposal | None]

MOST_TRIES = 10
_MOST_LOST_ANSWERS = 2
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 5.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to let time pass between two tries. `wait` takes seconds, and says whether the service is stopping, as
    `threading.Event.wait` does; `chance` gives a number from 0 to 1.
    """

    wait: Callable[[float], bool]
    chance: Callable[[], float] = random.random


@dataclass(slots=True)
class _Draft:
    """A commit that is made and not known to be anywhere else yet. `tip` is what it is made on, None where it is the
    first one.
    """

    tip: Revision | None
    commit: str
    proposal: Proposal


class GitPublisher:
    """Publishes on the branch of a mirror (`ports.Publisher`). Thread-safe; between two calls of git others may use the
    mirror, which is why `propose` may read from it.
    """

    def __init__(
        self,
        mirror: Mirror,
        identity: Identity,
        clock: Clock,
        waiting: Waiting,
        *,
        signing: SigningKey | None = None,
    ) -> None:
        self._mirror = mirror
        self._identity = identity
        self._clock = clock
        self._waiting = waiting
        self._signing = signing

    def publish(self, propose: Propose, found: Found | None = None) -> Published | None:
        draft: _Draft | None = None
        failures: list[PushFailure] = []
        while True:
            tip = self._tip(is_needed=found is None)
            # Whatever was said of the push: the branch tells whether it arrived.
            if draft is not None and tip is not None and self._has(draft, tip):
                return Published(self._revision(draft.commit), tip, draft.proposal, len(failures))
            self._require_another_try(failures)
            # For one tip one commit: should a push that seems to be lost arrive yet, this one is the same.
            if draft is None or draft.tip != tip:
                draft = self._draft(propose, found, tip)
            if draft is None:
                return None
            failure = self._push(draft)
            if failure is None:
                revision = self._revision(draft.commit)
                return Published(revision, revision, draft.proposal, len(failures) + 1)
            if failure.kind is Failure.REFUSED:
                raise failure.error
            failures.append(failure)
            self._pause(len(failures))

    def check(self) -> None:
        """Make a commit that nobody will see, signed where commits are, and ask the remote whether it would take it.

        Raises PushRefusedError, SigningError, GitAccessError, GitUnavailableError.
        """
        with self._mirror.workbench() as bench:
            failure = bench.try_push(self._commit(bench, EMPTY_TREE, None, b"Check\n"))
        if failure is not None:
            raise failure.error

    def _tip(self, *, is_needed: bool) -> Revision | None:
        """What the branch stands at; None where it is to be founded."""
        try:
            return self._mirror.fetch()
        except BranchNotFoundError:
            if is_needed:
                raise
            return None

    def _draft(self, propose: Propose, found: Found | None, tip: Revision | None) -> _Draft | None:
        proposal = propose(tip) if tip is not None else found() if found is not None else None
        if proposal is None or not proposal.changes:
            return None
        changes = paths_of(proposal.changes)
        message = _encoded(proposal.message)
        with self._mirror.workbench() as bench:
            tree = bench.edit(tip, changes)
            return None if tree is None else _Draft(tip, self._commit(bench, tree, tip, message), proposal)

    def _commit(self, bench: Workbench, tree: str, tip: Revision | None, message: bytes) -> str:
        when = f"@{int(self._clock.now().timestamp())} +0000"
        who = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", self._identity.name), ("EMAIL", self._identity.email), ("DATE", when))
        }
        with signer(self._signing, bench.directory / SIGNING) as tools:
            parent = ["-p", tip.commit] if tip is not None else []
            args = [*tools.options, "commit-tree", *tools.flags, *parent, "-F", "-", tree]
            answer = bench.feed(args, [message], env={**who, **tools.env})
            commit = answer.stdout.decode("ascii", "replace").strip()
            if answer.is_ok and COMMIT.fullmatch(commit):
                return commit
            if answer.has_timed_out:
                raise GitUnavailableError(f"{bench.remote.place}: git did not end in time when it made the commit")
            if tools.explain is not None:
                raise tools.explain(answer.stderr)
            raise GitUnavailableError(f"{bench.remote.place}: the commit cannot be made: {reason_of(answer.stderr)}")

    def _push(self, draft: _Draft) -> PushFailure | None:
        with self._mirror.workbench() as bench:
            failure = bench.push(draft.commit, draft.tip.commit if draft.tip else "")
            if failure is None:
                bench.advance(draft.commit)
            return failure

    def _has(self, draft: _Draft, tip: Revision) -> bool:
        """Whether the branch has the commit, although the answer to its push said something else, or nothing."""
        return self._mirror.ancestry([draft.commit], tip).get(draft.commit, False)

    def _require_another_try(self, failures: list[PushFailure]) -> None:
        if sum(failure.kind is Failure.UNKNOWN for failure in failures) >= _MOST_LOST_ANSWERS:
            raise failures[-1].error
        if len(failures) >= MOST_TRIES:
            message = f"others were first at each of {MOST_TRIES} tries to push"
            raise PushRacesError(f"{message}; the last one: {failures[-1].error.message}")

    def _pause(self, failures: int) -> None:
        longest = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (failures - 1))
        if self._waiting.wait(self._waiting.chance() * longest):
            raise StoppedError("the service is stopping; what was to be committed is, after the start")

    def _revision(self, commit: str) -> Revision:
        return Revision(self._mirror.remote.branch, commit)


def _encoded(message: str) -> bytes:
    """Raises ValueError for what git does not take as a message."""
    if "\0" in message or not message.strip():
        raise ValueError("the message of a commit must hold text, and no NUL")
    return message.encode("utf-8")
