"""What the fetched revision means for a pass: which announced commits it holds, and whether it changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import CommitNotServedError
from reconciler.model.passes import Phase, SyncState
from reconciler.model.requests import Trigger
from reconciler.model.revision import Revision
from reconciler.model.status import ConnectionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.requests import Request
    from reconciler.model.status import FabricRecord
    from reconciler.ports import DesiredSource
    from reconciler.reconcile.attempt import Attempt

MAX_AWAITED = 5
"""Failed passes in a row after which an announced commit is no longer waited for: with the backoff about two minutes.
"""


@dataclass(frozen=True, slots=True)
class GitHistory:
    """The tree of the fabric's directory at the fetched revision, the announced commits that are part of it, and the
    commit that was announced and is not served yet (None: there is none).
    """

    tree: str | None = None
    included: frozenset[str] = frozenset()
    awaited: str | None = None


def learn(
    source: DesiredSource,
    fetched: Revision | None,
    requests: Iterable[Request],
    record: FabricRecord,
    attempt: Attempt,
) -> GitHistory:
    """Look up what the pass says of Git at its end, while a failure to do so can still be part of its outcome."""
    history = GitHistory()
    if fetched is None:
        return history
    with attempt.phase(Phase.FETCH, "git"):
        announced = {request.commit for request in requests if request.commit}
        included = frozenset(commit for commit in announced if source.is_ancestor(commit, fetched))
        awaited = _announced(record)
        if awaited is not None and source.is_ancestor(awaited, fetched):
            awaited = None
        history = GitHistory(source.tree(fetched), included, awaited)
        if awaited is not None:
            error = CommitNotServedError(f"{awaited} was announced, and the host does not serve it yet")
            attempt.fail(Phase.FETCH, "git", error)
    return history


def _announced(record: FabricRecord) -> str | None:
    """The commit that a push announced and no pass has seen. After some tries it is given up: a later push may have
    taken it out of the branch.
    """
    if record.failures >= MAX_AWAITED or record.desired_revision in {None, record.last_attempted_revision}:
        return None
    return Revision.parse(str(record.desired_revision)).commit


def is_unchanged(triggers: Sequence[Trigger], record: FabricRecord, history: GitHistory) -> bool:
    """Whether a push left the fabric's directory as it was when it was last brought in line.

    Only a push may end so: a poll, a start or a person asks for a comparison with the real systems. Nor may it where
    something was left open, which a new push is the occasion to try again.
    """
    if set(triggers) != {Trigger.PUSH} or record.tree is None:
        return False
    open_states = (SyncState.PRUNE_PENDING, SyncState.UNKNOWN)
    is_open = record.drift() or any(map(record.count, open_states))
    return is_settled(record) and not is_open and history.tree == record.tree


def is_settled(record: FabricRecord) -> bool:
    """Whether the last full pass did all that it had to, and everything could be reached since."""
    return (
        record.last_pass is not None
        and record.last_pass.outcome.is_success
        and all(connection.state is not ConnectionState.FAILING for connection in record.connections.values())
    )
