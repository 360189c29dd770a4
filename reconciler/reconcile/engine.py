"""The pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import CommitNotServedError
from reconciler.model.passes import Outcome, PassRecord, Phase, SyncState
from reconciler.model.requests import Trigger
from reconciler.model.revision import Revision
from reconciler.model.status import ConnectionState, PassResult
from reconciler.plan.outcome import Conclusion, Findings, conclude
from reconciler.plan.record import Seen, answer, next_record
from reconciler.reconcile.attempt import Attempt
from reconciler.reconcile.cluster_phase import ClusterSide, ClusterWork, reconcile_cluster
from reconciler.reconcile.desired_phase import fetch, read
from reconciler.reconcile.netbox_phase import mirror

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import Fabric
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.requests import Request
    from reconciler.model.status import FabricRecord
    from reconciler.plan.projection import Projectable
    from reconciler.ports import Clock, Cluster, DesiredSource, NetBox, StopFlag


PROJECTED = frozenset({"VLANNamespace", "IPv4Namespace", "Switch", "Server", "VPC"})
"""Kinds that every fabric has and that become records of NetBox."""

MAX_AWAITED = 5
"""Failed passes in a row after which an announced commit is no longer waited for: with the backoff about two minutes.
"""

MAX_STORED_FAILURES = 1000
"""How many failures the history keeps of one pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a pass works on: a fabric with its source and its targets."""

    fabric: Fabric
    source: DesiredSource
    cluster: Cluster | None
    netbox: NetBox | None


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered when a pass begins."""

    record: FabricRecord
    inventory: Mapping[ObjectKey, InventoryEntry]


@dataclass(frozen=True, slots=True)
class Order:
    """Why a pass is made: its id, triggers and the requests that it answers."""

    id: str
    triggers: tuple[Trigger, ...]
    requests: Sequence[Request] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass ends with. `is_retryable`: trying again without any change may help. `unanswered` are the requests
    that the next try answers: what they announced is not served yet.
    """

    result: PassResult
    is_retryable: bool
    unanswered: tuple[str, ...] = ()


def reconcile(subject: Subject, order: Order, past: Past, clock: Clock, stop: StopFlag) -> Report:
    """Make one full pass. Raises StoppedError when the service stops meanwhile, and nothing else: whatever fails is
    in the report.
    """
    attempt = Attempt(subject.fabric.name, clock, stop)
    started = clock.now()
    fetched = fetch(subject.source, attempt)
    history = learn(subject.source, fetched, order, past.record, attempt)
    if fetched is not None and not attempt.failures and is_unchanged(order, past.record, history):
        message = f"{fetched} leaves {subject.fabric.path} as it is"
        conclusion = Conclusion(Outcome.NO_CHANGE, "NoChange", message)
        seen = Seen(fetched, fetched, history.tree, contacts=attempt.contacts)
        return _report(subject, order, past, _End(attempt, started, clock.now(), conclusion, seen, history))
    desired = read(subject.source, fetched, attempt)
    cluster = _reconcile_cluster(subject, desired, past, attempt, clock)
    _mirror(subject, desired, cluster, attempt)
    seen = _seen(attempt, fetched, desired, cluster, history)
    conclusion = conclude(_findings(attempt, desired))
    return _report(subject, order, past, _End(attempt, started, clock.now(), conclusion, seen, history, cluster))


def _reconcile_cluster(
    subject: Subject, desired: Desired | None, past: Past, attempt: Attempt, clock: Clock
) -> ClusterWork | None:
    if subject.cluster is None or subject.fabric.cluster is None:
        return None
    side = ClusterSide(subject.cluster, subject.fabric.cluster, past.inventory)
    return reconcile_cluster(side, desired, attempt, clock)


def _mirror(subject: Subject, desired: Desired | None, cluster: ClusterWork | None, attempt: Attempt) -> None:
    """NetBox shows what the cluster holds; what Git declares only where there is no cluster."""
    if subject.netbox is None or subject.fabric.netbox is None:
        return
    objects: Iterable[Projectable] | None
    if subject.cluster is not None:
        objects = cluster.objects() if cluster else None
    else:
        objects = desired.manifests.values() if desired else None
    mirror(subject.netbox, subject.fabric.netbox, objects, _incomplete(desired, attempt.unserved), attempt)


def _incomplete(desired: Desired | None, unserved: set[str]) -> str | None:
    """Why what was read of Git and the cluster may not be all there is. A kind that is not served may be
    served again tomorrow: its records stay.
    """
    if unserved & PROJECTED:
        return f"the cluster does not serve {', '.join(sorted(unserved & PROJECTED))}"
    if desired is None:
        return "the desired state is not known"
    if desired.outdated:
        return desired.outdated
    if not desired.is_complete:
        return "documents of the fabric were refused"
    return None if desired.manifests else "Git declares no object at all"


@dataclass(frozen=True, slots=True)
class GitHistory:
    """What the fetched revision means for this pass: the tree of the fabric's directory there, the announced commits
    that are part of it, and the commit that was announced and is not served yet (None: there is none).
    """

    tree: str | None = None
    included: frozenset[str] = frozenset()
    awaited: str | None = None


def learn(
    source: DesiredSource, fetched: Revision | None, order: Order, record: FabricRecord, attempt: Attempt
) -> GitHistory:
    """Look up what the pass says of Git at its end, while a failure to do so can still be part of its outcome."""
    history = GitHistory()
    if fetched is None:
        return history
    with attempt.phase(Phase.FETCH, "git"):
        announced = {request.commit for request in order.requests if request.commit}
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


def is_unchanged(order: Order, record: FabricRecord, history: GitHistory) -> bool:
    """Whether a push left the fabric's directory as it was when it was last brought in line.

    Only a push may end so: a poll, a start or a person asks for a comparison with the real systems. Nor may it where
    something was left open, which a new push is the occasion to try again.
    """
    if set(order.triggers) != {Trigger.PUSH} or record.last_pass is None or record.tree is None:
        return False
    is_settled = record.last_pass.outcome.is_success and all(
        connection.state is not ConnectionState.FAILING for connection in record.connections.values()
    )
    open_states = (SyncState.PRUNE_PENDING, SyncState.UNKNOWN)
    return is_settled and not record.drift() and not any(map(record.count, open_states)) and history.tree == record.tree


@dataclass(frozen=True, slots=True)
class _End:
    """Where a pass stands when all its phases are over."""

    attempt: Attempt
    started: datetime
    finished: datetime
    conclusion: Conclusion
    seen: Seen
    history: GitHistory
    cluster: ClusterWork | None = None


def _findings(attempt: Attempt, desired: Desired | None) -> Findings:
    return Findings(
        revision=str(desired.revision) if desired else None,
        failures=attempt.failures,
        refusals=[problem for problem in desired.problems if problem.is_refusal] if desired else (),
        blocks=attempt.blocks,
        counts=attempt.counts,
        waiting_in_raw=desired.waiting_in_raw if desired else 0,
    )


def _seen(
    attempt: Attempt,
    fetched: Revision | None,
    desired: Desired | None,
    cluster: ClusterWork | None,
    history: GitHistory,
) -> Seen:
    return Seen(
        # While an announced commit is awaited it stays the desired one: the branch's tip is known to be old.
        fetched=None if history.awaited else fetched,
        revision=desired.revision if desired else None,
        tree=history.tree,
        states=cluster.states if cluster else None,
        observed=cluster.counts() if cluster else None,
        problems=desired.problems if desired else None,
        waiting_in_raw=desired.waiting_in_raw if desired else None,
        netbox_retained=attempt.counts.get("netbox_retained"),
        contacts=attempt.contacts,
        blocks=attempt.blocks,
    )


def _report(subject: Subject, order: Order, past: Past, end: _End) -> Report:
    """The one exit: every pass that ends, ends here."""
    conclusion, seen, attempt = end.conclusion, end.seen, end.attempt
    done = PassRecord(
        id=order.id,
        fabric=subject.fabric.name,
        triggers=order.triggers,
        started=end.started,
        finished=end.finished,
        outcome=conclusion.outcome,
        reason=conclusion.reason,
        message=conclusion.message,
        revision=str(seen.revision) if seen.revision else None,
        plan_hash=end.cluster.plan.hash if end.cluster else None,
        phases=attempt.phases,
        counts=dict(attempt.counts),
        failures=tuple(attempt.failures[:MAX_STORED_FAILURES]),
    )
    awaiting = {request.id for request in order.requests if request.commit and request.commit == end.history.awaited}
    answered = [request for request in order.requests if request.id not in awaiting]
    result = PassResult(
        record=done,
        fabric=next_record(past.record, subject.fabric, done, conclusion, seen),
        inventory=end.cluster.inventory if end.cluster else None,
        objects=end.cluster.states if end.cluster else None,
        desired_before=past.record.desired_revision,
        requests=answer(answered, done, end.history.included),
    )
    return Report(result, conclusion.is_retryable, tuple(awaiting))
