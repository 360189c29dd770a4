"""What is said of a commit at its forge, and when that is news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.commit_status import CommitStatus, ForgePost, StatusState
from reconciler.model.passes import Phase
from reconciler.model.requests import RequestState
from reconciler.model.revision import Revision

if TYPE_CHECKING:
    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Request

CONTEXT = "hedgehog-reconciler"
"""Statuses are named after this and the fabric: one for each fabric of a commit."""

LONGEST_DESCRIPTION = 140
"""Characters: GitHub refuses more; of the others GitLab takes 255."""

NOT_APPLIED = "CommitNotApplied"
"""The reason of a request whose commit is not part of what was applied."""

_WORDS = {
    StatusState.QUEUED: "waits for its pass",
    StatusState.RUNNING: "a pass is under way",
    StatusState.SUCCEEDED: "applied",
}

_STATES = {
    RequestState.QUEUED: StatusState.QUEUED,
    RequestState.RUNNING: StatusState.RUNNING,
    RequestState.SUCCEEDED: StatusState.SUCCEEDED,
    RequestState.FAILED: StatusState.FAILED,
    RequestState.SUPERSEDED: StatusState.SUPERSEDED,
}


def of_request(request: Request) -> CommitStatus | None:
    """What a push's request says of its commit; None for one that names none."""
    if request.commit is None:
        return None
    state = _STATES[request.state]
    if state is StatusState.FAILED and request.reason == NOT_APPLIED:
        # Nothing is wrong with it: the branch went on without it.
        state = StatusState.SUPERSEDED
    reason, message = (request.reason, request.message) if state.is_settled else (None, None)
    return CommitStatus(request.fabric, request.commit, state, reason, message, is_of_request=True)


def of_pass(record: PassRecord) -> CommitStatus | None:
    """What a pass over the whole fabric says of the commit that it read; None where it got to none, or only to that of
    before: what a Git host does not answer, or does not serve yet, is no word about what it served.
    """
    if record.scope is not None or record.revision is None:
        return None
    if any(failure.phase is Phase.FETCH for failure in record.failures):
        return None
    state = StatusState.SUCCEEDED if record.outcome.is_success else StatusState.FAILED
    return CommitStatus(record.fabric, Revision.parse(record.revision).commit, state, record.reason, record.message)


def of_begun(fabric: str, revision: str) -> CommitStatus:
    """What a pass says of the commit that it reads, until it ends."""
    return CommitStatus(fabric, Revision.parse(revision).commit, StatusState.RUNNING)


def is_news(known: CommitStatus | None, now: CommitStatus) -> bool:
    """Whether to tell the forge, which was told, or is to be told, what is `known`.

    A commit that was applied stays so: whatever passes over the same commit meet later is no word about it, but another
    push of it is. A failed one is not pending with each further try, and is not told twice for the same reason. Both
    keep within what forges take: 1000 statuses of a commit under one name at GitHub.
    """
    if known is None:
        return True
    if now.state is StatusState.QUEUED:
        return known.state.is_settled
    if now.state is StatusState.RUNNING:
        return known.state is StatusState.QUEUED
    if known.state is StatusState.SUCCEEDED and not now.is_of_request:
        return False
    return (known.state, known.reason) != (now.state, now.reason)


def post(status: CommitStatus, link: str | None, simulated: tuple[str, ...] = ()) -> ForgePost:
    """The status as people read it. `simulated` names the targets of the fabric that are embedded stores."""
    text = status.message or _WORDS.get(status.state, status.state.value)
    if status.reason and status.state is not StatusState.SUCCEEDED:
        text = f"{status.reason}: {text}"
    if simulated:
        text = f"simulated: {text}"
    return ForgePost(status.commit, status.state, f"{CONTEXT}/{status.fabric}", _shortened(text), link)


def _shortened(text: str) -> str:
    """One line that no forge finds too long."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= LONGEST_DESCRIPTION else f"{line[: LONGEST_DESCRIPTION - 1]}…"
