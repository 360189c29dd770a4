"""The pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import CommitNotServedError, StateError, StoppedError
from reconciler.model.known import Known
from reconciler.model.passes import Outcome, PassRecord, Phase, SyncState
from reconciler.model.status import PassResult
from reconciler.plan.outcome import Conclusion, Findings, conclude
from reconciler.plan.record import Seen, answer, next_record, next_record_of_scope, unannounced
from reconciler.plan.scope import shown_in_netbox, with_dependents
from reconciler.plan.states import dated, merge_states
from reconciler.plan.stored import forms_of
from reconciler.reconcile.attempt import Attempt
from reconciler.reconcile.checking import Measure, check_documents
from reconciler.reconcile.cluster_phase import ClusterSide, ClusterWork, observe, reconcile_cluster
from reconciler.reconcile.desired_phase import fetch, read
from reconciler.reconcile.git_history import GitHistory, is_settled, is_unchanged, learn
from reconciler.reconcile.netbox_phase import mirror, why_incomplete
from reconciler.reconcile.upkeep_phase import keep_in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import Fabric
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry, ObjectState
    from reconciler.model.requests import Request, Scope, Trigger
    from reconciler.model.revision import Revision
    from reconciler.model.status import Approval, FabricRecord
    from reconciler.plan.projection import Projectable
    from reconciler.ports import Clock, Cluster, DesiredSource, NetBox, Upkeep
    from reconciler.reconcile.attempt import Slice, Terms


MAX_STORED_SCOPE = 100
"""How many objects of a scope the history keeps."""

MAX_STORED_FAILURES = 1000
"""How many failures the history keeps of one pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a pass works on: a fabric with its source, its targets, and its directory where that is kept in order."""

    fabric: Fabric
    source: DesiredSource
    cluster: Cluster | None
    netbox: NetBox | None
    upkeep: Upkeep | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What is remembered when a pass begins."""

    record: FabricRecord
    inventory: Mapping[ObjectKey, InventoryEntry]
    states: Sequence[ObjectState] = ()
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Why a pass is made, over which objects (None: the whole fabric), and the requests that it answers."""

    id: str
    triggers: tuple[Trigger, ...]
    requests: Sequence[Request] = ()
    scope: Scope = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a pass ends with. `is_retryable`: trying again without any change may help. `unanswered` are the requests
    that the next try answers: what they announced is not served yet, or could not be looked for. `known` is None where
    the pass did not read what Git declares: what was known before still holds. With a `rest` the pass has not ended but
    yielded, and the result is how far it came.
    """

    result: PassResult
    is_retryable: bool
    unanswered: tuple[str, ...] = ()
    known: Known | None = None
    rest: Slice | None = None


def reconcile(subject: Subject, order: Order, past: Past, clock: Clock, terms: Terms) -> Report:
    """Make one pass: over the order's scope where the past allows it, else over the whole fabric.

    Raises StoppedError when the service stops meanwhile, StateError when what must be stored on the way cannot be, and
    nothing else: whatever fails, a fault of ours too, is in the report.
    """
    attempt = Attempt(subject.fabric.name, clock, terms, order.id)
    try:
        if order.scope is not None:
            report = _reconcile_scope(subject, order, past, clock, attempt)
            if report is not None:
                return report
            order, attempt = replace(order, scope=None), Attempt(subject.fabric.name, clock, terms, order.id)
        return _reconcile_fabric(subject, order, past, clock, attempt)
    except (StoppedError, StateError, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic in a library that is not written in Python is no Exception
        attempt.broke_off(error)
        conclusion = conclude(_findings(subject, attempt, None, order.scope))
        return _report(subject, order, past, _End(attempt, clock.now(), conclusion, Seen(contacts=attempt.contacts)))


def _reconcile_scope(subject: Subject, order: Order, past: Past, clock: Clock, attempt: Attempt) -> Report | None:
    """Look at some objects, and at what depends on them, without fetching. None: the whole fabric must be looked at,
    because it is not known to be at the applied revision.
    """
    desired = _applied(subject.source, past.record, attempt)
    if desired is None or order.scope is None:
        return None
    scope = with_dependents(order.scope, desired.manifests.values())
    checked, cluster = _reconcile_cluster(subject, desired, past, (attempt, clock), scope)
    _mirror(subject, checked, cluster, attempt, scope)
    conclusion = conclude(_findings(subject, attempt, checked, scope))
    now = clock.now()
    states = dated(past.states, merge_states(past.states, cluster.states, scope), now) if cluster else None
    counts = cluster.counts() if cluster else None
    seen = Seen(revision=desired.revision, states=states, observed=counts, netbox_drift=attempt.netbox_drift)
    return _report(subject, order, past, _End(attempt, now, conclusion, seen, cluster, checked))


def _applied(source: DesiredSource, record: FabricRecord, attempt: Attempt) -> Desired | None:
    """The desired state at the applied revision, None where something newer is known or anything was left open."""
    if not is_settled(record) or record.desired_revision != record.applied_revision:
        return None
    with attempt.phase(Phase.READ, "git"):
        revision = source.last_fetched()
        if revision is not None and str(revision) == record.applied_revision:
            return source.read(revision)
    return None


def _reconcile_fabric(subject: Subject, order: Order, past: Past, clock: Clock, attempt: Attempt) -> Report:
    fetched = fetch(subject.source, attempt)
    history = learn(subject.source, fetched, order.requests, past.record, attempt)
    # The first part of a pass that yielded may have brought the fabric in line with a commit that is taken back by now.
    is_whole = not attempt.is_continued and not attempt.failures
    if fetched is not None and is_whole and is_unchanged(order.triggers, past.record, history):
        message = f"{fetched} leaves {subject.fabric.path} as it is"
        conclusion = _with_warning(Conclusion(Outcome.NO_CHANGE, "NoChange", message), history)
        seen = Seen(fetched, fetched, history.tree, contacts=attempt.contacts)
        return _report(subject, order, past, _End(attempt, clock.now(), conclusion, seen, history=history))
    if fetched is not None:
        attempt.begin(str(fetched))
    found, fetched = fetched, _keep_in_order(subject, fetched, order, attempt)
    if fetched != found:
        history = _learn_again(subject, fetched, order, past, attempt)
    desired = read(subject.source, fetched, attempt)
    desired, cluster = _reconcile_cluster(subject, desired, past, (attempt, clock))
    _mirror(subject, desired, cluster, attempt)
    now = clock.now()
    states = dated(past.states, cluster.states, now) if cluster else None
    seen = replace(_seen(attempt, desired, cluster, history), states=states)
    findings = _findings(subject, attempt, desired)
    conclusion = _with_warning(conclude(findings), history)
    apart = _with_warning(conclude(_apart(findings)), history)
    end = _End(attempt, now, conclusion, seen, cluster, desired, history, apart, found if fetched != found else None)
    return _report(subject, order, past, end)


def _keep_in_order(subject: Subject, fetched: Revision | None, order: Order, attempt: Attempt) -> Revision | None:
    """The revision to go on with: that of our own commit where one was needed."""
    if subject.upkeep is None or subject.fabric.structure is None or fetched is None:
        return fetched
    requests = [request.id for request in order.requests]
    return keep_in_order(subject.upkeep, subject.fabric.structure, fetched, subject.cluster, requests, attempt)


def _learn_again(subject: Subject, fetched: Revision | None, order: Order, past: Past, attempt: Attempt) -> GitHistory:
    """Look again where we stand, after a fetch that may have brought what was missed before."""
    attempt.failures = [one for one in attempt.failures if one.reason != CommitNotServedError.reason]
    return learn(subject.source, fetched, order.requests, past.record, attempt)


def _apart(findings: Findings) -> Findings:
    """What is left to say to those whose commit is served, where others wait for theirs."""
    return replace(findings, failures=[one for one in findings.failures if one.reason != CommitNotServedError.reason])


def _with_warning(conclusion: Conclusion, history: GitHistory) -> Conclusion:
    if history.warning is None:
        return conclusion
    return replace(conclusion, message=f"{conclusion.message}; {history.warning}")


def _reconcile_cluster(
    subject: Subject, desired: Desired | None, past: Past, notes: tuple[Attempt, Clock], scope: Scope = None
) -> tuple[Desired | None, ClusterWork | None]:
    """What Git declares, by now checked by what the cluster takes; and what was done for it there."""
    attempt, clock = notes
    if subject.cluster is None or subject.fabric.cluster is None:
        return check_documents(desired, Measure(is_full=scope is None), subject.source, attempt), None
    observed = observe(subject.cluster, attempt, is_full=scope is None)
    measure = Measure(subject.cluster, observed, is_full=scope is None)
    desired = check_documents(desired, measure, subject.source, attempt)
    side = ClusterSide(subject.cluster, subject.fabric.cluster, past.inventory, scope, past.approval)
    return desired, reconcile_cluster(side, desired, observed, attempt, clock)


def _mirror(
    subject: Subject, desired: Desired | None, cluster: ClusterWork | None, attempt: Attempt, scope: Scope = None
) -> None:
    """NetBox shows what the cluster holds; what Git declares only where there is no cluster."""
    if subject.netbox is None or subject.fabric.netbox is None:
        return
    objects: Collection[Projectable] | None
    if subject.cluster is not None:
        objects = cluster.objects() if cluster else None
    else:
        objects = desired.manifests.values() if desired else None
    if scope is not None:
        scope = shown_in_netbox(scope, objects or ())
    revision = desired.revision if desired else None
    attempt.aim = (revision, scope)
    attempt.cause = f"{revision or 'no revision'}, pass {attempt.pass_id}"
    mirror(subject.netbox, subject.fabric.netbox, objects, why_incomplete(desired, attempt.unserved), attempt, scope)


@dataclass(frozen=True, slots=True)
class _End:
    """Where a pass stands when all its phases are over."""

    attempt: Attempt
    finished: datetime
    conclusion: Conclusion
    seen: Seen
    cluster: ClusterWork | None = None
    desired: Desired | None = None
    history: GitHistory = GitHistory()  # noqa: RUF009 - a frozen value
    apart: Conclusion | None = None
    """What the pass comes to for those whose commit is served, whatever becomes of commits that are awaited."""
    found: Revision | None = None
    """The branch's tip as others left it, where the pass went on with a commit of its own."""


def _findings(subject: Subject, attempt: Attempt, desired: Desired | None, scope: Scope = None) -> Findings:
    return Findings(
        is_observer=_is_observer(subject.fabric),
        objects=None if scope is None else len(scope),
        revision=str(desired.revision) if desired else None,
        failures=attempt.failures,
        refusals=[problem for problem in desired.problems if problem.is_refusal] if desired else (),
        blocks=attempt.blocks,
        counts=attempt.counts,
        waiting_in_raw=desired.waiting_in_raw if desired else 0,
    )


def _seen(attempt: Attempt, desired: Desired | None, cluster: ClusterWork | None, history: GitHistory) -> Seen:
    return Seen(
        fetched=history.desired,
        revision=desired.revision if desired else None,
        tree=history.tree,
        observed=cluster.counts() if cluster else None,
        problems=desired.problems if desired else None,
        waiting_in_raw=desired.waiting_in_raw if desired else None,
        netbox_retained=attempt.counts.get("netbox_retained"),
        netbox_drift=attempt.netbox_drift,
        contacts=attempt.contacts,
        blocks=attempt.blocks,
    )


def _report(subject: Subject, order: Order, past: Past, end: _End) -> Report:
    """The one exit: every pass that ends, ends here."""
    conclusion, seen, attempt = end.conclusion, end.seen, end.attempt
    is_full = order.scope is None
    done = PassRecord(
        id=order.id,
        fabric=subject.fabric.name,
        triggers=order.triggers,
        started=attempt.started,
        finished=end.finished,
        outcome=conclusion.outcome,
        reason=conclusion.reason,
        message=conclusion.message,
        revision=str(seen.revision) if seen.revision else None,
        plan_hash=end.cluster.plan.held_hash or end.cluster.plan.hash if end.cluster else None,
        phases=attempt.phases,
        counts=dict(attempt.counts),
        failures=tuple(attempt.failures[:MAX_STORED_FAILURES]),
        scope=None if order.scope is None else tuple(sorted(order.scope)[:MAX_STORED_SCOPE]),
    )
    awaiting, found = _awaiting(order, end), str(end.found) if end.found else None
    record = (
        next_record(past.record, subject.fabric, done, conclusion, seen)
        if is_full
        else next_record_of_scope(past.record, done, seen)
    )
    result = PassResult(
        record=done,
        fabric=record,
        inventory=end.cluster.inventory if end.cluster else None,
        objects=seen.states,
        regarded=[request.id for request in order.requests],
        requests=_answers(order.requests, set(awaiting), done, end),
        unannounced=None
        if awaiting
        else unannounced(past.record, record, order.triggers, subject.fabric.repository, found),
        spent=end.cluster.spent if end.cluster else None,
        found=found,
    )
    known = _known(subject, end, past)
    return Report(result, conclusion.is_retryable, awaiting, known, attempt.rest())


def _awaiting(order: Order, end: _End) -> tuple[str, ...]:
    """The ids of the requests that another try will answer. Without one there has to be an answer now."""
    if not end.conclusion.is_retryable:
        return ()
    return tuple(request.id for request in order.requests if request.commit in end.history.awaited)


def _answers(
    requests: Sequence[Request], awaiting: Collection[str], done: PassRecord, end: _End
) -> tuple[Request, ...]:
    served = done
    if end.apart is not None:
        served = replace(done, outcome=end.apart.outcome, reason=end.apart.reason, message=end.apart.message)
    included, lost = end.history.included, end.history.lost
    return tuple(
        answer(request, served if request.commit in included else done, included, lost)
        for request in requests
        if request.id not in awaiting
    )


def _known(subject: Subject, end: _End, past: Past) -> Known | None:
    if end.desired is None:
        return None
    states = past.states if end.seen.states is None else end.seen.states
    inventory = end.cluster.inventory if end.cluster else None
    return Known(
        fabric=subject.fabric.name,
        manifests=end.desired.manifests,
        unsettled=frozenset(state.key for state in states if state.state is not SyncState.IN_SYNC),
        has_netbox=subject.netbox is not None,
        is_observer=_is_observer(subject.fabric),
        forms=forms_of(end.desired.manifests, inventory or past.inventory, subject.fabric.name),
    )


def _is_observer(fabric: Fabric) -> bool:
    return fabric.cluster is not None and fabric.cluster.is_observer
