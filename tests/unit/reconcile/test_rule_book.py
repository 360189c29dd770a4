"""Rules between documents, in passes: what breaks one is refused before anything of it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.desired import Desired
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.passes import Outcome
from reconciler.model.revision import Revision
from reconciler.plan import rules
from reconciler.reconcile import rule_book
from reconciler.reconcile.rule_book import RuleBook
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, with_spec, without

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model.objects import Resource
    from reconciler.model.problems import Fault
    from reconciler.plan.situation import Observed

MANIFESTS = manifests()
VPCS = [one for one in MANIFESTS if one.key.kind == "VPC"]


def _vlan(manifest: Manifest) -> int:
    (subnet,) = manifest.spec["subnets"].values()
    vlan: int = subnet["vlan"]
    return vlan


def _with_vlan(manifest: Manifest, vlan: int) -> list[Manifest]:
    ((name, subnet),) = manifest.spec["subnets"].items()
    return with_spec(MANIFESTS, manifest.key, {**manifest.spec, "subnets": {name: {**subnet, "vlan": vlan}}})


def test_of_two_that_exclude_each_other_the_first_stands(synced: Rig) -> None:
    """A VLAN that two VPCs want is the first one's; the second is refused with the field and the name of the first, and
    nothing of it is sent.
    """
    first, second = sorted(VPCS, key=lambda one: one.source.file)[:2]
    synced.source.push(_with_vlan(second, _vlan(first)))

    before = synced.writes()
    synced.run()

    assert synced.writes() == before
    assert (synced.last.outcome, synced.last.reason) == (Outcome.PARTIAL, "DocumentsRefused")
    (problem,) = synced.record.problems
    assert (problem.key, problem.file) == (second.key, second.source.file)
    assert problem.field.endswith(".vlan")
    assert str(first.key) in problem.message
    assert synced.states()[str(second.key)].state == "failed"


def test_a_reference_to_what_exists_in_the_cluster_only(synced: Rig) -> None:
    """Is fine as long as it is there; then the document is refused."""
    attachment = next(one for one in MANIFESTS if one.key.kind == "VPCAttachment")
    vpc = ObjectKey("VPC", "default", attachment.spec["subnet"].partition("/")[0])
    synced.source.push(without(MANIFESTS, vpc))
    synced.run()
    assert not synced.record.problems

    for live in synced.local.list(vpc.resource_kind):
        if live.key == vpc:
            synced.local.delete(live)
    synced.run()

    assert {problem.rule for problem in synced.record.problems} == {"MissingReference"}


def test_without_a_cluster_nothing_is_missed(tmp_path: Path) -> None:
    """Of a fabric without a cluster only what its own documents say is held against them."""
    rig = Rig(tmp_path, replace(FABRIC, cluster=None))
    rig.source.push(without(MANIFESTS, *(one.key for one in MANIFESTS if one.key.kind == "SwitchGroup")))
    rig.run()
    assert rig.last.outcome is Outcome.SUCCEEDED, rig.last.message

    first, second = VPCS[:2]
    rig.source.push(_with_vlan(second, _vlan(first)))
    rig.run()

    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "DocumentsRefused")
    rig.store.close()


class Judged:
    """A rule book, and how often it had to look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        self.book = RuleBook()
        self.cluster = LocalCluster(MemoryDocuments(), "dc1")
        monkeypatch.setattr(rule_book, "broken_rules", self._look)

    def _look(self, *arguments: Mapping[ObjectKey, Manifest]) -> tuple[Fault, ...]:
        self.looks += 1
        return rules.broken_rules(*arguments)  # type: ignore[arg-type]

    def faults(self, *declared: Manifest, refused: frozenset[ObjectKey] = frozenset()) -> set[str]:
        desired = Desired(Revision("main", "0" * 40), {one.key: one for one in declared}, refused=refused)
        return {fault.rule for fault in self.book.faults("dc1", desired, self._observed())}

    def _observed(self) -> Observed:
        kinds = {one.key.resource_kind for one in MANIFESTS}
        return {kind.name: self.cluster.list(kind) for kind in kinds}

    def apply(self, manifest: Manifest) -> Resource:
        return self.cluster.apply(manifest.body("dc1"), force=True)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    return Judged(monkeypatch)


A = Manifest(ObjectKey("VPC", "default", "a"), Source("a.yaml"), {"subnets": {"x": {"vlan": 1}}})
SPACES = [
    Manifest(ObjectKey("VLANNamespace", "default", "default"), Source("v.yaml"), {"ranges": [{"from": 1, "to": 99}]}),
    Manifest(ObjectKey("IPv4Namespace", "default", "default"), Source("i.yaml"), {"subnets": ["10.0.0.0/16"]}),
]


def test_the_same_documents_are_judged_once(judged: Judged) -> None:
    """While neither they nor what they refer to in the cluster changed, whatever else happens there."""
    for space in SPACES:
        judged.apply(space)
    first = judged.faults(A)

    judged.apply(A)
    assert judged.faults(A) == first
    assert judged.looks == 1


@pytest.mark.parametrize("change", ["document", "refused", "reference", "reference gone", "unknown"])
def test_what_is_judged_anew(judged: Judged, change: str) -> None:
    """Another document, another refusal, and what changed in the cluster of what is referred to."""
    live = [judged.apply(space) for space in SPACES]
    judged.faults(A)

    match change:
        case "document":
            judged.faults(replace(A))
        case "refused":
            judged.faults(A, refused=frozenset({ObjectKey("VPC", "default", "b")}))
        case "reference":
            judged.apply(replace(SPACES[0], spec={"ranges": [{"from": 1, "to": 9}]}))
            judged.faults(A)
        case "reference gone":
            judged.cluster.delete(live[0])
            assert "MissingReference" in judged.faults(A)
        case "unknown":
            judged.book.faults("dc1", Desired(Revision("main", "0" * 40), {A.key: A}), {})

    assert judged.looks == 2
