"""Passes over a real cluster that do without Git and without the checks of documents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.model.desired import Desired
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import OBSERVED
from reconciler.model.revision import Revision
from reconciler.reconcile.apply import CONCURRENCY
from reconciler.reconcile.attempt import Attempt, Terms
from reconciler.reconcile.breaker import Breakers
from reconciler.reconcile.cluster_phase import ClusterSide, reconcile_cluster
from reconciler.reconcile.fights import Fights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.passes import Failure, InventoryEntry
    from reconciler.model.plan import ClusterPlan
    from reconciler.targets.kubernetes import KubernetesCluster

FABRIC = "dc1"
CLOCK = SystemClock()


@dataclass(frozen=True)
class Made:
    """What a pass planned, and what it could not do, by object."""

    plan: ClusterPlan
    failures: Mapping[str, Failure]


@dataclass
class Passes:
    """One namespace of a cluster, and what we own there."""

    cluster: KubernetesCluster
    policy: ClusterPolicy = field(default_factory=ClusterPolicy)
    inventory: Mapping[ObjectKey, InventoryEntry] = field(default_factory=dict)

    def make(self, manifests: Iterable[Manifest]) -> Made:
        """Plan, apply and remember, as the cluster's part of a full pass does."""
        attempt = Attempt(FABRIC, CLOCK, Terms(stop=Event(), breakers=Breakers(CLOCK), fights=Fights(CLOCK)))
        desired = Desired(Revision("main", "a" * 40), {one.key: one for one in manifests})
        side = ClusterSide(self.cluster, self.policy, self.inventory)
        work = reconcile_cluster(side, desired, self._observed(), attempt, CLOCK)
        assert work is not None, attempt.failures
        assert work.inventory is not None
        self.inventory = work.inventory
        return Made(work.plan, {one.subject: one for one in attempt.failures})

    def _observed(self) -> dict[str, tuple[Resource, ...]]:
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            return dict(zip((kind.name for kind in OBSERVED), pool.map(self.cluster.list, OBSERVED), strict=True))
