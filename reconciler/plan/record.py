"""The record of a fabric after a pass, and the answers to the requests that led to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model.passes import Phase
from reconciler.model.requests import RequestState, Trigger
from reconciler.model.status import Connection, LastPass, Unannounced
from reconciler.plan.conditions import (
    CONNECTION_CONDITIONS,
    STRUCTURE,
    Contact,
    after_pass,
    connect,
    merge,
    of_structure,
)
from reconciler.plan.netbox_drift import drift_line
from reconciler.plan.situation import FIGHTING
from reconciler.plan.states import is_not_applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.fabric import Fabric
    from reconciler.model.netbox_plan import RecordDrift
    from reconciler.model.passes import ObjectState, PassRecord, SyncState
    from reconciler.model.problems import Problem
    from reconciler.model.requests import Request
    from reconciler.model.revision import Revision
    from reconciler.model.status import FabricRecord
    from reconciler.plan.outcome import Conclusion

MAX_STORED_PROBLEMS = 1000
"""How many problems a record keeps; `problems_total` counts all."""

MAX_STORED_DRIFT = 100
"""How many records that others changed in NetBox a record names; `netbox_drift` counts all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a full pass learned. `fetched` is the newest revision that is known: the tip of the branch, or one that was
    announced and is awaited (None: what was known before still holds). `revision` is the one that was read, `tree` that
    of the fabric's directory there. `states`, `observed` and `problems` are None where the pass did not get so far:
    what is known stays.
    """

    fetched: Revision | None = None
    revision: Revision | None = None
    tree: str | None = None
    states: Sequence[ObjectState] | None = None
    observed: Mapping[str, int] | None = None
    problems: Sequence[Problem] | None = None
    waiting_in_raw: int | None = None
    netbox_retained: int | None = None
    netbox_drift: Sequence[RecordDrift] | None = None
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    blocks: Sequence[tuple[str, str]] = ()


def next_record(
    before: FabricRecord, fabric: Fabric, done: PassRecord, conclusion: Conclusion, seen: Seen
) -> FabricRecord:
    """The record after a full pass. The only place that moves `last_sync` and the applied revision."""
    before = _of_present_targets(before, fabric)
    record = _observations(_revisions(before, done, seen), done, seen)
    fighting = [failure for failure in done.failures if failure.reason == FIGHTING]
    conditions = after_pass(conclusion, seen.contacts, seen.blocks, fighting, fabric.simulated, done.finished)
    if Phase.STRUCTURE in done.phases:
        failures = [failure for failure in done.failures if failure.phase is Phase.STRUCTURE]
        conditions = (*conditions, *of_structure(failures, seen.blocks, done.finished))
    record = replace(
        record,
        last_pass=_last_pass(done),
        failures=0 if done.outcome.is_success else before.failures + 1,
        conditions=merge(before.conditions, conditions),
    )
    if not done.outcome.is_success:
        return record
    return replace(record, last_sync=done.finished, applied_revision=done.revision, tree=seen.tree)


def next_record_of_scope(before: FabricRecord, done: PassRecord, seen: Seen) -> FabricRecord:
    """The record after a pass over some objects: it moves per-object state and drift, nothing else."""
    found = Seen(states=seen.states, observed=seen.observed, netbox_drift=seen.netbox_drift)
    return _observations(before, done, found)


def _of_present_targets(before: FabricRecord, fabric: Fabric) -> FabricRecord:
    """Without what was known of targets that the configuration took away: no pass would ever correct it."""
    gone = {name for name, target in (("cluster", fabric.cluster), ("netbox", fabric.netbox)) if target is None}
    unspoken = {CONNECTION_CONDITIONS[name] for name in gone} | (set() if fabric.structure else {STRUCTURE})
    record = replace(
        before,
        connections={name: connection for name, connection in before.connections.items() if name not in gone},
        conditions=tuple(condition for condition in before.conditions if condition.type not in unspoken),
    )
    if fabric.netbox is None:
        record = replace(record, netbox_retained=0, netbox_drift=0, netbox_drifted=())
    return record if fabric.cluster else replace(record, states={}, observed={}, not_applied=0)


def _revisions(before: FabricRecord, done: PassRecord, seen: Seen) -> FabricRecord:
    return replace(
        before,
        desired_revision=str(seen.fetched) if seen.fetched else before.desired_revision,
        last_attempted_revision=done.revision or before.last_attempted_revision,
    )


def _observations(record: FabricRecord, done: PassRecord, seen: Seen) -> FabricRecord:
    connections = dict(record.connections)
    for name, contact in seen.contacts.items():
        connections[name] = connect(connections.get(name, Connection()), contact, done.finished)
    record = replace(record, connections=connections)
    if seen.problems is not None:
        problems = tuple(seen.problems[:MAX_STORED_PROBLEMS])
        record = replace(record, problems=problems, problems_total=len(seen.problems))
    if seen.waiting_in_raw is not None:
        record = replace(record, waiting_in_raw=seen.waiting_in_raw)
    if seen.netbox_retained is not None:
        record = replace(record, netbox_retained=seen.netbox_retained)
    if seen.observed is not None:
        record = replace(record, observed=dict(seen.observed))
    if seen.netbox_drift is not None:
        lines = tuple(map(drift_line, seen.netbox_drift[:MAX_STORED_DRIFT]))
        record = replace(record, netbox_drift=len(seen.netbox_drift), netbox_drifted=lines)
    if seen.states is not None:
        record = replace(record, states=count_states(seen.states), not_applied=sum(map(is_not_applied, seen.states)))
    return replace(record, drift_since=(record.drift_since or done.finished) if record.drift() else None)


_TIMED = {Trigger.POLL, Trigger.RETRY}
"""Triggers that no event brings."""


def unannounced(
    before: FabricRecord, after: FabricRecord, triggers: Sequence[Trigger], repository: str, found: str | None = None
) -> Unannounced | None:
    """The new tip of the branch, when it was a poll that found it and nothing but time made it look. A retry alone
    proves nothing: it may belong to a push, whose own commit it finds. Nor does a commit of ours, which lies on what
    was `found`.
    """
    if Trigger.POLL not in triggers or not _TIMED.issuperset(triggers):
        return None
    tip = found or after.desired_revision
    if before.desired_revision is None or tip in {None, before.desired_revision}:
        return None
    return Unannounced(repository, str(tip))


def count_states(states: Sequence[ObjectState]) -> dict[str, dict[SyncState, int]]:
    """Objects per kind and state."""
    counted: dict[str, Counter[SyncState]] = {}
    for state in states:
        counted.setdefault(state.key.kind, Counter())[state.state] += 1
    return {kind: dict(counter) for kind, counter in counted.items()}


def _last_pass(done: PassRecord) -> LastPass:
    return LastPass(
        id=done.id,
        outcome=done.outcome,
        triggers=tuple(trigger.value for trigger in done.triggers),
        started=done.started,
        finished=done.finished,
        reason=done.reason,
        message=done.message,
    )


def answer(request: Request, done: PassRecord, included: AbstractSet[str], lost: Mapping[str, str]) -> Request:
    """The request in its terminal state. `included` are the announced commits that are part of the pass's revision, and
    `lost` says of others why they are not waited for: a push succeeds only when what it announced is applied.
    """
    answered = replace(
        request,
        state=RequestState.SUCCEEDED if done.outcome.is_success else RequestState.FAILED,
        outcome=done.outcome.value,
        pass_id=done.id,
        revision=done.revision,
        reason=done.reason,
        message=done.message,
    )
    if request.commit is None or request.commit in included:
        return answered
    if not done.outcome.is_success and request.commit not in lost:
        return answered
    place = f"part of {done.revision}" if done.revision else "served"
    why = f": {lost[request.commit]}" if request.commit in lost else ""
    message = f"the announced commit {request.commit} is not {place}{why}"
    return replace(answered, state=RequestState.FAILED, reason="CommitNotApplied", message=message)
