"""Real documents on the real CRDs: what admission makes of them is no drift, and what anybody else changes is.

The lab's API server has no admission webhooks: somebody else rewrites what was applied to what they make of it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from reconciler.desired.manifests.crds import read_crds
from reconciler.model.objects import ownership_marks
from reconciler.model.plan import Update
from reconciler.plan.schema import check_schema
from reconciler.targets.kubernetes import ClusterAccess, KubernetesCluster
from tests.e2e.installation import wait_until
from tests.e2e.passes import Passes
from tests.e2e.samples import acceptable, admit, disturb, grouped, make, read_samples, render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from reconciler.model.objects import Manifest, ObjectKey
    from tests.e2e.conftest import World
    from tests.e2e.samples import Disturbance, Sample
    from tests.lab.kubernetes_api import KubernetesAPI
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

THREADS = 4

Group = tuple[Passes, "list[Sample]"]

INCOMPLETE = {
    "ExternalAttachment/ds3000-03--static-ext",
    "ExternalAttachment/switch-border--static-edge",
    "VPCPeering/vpc-01--vpc-02",
}
"""The CRD refuses these as people wrote them; admission fills in what is missing before it looks."""


def _each(do: Callable[[Sample], object], group: Iterable[Sample]) -> None:
    """Do something with each sample, four at a time."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(do, group))


def _disturb(api: KubernetesAPI, group: Sequence[Sample]) -> list[Disturbance]:
    """Change one leaf in each, another one from sample to sample."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda sample, turn: disturb(api, sample, turn), group, count()))


def _left(api: KubernetesAPI, group: Sequence[Sample], changed: Sequence[Disturbance]) -> list[ObjectKey]:
    """The objects that still hold what they were changed to."""
    with ThreadPoolExecutor(THREADS) as pool:
        still = pool.map(lambda sample, one: one.is_there(api, sample.key), group, changed)
        return [sample.key for sample, is_there in zip(group, still, strict=True) if is_there]


@pytest.fixture(scope="module")
def samples(shared: Path) -> list[list[Sample]]:
    """In groups; without two switch groups, which are refused for a field that no CRD has."""
    served, found = read_crds(shared / "data" / "crds"), read_samples(shared)
    schemas = {one.key.kind: served.schema(one.key.resource_kind) for one in found}
    known = [one for one in found if (schema := schemas[one.key.kind]) and not check_schema(one.git, schema)]
    assert len(found) - len(known) == 2
    return grouped(known)


@pytest.fixture
def groups(samples: list[list[Sample]], kubernetes_server: KubernetesServer) -> Iterator[list[Group]]:
    """Every sample, each group in a namespace of its own."""
    found = []
    for group in samples:
        namespace = kubernetes_server.create_namespace()
        cluster = KubernetesCluster(ClusterAccess(kubeconfig=kubernetes_server.kubeconfig), namespace)
        found.append((Passes(cluster), [sample.within(namespace) for sample in group]))
    yield found
    for passes, group in found:
        passes.cluster.close()
        kubernetes_server.delete_hedgehog_objects(group[0].key.namespace)


def _declared(group: Sequence[Sample]) -> list[Manifest]:
    """What stands in Git: what the CRD refuses without admission, in the server's form."""
    return [sample.server if str(sample.key) in INCOMPLETE else sample.git for sample in group]


def test_admission_is_no_drift_and_one_change_is(groups: list[Group], kubernetes_server: KubernetesServer) -> None:
    """After each object was rewritten to the server's form a pass writes nothing and finds no drift. After one leaf of
    each was changed, a pass tells exactly that leaf, and heals it.
    """
    api, refused, rewritten = kubernetes_server.api, set[str](), 0
    for passes, group in groups:
        refused |= passes.make(sample.git for sample in group).failures.keys()
        assert passes.make(_declared(group)).failures == {}

        _each(partial(admit, api), group)
        rewritten += sum(sample.is_rewritten for sample in group)
        mark = kubernetes_server.mark()
        still = passes.make(_declared(group))
        assert (still.failures, still.plan.actions, still.plan.drifted) == ({}, (), ())
        assert kubernetes_server.writes_since(mark) == []

        changed = _disturb(api, group)
        healing = passes.make(_declared(group))
        told = {one.manifest.key: [field.path for field in one.differences] for one in healing.plan.drifted}
        assert told == {sample.key: [one.path] for sample, one in zip(group, changed, strict=True)}
        assert healing.failures == {}
        assert _left(api, group, changed) == []
        assert passes.make(_declared(group)).plan.actions == ()
    assert refused == INCOMPLETE
    assert rewritten > 50


def test_first_contact_with_what_others_made(groups: list[Group], kubernetes_server: KubernetesServer) -> None:
    """Where the server's form is another one, an apply of an equal object conflicts: with whom and about which field is
    said, and what refers to it waits. take_over resolves all of it.
    """
    conflicts = 0
    for passes, group in groups:
        _each(partial(make, kubernetes_server.api), group)

        first = passes.make(_declared(group))

        paths = {field.path for one in first.plan.actions if isinstance(one, Update) for field in one.differences}
        assert paths == {f".metadata.annotations.{mark}" for mark in ownership_marks("")}
        rewritten = {str(sample.key) for sample in group if sample.is_rewritten}
        for subject, failure in first.failures.items():
            if failure.reason == "Conflict":
                assert subject in rewritten
                assert ".spec." in failure.message
                assert "(kubectl)" in failure.message
                conflicts += 1
            else:
                assert (failure.reason, failure.message[:9]) == ("DependencyNotReady", "waits for")
        passes.policy = replace(passes.policy, take_over=True)
        assert passes.make(_declared(group)).failures == {}
        assert passes.make(_declared(group)).plan.actions == ()
    assert conflicts > 5


@pytest.fixture
def largest(samples: list[list[Sample]], namespace: str) -> list[Sample]:
    """Of the largest group what keeps the rules: about a hundred objects of 13 kinds."""
    found = acceptable([sample.within(namespace) for sample in max(samples, key=len)])
    assert len({sample.key.kind for sample in found}) > 10
    return found


def test_real_documents_from_git(world: World, largest: list[Sample]) -> None:
    """Pushed to Git they are applied; what admission makes of them is no drift to the service; one changed leaf in each
    is shown while it may not heal, and is gone once it may.
    """
    api, service = world.cluster.server.api, world.service
    world.fabric["cluster"]["self_heal"] = False
    world.fabric.pop("netbox")
    service.start()
    status = service.wait_applied(service.push({one.source.file: render(one) for one in _declared(largest)}))
    resources = service.get(f"/fabrics/{service.fabric}/resources")["resources"]
    assert [one for one in resources if one["state"] != "in_sync"] == []
    assert (status["sync_status"], status["counts"]["in_sync"]) == ("in_sync", len(largest))

    mark = world.cluster.mark()
    _each(partial(admit, api), largest)
    assert service.reconcile()["outcome"] == "succeeded"
    status = service.wait_idle()
    assert (status["sync_status"], status["drift"]["count"]) == ("in_sync", 0)

    changed = _disturb(api, largest)
    wait_until(lambda: service.status()["drift"]["count"] == len(largest), what="all drift is shown")
    assert service.wait_idle()["sync_status"] == "out_of_sync"
    assert world.cluster.writes_since(mark) == []

    world.fabric["cluster"]["self_heal"] = True
    service.write_settings()
    wait_until(lambda: service.status()["sync_status"] == "in_sync", what="all is healed")
    assert _left(api, largest, changed) == []
    assert {name for _, _, name in world.cluster.writes_since(mark)} == {sample.key.name for sample in largest}
