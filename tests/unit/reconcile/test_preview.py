"""What a pass would do, found out without doing it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ClusterUnavailableError,
    FabricDisabledError,
    GitUnavailableError,
    NetBoxUnavailableError,
    PreviewBusyError,
    StoppedError,
    UnknownFabricError,
)
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.objects import FIELD_MANAGER
from reconciler.model.plan import Block, ClusterPlan, Delete, Drift, Update
from reconciler.model.served import Schema
from reconciler.plan.fights import LIMIT
from reconciler.reconcile import Fights, Inspector, Previewer, Subject, preview
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, with_spec, without

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.revision import Revision
    from reconciler.reconcile import Preview

MANIFESTS = manifests()
LEAF = next(one for one in MANIFESTS if one.key.name == "leaf-01")
ATTACHMENTS = [one.key for one in MANIFESTS if one.key.kind == "VPCAttachment"]
PEERS = [one.key for one in MANIFESTS if one.key.kind in {"VPCAttachment", "VPCPeering"}]
CHANGED = with_spec(without(MANIFESTS, *ATTACHMENTS), LEAF.key, {**LEAF.spec, "description": "new"})
FEWER = without(CHANGED, next(one.key for one in MANIFESTS if one.key.kind == "VPC"), *PEERS)
"""Less a VPC, with what refers to it."""


def _previewer(rig: Rig) -> Previewer:
    fabric = rig.fabric
    subject = Subject(
        fabric, rig.source, rig.cluster if fabric.cluster else None, rig.netbox if fabric.netbox else None
    )
    return Previewer({fabric.name: subject}.get, rig.store, rig.clock, rig.stop)


def _preview(rig: Rig, *, is_fetching: bool = False) -> Preview:
    return _previewer(rig).preview("dc1", is_fetching=is_fetching)


def test_nothing_to_do(synced: Rig) -> None:
    """In sync: an empty plan for the cluster and for NetBox, and nothing that failed."""
    found = _preview(synced)

    assert found.plan is not None
    assert found.netbox is not None
    assert (found.plan.actions, len(found.plan.unchanged)) == ((), len(MANIFESTS))
    assert found.netbox.is_empty
    assert found.failures == ()


def test_nothing_moves(synced: Rig) -> None:
    """A preview of a new commit, also after a fetch, writes nothing anywhere: not to the cluster, not to NetBox, and
    not to the store, in which the fabric, its passes, its inventory and its objects stand as before.
    """
    synced.source.push(CHANGED)
    writes = synced.writes()
    before = (synced.record, synced.store.passes("dc1"), synced.store.inventory("dc1"), synced.states())

    found = _preview(synced, is_fetching=True)

    assert found.plan is not None
    assert len(found.plan.actions) == 1 + len(ATTACHMENTS)
    assert synced.writes() == writes
    assert (synced.record, synced.store.passes("dc1"), synced.store.inventory("dc1"), synced.states()) == before
    assert synced.store.unfinished() == []


def test_a_pass_does_what_was_shown(synced: Rig) -> None:
    """The plan of the pass that follows has the hash that the preview told, and NetBox gets what it foresaw."""
    synced.source.push(FEWER)
    found = _preview(synced, is_fetching=True)
    assert found.plan is not None
    assert found.netbox is not None

    synced.run()

    assert synced.last.plan_hash == found.plan.hash
    assert synced.last.counts["netbox_deleted"] == len(found.netbox.deletes) > 0
    assert synced.last.counts.get("netbox_created", 0) == len(found.netbox.creates)
    assert synced.last.counts.get("netbox_updated", 0) == len(found.netbox.updates)


def test_a_subnet_that_a_commit_removes(synced: Rig) -> None:
    """NetBox is foreseen without it: exactly what the pass then deletes there."""
    vpc = next(one for one in MANIFESTS if one.key.kind == "VPC")
    second = {"subnet": "10.0.250.0/24", "gateway": "10.0.250.1", "vlan": 1500}
    more = {**vpc.spec, "subnets": {**vpc.spec["subnets"], "second": second}}
    synced.source.push(with_spec(MANIFESTS, vpc.key, more))
    synced.run()
    assert synced.last.outcome == "succeeded", synced.last.message
    synced.source.push(MANIFESTS)

    found = _preview(synced, is_fetching=True)
    synced.run()

    assert found.netbox is not None
    assert synced.last.counts["netbox_deleted"] == len(found.netbox.deletes) > 0
    assert synced.last.counts.get("netbox_updated", 0) == len(found.netbox.updates)


def test_a_first_plan_foresees_netbox(rig: Rig) -> None:
    """What is to be created in the cluster is foreseen in NetBox too."""
    rig.source.push(MANIFESTS)
    found = _preview(rig, is_fetching=True)
    assert found.netbox is not None

    rig.run()

    assert rig.last.counts["netbox_created"] == len(found.netbox.creates) > 0


def test_without_a_fetch(synced: Rig) -> None:
    """It looks at the revision that was fetched last, and does not speak to Git."""
    synced.source.push(CHANGED)
    synced.source.fail(GitUnavailableError("no route"))

    found = _preview(synced)

    assert (found.plan and found.plan.actions, found.failures) == ((), ())
    assert found.desired is not None
    assert str(found.desired.revision) == synced.record.applied_revision
    assert found.desired.outdated is None


def test_drift_and_its_manager(synced: Rig) -> None:
    """What somebody changed in the cluster is named with the manager who loses the field."""
    synced.local.edit(LEAF.key, {"spec": {"description": "by hand"}})

    plan = _preview(synced).plan

    assert plan is not None
    (update,) = plan.actions
    assert isinstance(update, Update)
    assert [(one.path, one.observed, one.manager) for one in update.differences] == [
        (".spec.description", "by hand", "kubectl-edit")
    ]
    assert FIELD_MANAGER not in {one.manager for one in update.differences}


def test_what_waits_for_approval_is_shown(synced: Rig) -> None:
    """With the block that holds it; once approved, it is shown as what would run."""
    synced.fabric = replace(FABRIC, cluster=ClusterPolicy(prune=True, needs_approval=True))
    synced.source.push(CHANGED)
    held = _preview(synced, is_fetching=True).plan
    assert held is not None
    assert (len(held.held), held.actions, held.blocks[0].reason) == (1 + len(ATTACHMENTS), (), "ApprovalRequired")

    synced.store.approve("dc1", held.hash, "ann")
    found = _preview(synced)

    assert found.plan is not None
    assert (found.plan.is_approved, found.plan.held) == (True, ())
    assert [type(action) for action in found.plan.actions[-2:]] == [Delete] * 2
    assert found.approval is not None
    assert found.approval.by == "ann"
    assert synced.store.approval("dc1") is not None, "looking uses nothing up"


_ASKS, _FEW = ClusterPolicy(prune=True, needs_approval=True), ClusterPolicy(prune=True, max_deletes=1)


@pytest.mark.parametrize("policy", [pytest.param(_ASKS, id="all"), pytest.param(_FEW, id="deletes")])
def test_netbox_is_foreseen_with_what_waits_for_approval(synced: Rig, policy: ClusterPolicy) -> None:
    """Whoever approves sees, also after the pass that held it back, exactly what the next one then does in both."""
    synced.fabric = replace(FABRIC, cluster=policy)
    synced.source.push(FEWER)
    synced.run()
    assert synced.last.outcome == "blocked"
    shown = _preview(synced)
    assert shown.plan is not None
    assert shown.netbox is not None
    assert shown.plan.actions == ()

    synced.store.approve("dc1", shown.plan.held_hash, "ann")
    synced.run()

    assert synced.last.outcome == "succeeded", synced.last.message
    assert synced.last.plan_hash == shown.plan.held_hash
    assert synced.last.counts["deleted"] == 1 + len(PEERS)
    done = [synced.last.counts.get(f"netbox_{what}", 0) for what in ("created", "updated", "deleted")]
    assert done == [len(shown.netbox.creates), len(shown.netbox.updates), len(shown.netbox.deletes)]
    assert done[-1] > 0


def test_an_approval_is_about_the_cluster(synced: Rig) -> None:
    """A plan keeps its hash whatever NetBox holds; so it is approved also where NetBox cannot be foreseen."""
    synced.fabric = replace(FABRIC, cluster=_ASKS)
    synced.source.push(FEWER)
    before = _preview(synced, is_fetching=True)
    synced.netbox.fail("observe", NetBoxUnavailableError("timed out"))
    after = _preview(synced)

    assert before.plan is not None
    assert after.plan is not None
    assert (before.netbox is None, after.netbox) == (False, None)
    assert before.plan.held_hash == after.plan.held_hash


def test_what_no_approval_lifts_is_not_foreseen(synced: Rig) -> None:
    """Objects that may not be deleted stay, and NetBox goes on to show them."""
    synced.fabric = replace(FABRIC, cluster=replace(_ASKS, prune=False))
    synced.source.push(FEWER)

    found = _preview(synced, is_fetching=True)

    assert found.plan is not None
    assert found.netbox is not None
    assert {type(one) for one in found.plan.held} == {Update}
    assert len(found.plan.prune_pending) == 1 + len(PEERS)
    assert (found.netbox.creates, found.netbox.deletes) == ((), ())


@pytest.mark.parametrize(
    ("target", "subject"),
    [
        pytest.param("git", "git", id="Git"),
        pytest.param("cluster", "cluster", id="cluster"),
        pytest.param("kind", "kind VPC", id="a kind"),
        pytest.param("netbox", "netbox", id="NetBox"),
    ],
)
def test_what_cannot_be_read_is_said(synced: Rig, target: str, subject: str) -> None:
    """Nothing is left out silently, and the rest is still shown. The next pass is not hindered by it."""
    if target == "git":
        synced.source.fail(GitUnavailableError("no route"))
    elif target == "netbox":
        synced.netbox.fail("observe", NetBoxUnavailableError("timed out"))
    else:
        where = {"cluster": ("version", None), "kind": ("list", "VPC")}[target]
        synced.cluster.fail(where[0], ClusterUnavailableError("timed out"), subject=where[1])

    found = _preview(synced, is_fetching=True)

    assert subject in {one.subject for one in found.failures}
    assert found.plan is not None
    assert (found.netbox is None) is (target != "git")
    synced.source.fail(None)
    synced.run()
    assert synced.last.outcome == "succeeded", "no breaker is open"


def test_a_repository_that_was_never_fetched(rig: Rig) -> None:
    """There is nothing to plan, and the reason is told."""
    found = _preview(rig)

    assert [(one.subject, one.reason) for one in found.failures] == [("git", "NeverFetched")]
    assert found.plan is not None
    assert found.plan.blocks == (Block("DesiredUnknown", "nothing is planned: Git could not be read"),)


def test_a_fabric_without_a_cluster(tmp_path: Path) -> None:
    """NetBox alone shows what Git declares; one without NetBox has a plan for its cluster only."""
    rig = Rig(tmp_path, replace(FABRIC, cluster=None))
    rig.source.push(MANIFESTS)

    found = _preview(rig, is_fetching=True)
    assert found.netbox is not None
    assert (found.plan, len(found.netbox.creates) > 0) == (None, True)

    rig.fabric = replace(FABRIC, netbox=None)
    assert _preview(rig).netbox is None
    rig.store.close()


def test_a_fabric_of_nothing_known_asks_netbox(tmp_path: Path) -> None:
    """Where Git was never read NetBox is only asked whether it is there."""
    rig = Rig(tmp_path, replace(FABRIC, cluster=None))

    assert _preview(rig).netbox is None
    assert rig.netbox.calls == ["version"]
    rig.store.close()


def test_which_fabrics(rig: Rig) -> None:
    """Not one that is not configured, nor one that is disabled."""
    with pytest.raises(UnknownFabricError):
        _previewer(rig).preview("dc9")
    rig.fabric = replace(FABRIC, is_enabled=False)
    with pytest.raises(FabricDisabledError):
        _preview(rig)


def test_a_service_that_stops(synced: Rig) -> None:
    """It ends a preview between two phases."""
    synced.stop.set()

    with pytest.raises(StoppedError):
        _preview(synced)


def test_one_at_a_time(synced: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one preview of a fabric is made, another one waits for a moment, and is refused after that; later ones go
    on.
    """
    monkeypatch.setattr(preview, "PATIENCE", 0.0)
    previewer, refused = _previewer(synced), list[Exception]()

    class Busy:
        """A source that is asked while another preview wants its turn."""

        def last_fetched(self) -> Revision | None:
            with pytest.raises(PreviewBusyError) as caught:
                previewer.preview("dc1")
            refused.append(caught.value)
            return synced.source.last_fetched()

        def __getattr__(self, name: str) -> object:
            return getattr(synced.source, name)

    subject = Subject(FABRIC, Busy(), synced.cluster, synced.netbox)  # type: ignore[arg-type]  # the rest is the source's
    previewer = Previewer({"dc1": subject}.get, synced.store, synced.clock, threading.Event())

    assert previewer.preview("dc1").failures == ()
    assert "another plan of fabric 'dc1'" in str(refused[0])
    assert previewer.preview("dc1").failures == ()


def test_documents_are_checked(synced: Rig) -> None:
    """A document that a pass would refuse is refused here, with its problem, and nothing is planned of it."""
    synced.local.claim({"Switch": Schema({"type": "object", "properties": {}})})

    found = _preview(synced)

    assert found.desired is not None
    assert {one.rule for one in found.desired.problems} == {"UnknownField"}
    assert LEAF.key in found.desired.refused


def test_a_fight_is_foreseen(synced: Rig) -> None:
    """What passes left alone, because somebody changes it back again and again, a preview leaves alone too."""
    fights = Fights(synced.clock)
    drift = Drift(LEAF, None, "m")
    (live,) = [one for one in synced.local.list(LEAF.key.resource_kind) if one.key == LEAF.key]
    for _ in range(LIMIT):
        fights.note("dc1", ClusterPlan("dc1", drifted=(drift,)), {LEAF.key: live})
    synced.local.edit(LEAF.key, {"spec": {"description": "theirs"}})
    subject = Subject(synced.fabric, synced.source, synced.cluster, synced.netbox)
    previewer = Previewer({"dc1": subject}.get, synced.store, synced.clock, synced.stop, (Inspector(), fights))

    plan = previewer.preview("dc1").plan

    assert plan is not None
    assert plan.actions == ()
    assert [finding.key for finding in plan.fighting] == [LEAF.key]
