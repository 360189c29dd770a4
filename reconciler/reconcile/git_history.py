"""What the fetched revision means for a pass: which announced commits it holds, and whether it changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import CommitNotServedError
from reconciler.model.passes import Phase, SyncState
from reconciler.model.requests import Trigger
from reconciler.model.revision import Revision
from reconciler.model.status import ConnectionState
from reconciler.plan.outcome import MAX_NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.requests import Request
    from reconciler.model.status import FabricRecord
    from reconciler.ports import DesiredSource
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("pass")

AWAITED_FOR = timedelta(minutes=2)
"""How long after its announcement a commit that the host does not serve is waited for. Time, not tries: pushes that
come in quick succession, each before its commit, make many tries in a moment.
"""


@dataclass(frozen=True, slots=True)
class GitHistory:
    """The tree of the fabric's directory at the fetched revision, the announced commits that are part of it, those that
    are not served yet and waited for, and what is odd about its history (None: nothing).
    """

    tree: str | None = None
    included: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    warning: str | None = None


def learn(
    source: DesiredSource,
    fetched: Revision | None,
    requests: Iterable[Request],
    record: FabricRecord,
    attempt: Attempt,
    now: datetime,
) -> GitHistory:
    """Look up what the pass says of Git at its end, while a failure to do so can still be part of its outcome."""
    history = GitHistory()
    if fetched is None:
        return history
    with attempt.phase(Phase.FETCH, "git"):
        announced = {request.commit: request.accepted for request in requests if request.commit}
        included = frozenset(commit for commit in announced if source.is_ancestor(commit, fetched))
        awaited = _awaited(announced, included, now)
        history = GitHistory(source.tree(fetched), included, awaited, _rewritten(source, fetched, record))
        if history.warning:
            log.warning("history rewritten", fabric=attempt.fabric, message=history.warning)
        if awaited:
            text = f"{', '.join(sorted(awaited)[:MAX_NAMED])} was announced, and the host does not serve it yet"
            attempt.fail(Phase.FETCH, "git", CommitNotServedError(text))
    return history


def _awaited(announced: Mapping[str, datetime], included: frozenset[str], now: datetime) -> frozenset[str]:
    """The commits that were announced (when is told) a moment ago and are not served yet.

    None once the last one that was announced is there: what is missing then was taken out of the branch by a later
    push, and will not come.
    """
    last = max(announced, key=announced.__getitem__, default=None)
    if last in included:
        return frozenset()
    return frozenset(commit for commit, moment in announced.items() if now - moment < AWAITED_FOR) - included


def _rewritten(source: DesiredSource, fetched: Revision, record: FabricRecord) -> str | None:
    """What to say when the applied revision is no longer part of its branch: a forced push replaced the history."""
    if record.applied_revision is None:
        return None
    applied = Revision.parse(record.applied_revision)
    if applied == fetched or applied.branch != fetched.branch or source.is_ancestor(applied.commit, fetched):
        return None
    return f"the history of {fetched.branch} was rewritten: {applied.commit}, applied before, is no longer part of it"


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
