"""Observe, plan and apply: bring the cluster in line with the desired state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    ClusterUnreachableError,
    DependencyNotReadyError,
    KindNotServedError,
    ReconcilerError,
    StalledError,
)
from reconciler.model.kinds import DECLARABLE, OBSERVED, Kind
from reconciler.model.objects import Resource
from reconciler.model.passes import Phase
from reconciler.model.plan import Halfway
from reconciler.plan.approval import hold, is_spent
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.inventory import before_replacing, new_inventory
from reconciler.plan.results import error_of
from reconciler.plan.situation import Extent
from reconciler.plan.states import object_states
from reconciler.reconcile.apply import CONCURRENCY, Applier
from reconciler.reconcile.asking import ask
from reconciler.reconcile.attempt import SupersededError
from reconciler.reconcile.checking import why_unknown
from reconciler.threads import ContextPool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry, ObjectState
    from reconciler.model.plan import ClusterPlan, Result
    from reconciler.model.requests import Scope
    from reconciler.model.status import Approval
    from reconciler.plan.situation import Observed
    from reconciler.ports import Clock, Cluster
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("pass")


@dataclass(frozen=True, slots=True)
class ClusterWork:
    """What a pass found and did in the cluster. `observed` is how the cluster stands after it; `spent` is the hash of
    the plan whose approval is over.
    """

    plan: ClusterPlan
    observed: Observed
    states: Sequence[ObjectState]
    inventory: Mapping[ObjectKey, InventoryEntry] | None
    spent: str | None = None

    def objects(self) -> list[Resource] | None:
        """Every object, None when a kind is unknown: what is missing must not look deleted."""
        if any(objects is None for objects in self.observed.values()):
            return None
        return [resource for objects in self.observed.values() for resource in objects or ()]

    def counts(self) -> dict[str, int]:
        """Objects of each declarable kind; those of an unknown kind are left out."""
        found = {kind.name: self.observed.get(kind.name) for kind in DECLARABLE}
        return {name: len(objects) for name, objects in found.items() if objects is not None}


@dataclass(frozen=True, slots=True)
class ClusterSide:
    """A cluster with the policy for it, what we own there, and the plan that was approved. With a `scope` only its
    objects are decided about.
    """

    cluster: Cluster
    policy: ClusterPolicy
    inventory: Mapping[ObjectKey, InventoryEntry]
    scope: Scope = None
    approval: Approval | None = None

    @property
    def is_full(self) -> bool:
        return self.scope is None


def reconcile_cluster(
    side: ClusterSide, desired: Desired | None, observed: Observed, attempt: Attempt, clock: Clock
) -> ClusterWork | None:
    """Bring the cluster in line. None when not even a plan could be made."""
    plan = make_plan(side, desired, observed, attempt)
    if plan is None:
        return None
    attempt.settled.keep(attempt.fabric, plan.settled)
    results = _apply(side, plan, attempt)
    attempt.fights.note(attempt.fabric, plan, results)
    with attempt.phase(Phase.PLAN, "plan"):
        states = object_states(plan, results, desired, observed, side.inventory)
        inventory = None
        if desired is not None:
            inventory = new_inventory(side.inventory, plan, results, desired.revision, clock.now())
        return ClusterWork(plan, after(observed, results), states, inventory, _spent(side, plan, results, desired))
    return None


def make_plan(side: ClusterSide, desired: Desired | None, observed: Observed, attempt: Attempt) -> ClusterPlan | None:
    """What is to be done, without what waits for approval; the cluster is asked where it alone can tell. None, with the
    reason noted, when nothing was decided.
    """
    with attempt.phase(Phase.PLAN, "plan"):
        approved = side.approval.hash if side.approval and side.is_full else None
        known = attempt.settled.of(attempt.fabric)
        contested, undeletable = attempt.fights.contested(attempt.fabric), attempt.fights.undeletable(attempt.fabric)
        why = why_unknown(attempt)
        extent = Extent(side.scope, approved, contested, known, why_unknown=why, undeletable=undeletable)
        plan = plan_cluster(desired, observed, side.inventory, side.policy, attempt.fabric, extent)
        if plan.questions:
            extent = replace(extent, forms=ask(side.cluster, plan.questions, attempt), settled=plan.settled)
            plan = plan_cluster(desired, observed, side.inventory, side.policy, attempt.fabric, extent)
        is_whole = _is_whole(plan, desired)
        return hold(plan, side.policy, side.approval, is_full=side.is_full, is_whole=is_whole)
    return None


def _is_whole(plan: ClusterPlan, desired: Desired | None) -> bool:
    """Whether all that a plan is made of could be read."""
    return desired is not None and not desired.outdated and not plan.unknown


def _spent(
    side: ClusterSide, plan: ClusterPlan, results: Mapping[ObjectKey, Result], desired: Desired | None
) -> str | None:
    """The hash whose approval this pass ends."""
    approval = side.approval if side.is_full else None
    tried = {key: result for key, result in results.items() if not isinstance(result, SupersededError)}
    if approval is None or not is_spent(plan, approval, tried, is_whole=_is_whole(plan, desired)):
        return None
    log.info("approval ended", plan=approval.hash, is_carried_out=plan.is_approved)
    return approval.hash


def _apply(side: ClusterSide, plan: ClusterPlan, attempt: Attempt) -> Mapping[ObjectKey, Result]:
    applier = Applier(side.cluster, attempt, side.policy, side.inventory)
    with attempt.phase(Phase.APPLY, "cluster"):
        remembered = before_replacing(side.inventory, plan)
        if remembered is not None:
            attempt.remember(remembered)
        applier.run(plan)
    _note(plan, applier.results, attempt, is_observer=side.policy.is_observer)
    return applier.results


def _note(plan: ClusterPlan, results: Mapping[ObjectKey, Result], attempt: Attempt, *, is_observer: bool) -> None:
    """Everything that was not done, with the reasons."""
    errors = {key: error for key, result in results.items() if (error := error_of(result)) is not None}
    for key, error in errors.items():
        if not isinstance(error, SupersededError):
            attempt.fail(Phase.APPLY, str(key), error)
        if isinstance(error, ClusterUnreachableError | ClusterAccessError):
            attempt.lost("cluster", error)
    if attempt.is_superseded:
        left = [str(key) for key, error in errors.items() if isinstance(error, SupersededError)]
        text = f"the configuration of the fabric changed during the pass, which left out {len(left)} writes"
        attempt.fail(Phase.APPLY, "cluster", SupersededError(text))
    for finding in (*plan.conflicts, *plan.fighting):
        attempt.fail(Phase.PLAN, str(finding.key), StalledError(finding.message, reason=finding.reason))
    for finding in plan.waiting:
        not_ready = DependencyNotReadyError(finding.message, reason=finding.reason)
        attempt.fail(Phase.PLAN, str(finding.key), not_ready)
    attempt.counts["unchanged"] += len(plan.unchanged)
    if plan.held:
        attempt.counts["held"] = len(plan.held)
    if is_observer:
        attempt.counts["differing"] += len(plan.drifted)
    attempt.blocks.extend((block.reason, block.message) for block in plan.blocks)


def after(observed: Observed, results: Mapping[ObjectKey, Result]) -> Observed:
    """The observation with the answers of our own writes: what a pass wrote it need not read again."""
    changed: dict[str, dict[ObjectKey, Resource]] = {}
    for kind, objects in observed.items():
        if objects is not None:
            changed[kind] = {resource.key: resource for resource in objects}
    for key, found in results.items():
        result = found.done if isinstance(found, Halfway) else found
        if isinstance(result, Resource):
            changed[key.kind][key] = result
        elif result is None:
            changed[key.kind].pop(key, None)
    return {kind: tuple(changed[kind].values()) if kind in changed else None for kind in observed}


def observe(cluster: Cluster, attempt: Attempt, *, is_full: bool = True) -> Observed:
    """Every kind that a pass reads, and the schemas by which documents are checked. A kind that cannot be read is
    unknown and fails the pass; one that the cluster does not serve has no objects.

    Lists may come from caches, which alone prove nothing: a full pass speaks to the cluster first.
    """
    first, *others = OBSERVED
    with attempt.phase(Phase.OBSERVE, "cluster"):
        with attempt.contact("cluster", cluster.version):
            if is_full:
                cluster.version()
            # Alone, so that a cluster that is away costs one time-out and not one a kind.
            found: dict[str, tuple[Resource, ...] | None] = {first.name: _list(cluster, first, attempt)}
            attempt.inspector.learn(cluster, attempt.fabric, is_full=is_full)
        attempt.check_stop()
        with ContextPool(CONCURRENCY) as pool:
            answers = pool.map(lambda kind: _list_or_error(cluster, kind, attempt), others)
            for kind, answer in zip(others, answers, strict=True):
                found[kind.name] = _known(kind, answer, attempt)
        return found
    return {kind.name: None for kind in OBSERVED}


def _list(cluster: Cluster, kind: Kind, attempt: Attempt) -> tuple[Resource, ...]:
    try:
        return cluster.list(kind)
    except KindNotServedError:
        attempt.unserved.add(kind.name)
        return ()


def _list_or_error(cluster: Cluster, kind: Kind, attempt: Attempt) -> tuple[Resource, ...] | ReconcilerError:
    try:
        return _list(cluster, kind, attempt)
    except ReconcilerError as error:
        return error


def _known(kind: Kind, answer: tuple[Resource, ...] | ReconcilerError, attempt: Attempt) -> tuple[Resource, ...] | None:
    if not isinstance(answer, ReconcilerError):
        return answer
    if isinstance(answer, ClusterUnavailableError | ClusterAccessError):
        attempt.lost("cluster", answer)
    attempt.fail(Phase.OBSERVE, f"kind {kind.name}", answer, is_whole=True)
    return None
