"""What the fetched revision means for a pass: which announced commits it holds, and whether it changes anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import CommitNotServedError
from reconciler.model.passes import Phase, SyncState
from reconciler.model.requests import Trigger
from reconciler.model.revision import Revision
from reconciler.model.status import ConnectionState
from reconciler.plan.outcome import MAX_NAMED
from reconciler.reconcile.desired_phase import is_branch_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
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

MAX_ASKED = 1000
"""How many commits are looked up between two looks at the stop flag."""

_GIVEN_UP = f"the host did not serve it within {AWAITED_FOR.total_seconds():.0f} s of its announcement"
_TAKEN_AWAY = "the history of the branch was rewritten without it"


@dataclass(frozen=True, slots=True)
class GitHistory:
    """What Git knows of the commits that were announced: `included` are part of the fetched revision, `awaited` are not
    served yet, or could not be looked for, and their requests stay open; `lost` says of the others why they are not
    waited for. `desired` is the revision to bring the fabric to, as far as is known (None: that from before);
    `tree` that of the fabric's directory at the fetched one; `warning` what is odd about its history.
    """

    tree: str | None = None
    included: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    lost: Mapping[str, str] = field(default_factory=dict)
    desired: Revision | None = None
    warning: str | None = None


def learn(
    source: DesiredSource,
    fetched: Revision | None,
    requests: Iterable[Request],
    record: FabricRecord,
    attempt: Attempt,
) -> GitHistory:
    """Look up what the pass says of Git at its end, while a failure to do so can still be part of its outcome."""
    announced = {request.commit: request for request in requests if request.commit}
    young = _young(announced, attempt.began)
    if fetched is None:
        return _unfetched(announced, young, attempt)
    # Until it is known better: where the look fails, what was announced stays open.
    history = GitHistory(awaited=young, desired=None if young else fetched)
    with attempt.phase(Phase.FETCH, "git"):
        known = _ancestry(source, fetched, announced, attempt)
        missing = announced.keys() - known.keys()
        replaced = _replaced(announced, known)
        awaited = (young & missing) - replaced
        history = GitHistory(
            tree=source.tree(fetched),
            included=frozenset(commit for commit, is_part in known.items() if is_part),
            awaited=awaited,
            lost=dict.fromkeys(missing - awaited, _GIVEN_UP)
            | dict.fromkeys(replaced | {c for c, is_part in known.items() if not is_part}, _TAKEN_AWAY),
            desired=_desired(announced, awaited, record) or fetched,
            warning=_rewritten(source, fetched, record),
        )
        if history.warning:
            log.warning("history rewritten", fabric=attempt.fabric, message=history.warning)
        _tell_awaited(awaited, attempt)
    return history


def _replaced(announced: Mapping[str, Request], known: Mapping[str, bool]) -> frozenset[str]:
    """The commits that the host will never serve: a later push put in their place what is here, and was made without
    them, for else they would be here too.
    """
    found: set[str] = set()
    looked_at = [request for commit, request in announced.items() if commit in known]
    while looked_at:
        later = looked_at.pop()
        earlier = announced.get(later.replaces or "")
        if earlier is None or earlier.commit is None or earlier.commit in known.keys() | found:
            continue
        if earlier.accepted <= later.accepted:
            found.add(earlier.commit)
            looked_at.append(earlier)
    return frozenset(found)


def _young(announced: Mapping[str, Request], now: datetime) -> frozenset[str]:
    """The commits that were announced a moment ago. In which order announcements arrive says nothing of the order of
    their commits: each has its own time.
    """
    return frozenset(commit for commit, request in announced.items() if now - request.accepted < AWAITED_FOR)


def _unfetched(announced: Mapping[str, Request], young: frozenset[str], attempt: Attempt) -> GitHistory:
    """The first push to a branch may be announced before the host shows the branch; and what could not be looked for
    may well be there.
    """
    if not is_branch_missing(attempt):
        is_passing = any(failure.is_retryable for failure in attempt.failures)
        return GitHistory(awaited=young) if is_passing else GitHistory()
    _tell_awaited(young, attempt)
    return GitHistory(awaited=young, lost=dict.fromkeys(announced.keys() - young, _GIVEN_UP))


def _tell_awaited(awaited: frozenset[str], attempt: Attempt) -> None:
    if awaited:
        more = f" and {len(awaited) - MAX_NAMED} more" if len(awaited) > MAX_NAMED else ""
        text = f"{', '.join(sorted(awaited)[:MAX_NAMED])}{more} was announced, and the host does not serve it yet"
        attempt.fail(Phase.FETCH, "git", CommitNotServedError(text))


def _ancestry(source: DesiredSource, fetched: Revision, commits: Iterable[str], attempt: Attempt) -> dict[str, bool]:
    """Of the commits that the mirror has: whether they are part of the revision."""
    known: dict[str, bool] = {}
    for some in _parts(commits):
        attempt.check_stop()
        known.update(source.ancestry(some, fetched))
    return known


def _parts(commits: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(commits)
    while some := list(islice(remaining, MAX_ASKED)):
        yield some


def _desired(announced: Mapping[str, Request], awaited: frozenset[str], record: FabricRecord) -> Revision | None:
    """A revision that is still awaited: the branch's tip is known to be old. That which is desired already, or else the
    one that was announced last.
    """
    revisions = [request.revision for commit, request in announced.items() if commit in awaited and request.revision]
    if not revisions:
        return None
    return Revision.parse(record.desired_revision if record.desired_revision in revisions else revisions[-1])


def _rewritten(source: DesiredSource, fetched: Revision, record: FabricRecord) -> str | None:
    """What to say when the applied revision is no longer part of its branch: a forced push replaced the history."""
    if record.applied_revision is None:
        return None
    applied = Revision.parse(record.applied_revision)
    if applied == fetched or applied.branch != fetched.branch:
        return None
    if source.ancestry([applied.commit], fetched).get(applied.commit):
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
    is_open = record.differing() or record.netbox_drift or any(map(record.count, open_states))
    return is_settled(record) and not is_open and history.tree == record.tree


def is_settled(record: FabricRecord) -> bool:
    """Whether the last full pass did all that it had to, and everything could be reached since."""
    return (
        record.last_pass is not None
        and record.last_pass.outcome.is_success
        and all(connection.state is not ConnectionState.FAILING for connection in record.connections.values())
    )
