"""Plans against a real API server: what a pass applies, the next pass finds in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FabricShape, build_fabric
from reconciler.errors import ApplyConflictError
from reconciler.model.desired import Desired
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import OBSERVED
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.plan import Delete
from reconciler.model.revision import Revision
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.inventory import new_inventory
from reconciler.plan.ownership import may_force
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.integration.test_cluster_contract import CRDS, ServerOthers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import Action, ClusterPlan, Result
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

FABRIC = "dc1"
SMALL = FabricShape(spines=1, leafs=2, servers=4, vpcs=3, externals=1)
LARGER = replace(SMALL, servers=8, vpcs=4)


@dataclass
class Site:
    """A namespace of a real cluster and what we own there."""

    cluster: KubernetesCluster
    namespace: str
    others: ServerOthers
    policy: ClusterPolicy = field(default_factory=lambda: ClusterPolicy(prune=True, max_deletes=500))
    inventory: dict[ObjectKey, InventoryEntry] = field(default_factory=dict)

    def desired(self, shape: FabricShape) -> Desired:
        declared = {}
        for one in build_fabric(shape):
            key = ObjectKey(one.body["kind"], self.namespace, one.name)
            declared[key] = Manifest(key, Source(f"{one.directory}/{one.name}.yaml"), one.body.get("spec") or {})
        return Desired(Revision("main", "a" * 40), declared)

    def plan(self, wanted: Desired) -> ClusterPlan:
        observed = {kind.name: self.cluster.list(kind) for kind in OBSERVED}
        return plan_cluster(wanted, observed, self.inventory, self.policy, FABRIC)

    def reconcile(self, wanted: Desired) -> ClusterPlan:
        """One pass, eight requests at a time."""
        plan = self.plan(wanted)
        results: dict[ObjectKey, Result] = {}
        with ThreadPoolExecutor(8) as pool:
            for wave in plan.waves:
                results.update(zip((action.key for action in wave), pool.map(self._do, wave), strict=True))
        self.inventory = new_inventory(self.inventory, plan, results, wanted.revision, datetime.now(UTC))
        return plan

    def _do(self, action: Action) -> Result:
        if isinstance(action, Delete):
            self.cluster.delete(action.resource)
            return None
        body = action.manifest.body(FABRIC)
        try:
            return self.cluster.apply(body)
        except ApplyConflictError as conflict:
            resource = getattr(action, "resource", None)
            if not may_force(conflict.conflicts, self.inventory.get(action.key), resource, self.policy):
                raise
            return self.cluster.apply(body, force=True)


@pytest.fixture
def site(kubernetes_server: KubernetesServer, namespace: str) -> Iterator[Site]:
    kubernetes_server.apply_crds(CRDS)
    cluster = KubernetesCluster(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), namespace)
    yield Site(cluster, namespace, ServerOthers(kubernetes_server))
    cluster.close()


def test_a_fabric_converges_in_one_pass(site: Site) -> None:
    """Made, grown and shrunk again: each time one pass does it, and the next has nothing to do."""
    for shape in (SMALL, LARGER, SMALL):
        wanted = site.desired(shape)
        site.reconcile(wanted)

        again = site.plan(wanted)

        assert (again.actions, again.blocks, again.prune_pending) == ((), (), ())
        assert set(again.unchanged) == set(wanted.manifests) == site.inventory.keys()


def test_an_unchanged_fabric_costs_no_write(site: Site, kubernetes_server: KubernetesServer) -> None:
    """As the server's own audit log tells."""
    wanted = site.desired(SMALL)
    site.reconcile(wanted)
    mark = kubernetes_server.mark()

    site.reconcile(wanted)

    assert kubernetes_server.writes_since(mark) == []


def test_what_people_change_is_put_back(site: Site) -> None:
    """Fields that we applied before are forced; the plan names who loses them."""
    wanted = site.desired(SMALL)
    site.reconcile(wanted)
    key, vpc = next((key, one) for key, one in wanted.manifests.items() if key.kind == "VPC")
    (subnet, *_) = vpc.spec["subnets"]
    site.others.edit(key, {"spec": {"subnets": {subnet: {"vlan": 2999}}}}, "kubectl-edit")

    plan = site.reconcile(wanted)

    (drift,) = plan.drifted
    assert [(one.path, one.observed, one.manager) for one in drift.differences] == [
        (f".spec.subnets.{subnet}.vlan", 2999, "kubectl-edit")
    ]
    assert site.plan(wanted).actions == ()


def test_a_lost_inventory_comes_back_without_a_write(site: Site, kubernetes_server: KubernetesServer) -> None:
    """The marks in the cluster are enough."""
    wanted = site.desired(SMALL)
    site.reconcile(wanted)
    before, site.inventory = site.inventory, {}
    mark = kubernetes_server.mark()

    site.reconcile(wanted)

    assert kubernetes_server.writes_since(mark) == []
    assert {key: (one.uid, one.digest) for key, one in site.inventory.items()} == {
        key: (one.uid, one.digest) for key, one in before.items()
    }
