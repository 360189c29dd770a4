"""A fabric in few words: manifests, resources, and an embedded cluster to plan against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model.desired import Desired
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import OBSERVED
from reconciler.model.objects import Manifest, ObjectKey, Resource, Source, ownership_marks
from reconciler.model.plan import Delete
from reconciler.model.revision import Revision
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.inventory import new_inventory
from reconciler.plan.results import combine
from reconciler.plan.situation import Extent
from reconciler.plan.states import object_states
from reconciler.plan.stored import stored_form
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSONObject
    from reconciler.model.passes import InventoryEntry, ObjectState, StoredForm
    from reconciler.model.plan import Action, ClusterPlan, Result, Settled
    from reconciler.model.problems import Problem
    from reconciler.model.requests import Scope
    from reconciler.plan.situation import Observed

FABRIC = "dc1"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REVISION = Revision("main", "a" * 40)


def key(kind: str, name: str) -> ObjectKey:
    return ObjectKey(kind, "default", name)


def manifest(kind: str, name: str, spec: JSONObject | None = None, **labels: str) -> Manifest:
    return Manifest(key(kind, name), Source(f"{kind}/{name}.yaml"), spec or {}, labels)


def vpc(name: str, **spec: object) -> Manifest:
    return manifest("VPC", name, spec)


def desired(*manifests: Manifest, problems: Iterable[Problem] = (), refused: Iterable[ObjectKey] = ()) -> Desired:
    return Desired(REVISION, {one.key: one for one in manifests}, tuple(problems), frozenset(refused))


def resource(one: Manifest, fabric: str = FABRIC, **spec: object) -> Resource:
    """The object as the cluster holds it after our apply, with other values where `spec` gives them."""
    applied = LocalCluster(MemoryDocuments(), "one").apply(one.body(fabric))
    return Resource(
        applied.key,
        applied.uid,
        "1",
        {**applied.spec, **spec},
        applied.labels,
        applied.annotations,
        applied.managed_fields,
    )


def marked(**annotations: str) -> dict[str, str]:
    return {**annotations, **ownership_marks(FABRIC)}


@dataclass
class World:
    """An embedded cluster, what we own of it, and what Git declared last."""

    policy: ClusterPolicy = field(default_factory=lambda: ClusterPolicy(prune=True))
    inventory: dict[ObjectKey, InventoryEntry] = field(default_factory=dict)
    results: dict[ObjectKey, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cluster = LocalCluster(MemoryDocuments(), "lab")

    def observe(self) -> dict[str, tuple[Resource, ...] | None]:
        return {kind.name: self.cluster.list(kind) for kind in OBSERVED}

    def live(self) -> dict[ObjectKey, Resource]:
        return {one.key: one for objects in self.observe().values() for one in objects or ()}

    def plan(
        self,
        wanted: Desired | None,
        observed: Observed | None = None,
        approved: str | None = None,
        scope: Scope = None,
        settled: Mapping[ObjectKey, Settled] = MappingProxyType({}),
        forms: Mapping[ObjectKey, StoredForm] = MappingProxyType({}),
    ) -> ClusterPlan:
        seen = self.observe() if observed is None else observed
        extent = Extent(scope, approved, settled=settled, forms=forms)
        return plan_cluster(wanted, seen, self.inventory, self.policy, FABRIC, extent)

    def ask(self, plan: ClusterPlan) -> dict[ObjectKey, StoredForm]:
        """What the cluster answers to the questions of a plan."""
        answers = {one.key: self.cluster.dry_run(one.manifest.body(FABRIC)) for one in plan.questions}
        return {
            one.key: stored_form(one.manifest.body(FABRIC), answers[one.key], one.resource.generation)
            for one in plan.questions
        }

    def learn(self, plan: ClusterPlan) -> None:
        """End a pass that had nothing to do: what its plan found out enters the inventory."""
        assert plan.actions == ()
        self.inventory = new_inventory(self.inventory, plan, {}, REVISION, NOW)

    def do(self, actions: Iterable[Action], twice: AbstractSet[ObjectKey] = frozenset()) -> dict[ObjectKey, Result]:
        """Carry out actions that nothing hinders. `twice` are the objects with two in their plan."""
        results: dict[ObjectKey, Result] = {}
        for action in actions:
            if isinstance(action, Delete):
                self.cluster.delete(action.resource)
                results[action.key] = combine(results, action.key, None, twice)
            else:
                applied = self.cluster.apply(action.manifest.body(FABRIC), force=True)
                results[action.key] = combine(results, action.key, applied, twice)
        return results

    def reconcile(self, wanted: Desired, limit: int | None = None) -> ClusterPlan:
        """A pass that ends after `limit` actions."""
        plan = self.plan(wanted)
        results = self.do(plan.actions[:limit], plan.twice)
        self.inventory = new_inventory(self.inventory, plan, results, wanted.revision, NOW)
        return plan

    def states(self, wanted: Desired | None, results: dict[ObjectKey, Result] | None = None) -> dict[str, ObjectState]:
        """The states after a pass whose actions had these results (by default none was tried)."""
        observed = self.observe()
        plan = self.plan(wanted, observed)
        found = object_states(plan, results or {}, wanted, observed, self.inventory)
        return {str(state.key): state for state in found}
