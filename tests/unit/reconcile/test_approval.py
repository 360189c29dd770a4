"""Passes over a fabric whose plans a person approves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ApplyConflictError, ClusterUnavailableError, ClusterUnreachableError, ObjectRejectedError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, with_spec, without

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFESTS = manifests()
LEAF = next(one for one in MANIFESTS if one.key.name == "leaf-01")
ATTACHMENTS = [one.key for one in MANIFESTS if one.key.kind == "VPCAttachment"]
ASKS = replace(FABRIC, cluster=ClusterPolicy(prune=True, needs_approval=True))
CHANGED = with_spec(MANIFESTS, LEAF.key, {**LEAF.spec, "description": "new"})


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Rig]:
    """A fabric that was brought in line before approval became required."""
    rig = Rig(tmp_path)
    rig.source.push(MANIFESTS)
    rig.run()
    rig.fabric = ASKS
    yield rig
    rig.store.close()


def _approve(rig: Rig) -> str:
    """What the last pass would have done may be done; the plan's hash."""
    approved = rig.last.plan_hash
    assert approved is not None
    rig.store.approve("dc1", approved, "ann")
    return approved


def test_nothing_happens_without_approval(tmp_path: Path) -> None:
    """Not even at first: the pass is blocked, names counts and hash, and the states say what is missing and why. NetBox
    is asked, and a request fails with the reason.
    """
    rig = Rig(tmp_path, ASKS)
    rig.source.push(MANIFESTS)
    request = rig.request()

    following = rig.run(request)

    assert rig.cluster.writes == ()
    assert (rig.last.outcome, rig.last.reason) == (Outcome.BLOCKED, "ApprovalRequired")
    assert f"{len(MANIFESTS)} creates wait" in rig.last.message
    assert (rig.last.plan_hash or "-")[:12] in rig.last.message
    assert rig.last.counts["held"] == len(MANIFESTS)
    told = {(one.state.value, one.reason) for one in rig.states().values()}
    assert told == {("desired_only", "ApprovalRequired")}
    assert (rig.verdict.status, rig.verdict.reason) == ("out_of_sync", "ApprovalRequired")
    assert rig.answered(request).state is RequestState.FAILED
    assert not following.is_retryable
    assert rig.store.inventory("dc1") == {}
    assert rig.record.last_sync is None
    rig.store.close()


def test_an_approved_plan_is_carried_out(asking: Rig) -> None:
    """Creates, updates and deletes of the plan whose hash was approved, and the approval is used up by it."""
    asking.source.push(without(CHANGED, *ATTACHMENTS))
    asking.run()
    before = len(asking.cluster.writes)
    states = asking.states()
    assert states[str(LEAF.key)].state == "changed"
    assert {states[str(key)].state.value for key in ATTACHMENTS} == {"prune_pending"}
    assert asking.netbox.writes > 0
    assert (asking.record.differing(), asking.record.drift(), asking.record.drift_since) == (1, 0, None)
    approved = _approve(asking)

    asking.run()

    assert len(asking.cluster.writes) - before == 1 + len(ATTACHMENTS)
    assert (asking.last.outcome, asking.last.plan_hash) == (Outcome.SUCCEEDED, approved)
    assert asking.verdict.status == "in_sync"
    assert asking.store.approval("dc1") is None


def test_drift_waits_for_approval_too(asking: Rig) -> None:
    """What somebody changed in the cluster is shown in NetBox and in the states, and reverted once it is approved."""
    asking.run()
    asking.local.edit(LEAF.key, {"spec": {"description": "by hand"}})
    writes = len(asking.cluster.writes)

    following = asking.run_scoped(LEAF.key)

    assert (asking.last.outcome, asking.last.reason) == (Outcome.BLOCKED, "ApprovalRequired")
    assert "a full pass tells which plan to approve" in asking.last.message
    assert len(asking.cluster.writes) == writes
    held = asking.states()[str(LEAF.key)]
    assert (held.state, held.reason, asking.last.counts["held"]) == ("changed", "Drift", 1)
    assert held.message is not None
    assert held.message.startswith("the cluster differs, and Git did not change; not applied: 1 update waits")
    assert asking.record.drift() == 1
    assert following.is_retryable, "the full pass that tells which plan to approve"
    asking.run()
    _approve(asking)
    asking.run()
    assert (asking.last.counts["updated"], asking.verdict.status) == (1, "in_sync")


def test_a_changed_plan_is_refused(asking: Rig) -> None:
    """What was approved is not what would be done by now: nothing is done, both hashes are named, and the approval is
    gone: it is not there for a plan that comes back.
    """
    asking.source.push(CHANGED)
    asking.run()
    approved = _approve(asking)
    asking.source.push(without(CHANGED, *ATTACHMENTS))
    writes = len(asking.cluster.writes)

    asking.run()

    assert len(asking.cluster.writes) == writes
    assert (asking.last.outcome, asking.last.reason) == (Outcome.BLOCKED, "PlanChanged")
    assert approved[:12] in asking.last.message
    assert (asking.last.plan_hash or "-")[:12] in asking.last.message
    assert asking.store.approval("dc1") is None
    asking.source.push(CHANGED)
    asking.run()
    assert (asking.last.plan_hash, asking.last.reason) == (approved, "ApprovalRequired")


def test_an_unknown_kind_does_not_end_an_approval(asking: Rig) -> None:
    """A plan that could not be made whole is not another plan: the approval waits for the next pass."""
    asking.source.push(without(CHANGED, *ATTACHMENTS))
    asking.run()
    approved = _approve(asking)
    asking.cluster.fail("list", ClusterUnavailableError("timed out"), subject="VPCAttachment")

    asking.run()
    assert asking.last.outcome is Outcome.FAILED
    assert asking.store.approval("dc1") is not None

    asking.run()
    assert (asking.last.outcome, asking.last.plan_hash) == (Outcome.SUCCEEDED, approved)


def test_a_cluster_that_is_away_does_not_use_up_an_approval(asking: Rig) -> None:
    """Where nothing could be written, the next pass carries the plan out."""
    asking.source.push(CHANGED)
    asking.run()
    _approve(asking)
    asking.cluster.fail("apply", ClusterUnreachableError("no route"))

    asking.run()
    assert asking.last.outcome is Outcome.PARTIAL
    assert asking.store.approval("dc1") is not None

    asking.run()
    assert (asking.last.outcome, asking.store.approval("dc1")) == (Outcome.SUCCEEDED, None)


def test_a_refused_object_uses_up_an_approval(asking: Rig) -> None:
    """The cluster said no: whether to try again is for whoever approves."""
    asking.source.push(CHANGED)
    asking.run()
    _approve(asking)
    asking.cluster.fail("apply", ObjectRejectedError("no"))

    asking.run()

    assert (asking.last.outcome, asking.store.approval("dc1")) == (Outcome.PARTIAL, None)


def test_approval_lifts_max_deletes(asking: Rig) -> None:
    """Where no approval is required, deletes beyond the limit go once they are approved, by the name that the pass told
    which did all the rest.
    """
    asking.fabric = replace(FABRIC, cluster=ClusterPolicy(prune=True, max_deletes=1))
    asking.source.push(without(CHANGED, *ATTACHMENTS))
    asking.run()
    assert (asking.last.outcome, asking.last.reason) == (Outcome.BLOCKED, "TooManyDeletes")
    assert asking.last.counts["updated"] == 1
    assert _approve(asking)[:12] in asking.last.message

    asking.run()

    assert (asking.last.outcome, asking.last.counts["deleted"]) == (Outcome.SUCCEEDED, len(ATTACHMENTS))
    assert asking.store.approval("dc1") is None


def _foreign(rig: Rig) -> None:
    """Another tool made the switch, with other values in a field that Git declares and in one that it does not."""
    body = LEAF.body("dc1")
    del body["metadata"]["annotations"]
    body["spec"] = {**LEAF.spec, "description": "theirs", "redundancy": {"group": "theirs"}}
    rig.local.apply(body, manager="other-tool")


def test_approval_takes_fields_that_were_shown(tmp_path: Path) -> None:
    """A conflict at first contact is reported, and resolved by approving the plan that names field and manager."""
    rig = Rig(tmp_path)
    _foreign(rig)
    rig.source.push(MANIFESTS)
    rig.run()
    assert rig.states()[str(LEAF.key)].reason == "Conflict"
    rig.run()
    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "Conflict")
    _approve(rig)

    rig.run()

    assert (rig.last.outcome, rig.last.counts["updated"]) == (Outcome.SUCCEEDED, 1)
    assert rig.states()[str(LEAF.key)].state == "in_sync"
    rig.store.close()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(".spec.description", Outcome.SUCCEEDED, id="shown"),
        pytest.param(".spec.role", Outcome.PARTIAL, id="not shown"),
    ],
)
def test_approval_takes_no_other_field(asking: Rig, field: str, expected: Outcome) -> None:
    """Of fields that somebody takes between plan and write, only those that the plan showed are forced."""
    asking.fabric = replace(FABRIC, cluster=ClusterPolicy(prune=True, needs_approval=True, self_heal=False))
    asking.source.push(CHANGED)
    asking.run()
    _approve(asking)
    asking.cluster.fail("apply", ApplyConflictError("taken", {field: "other-tool"}))

    asking.run()

    assert asking.last.outcome is expected
    assert (asking.states()[str(LEAF.key)].state == "in_sync") is (expected is Outcome.SUCCEEDED)
