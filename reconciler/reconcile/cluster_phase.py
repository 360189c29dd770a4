"""Observe, plan and apply: bring the cluster in line with the desired state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.inventory import new_inventory
from reconciler.plan.situation import Extent
from reconciler.plan.states import object_states
from reconciler.reconcile.apply import CONCURRENCY, Applier
from reconciler.reconcile.attempt import SupersededError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry, ObjectState
    from reconciler.model.plan import ClusterPlan, Result
    from reconciler.model.requests import Scope
    from reconciler.plan.situation import Observed
    from reconciler.ports import Clock, Cluster
    from reconciler.reconcile.attempt import Attempt


@dataclass(frozen=True, slots=True)
class ClusterWork:
    """What a pass found and did in the cluster. `observed` is how the cluster stands after it."""

    plan: ClusterPlan
    observed: Observed
    states: Sequence[ObjectState]
    inventory: Mapping[ObjectKey, InventoryEntry] | None

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
    """A cluster with the policy for it and what we own there. With a `scope` only its objects are decided about."""

    cluster: Cluster
    policy: ClusterPolicy
    inventory: Mapping[ObjectKey, InventoryEntry]
    scope: Scope = None


def reconcile_cluster(
    side: ClusterSide, desired: Desired | None, observed: Observed, attempt: Attempt, clock: Clock
) -> ClusterWork | None:
    """Bring the cluster in line. None when not even a plan could be made."""
    plan = None
    with attempt.phase(Phase.PLAN, "plan"):
        plan = plan_cluster(desired, observed, side.inventory, side.policy, attempt.fabric, _extent(side, attempt))
    if plan is None:
        return None
    results = _apply(side, plan, attempt)
    attempt.fights.note(attempt.fabric, plan, results)
    with attempt.phase(Phase.PLAN, "plan"):
        states = object_states(plan, results, desired, observed, side.inventory)
        inventory = None
        if desired is not None:
            inventory = new_inventory(side.inventory, plan, results, desired.revision, clock.now())
        return ClusterWork(plan, after(observed, results), states, inventory)
    return None


def _extent(side: ClusterSide, attempt: Attempt) -> Extent:
    return Extent(side.scope, contested=attempt.fights.contested(attempt.fabric))


def _apply(side: ClusterSide, plan: ClusterPlan, attempt: Attempt) -> Mapping[ObjectKey, Result]:
    applier = Applier(side.cluster, attempt, side.policy, side.inventory)
    with attempt.phase(Phase.APPLY, "cluster"):
        applier.run(plan)
    _note(plan, applier.results, attempt, is_observer=side.policy.is_observer)
    return applier.results


def _note(plan: ClusterPlan, results: Mapping[ObjectKey, Result], attempt: Attempt, *, is_observer: bool) -> None:
    """Everything that was not done, with the reasons."""
    for key, result in results.items():
        if isinstance(result, ReconcilerError) and not isinstance(result, SupersededError):
            attempt.fail(Phase.APPLY, str(key), result)
        if isinstance(result, ClusterUnreachableError | ClusterAccessError):
            attempt.lost("cluster", result)
    if attempt.is_superseded:
        left = [str(key) for key, result in results.items() if isinstance(result, SupersededError)]
        text = f"the configuration of the fabric changed during the pass, which left out {len(left)} writes"
        attempt.fail(Phase.APPLY, "cluster", SupersededError(text))
    for finding in (*plan.conflicts, *plan.fighting):
        attempt.fail(Phase.PLAN, str(finding.key), StalledError(finding.message, reason=finding.reason))
    for finding in plan.waiting:
        error = DependencyNotReadyError(finding.message, reason=finding.reason)
        attempt.fail(Phase.PLAN, str(finding.key), error)
    attempt.counts["unchanged"] += len(plan.unchanged)
    if is_observer:
        attempt.counts["differing"] += len(plan.drifted)
    attempt.blocks.extend((block.reason, block.message) for block in plan.blocks)


def after(observed: Observed, results: Mapping[ObjectKey, Result]) -> Observed:
    """The observation with the answers of our own writes: what a pass wrote it need not read again."""
    changed: dict[str, dict[ObjectKey, Resource]] = {}
    for kind, objects in observed.items():
        if objects is not None:
            changed[kind] = {resource.key: resource for resource in objects}
    for key, result in results.items():
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
        with ThreadPoolExecutor(CONCURRENCY) as pool:
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
