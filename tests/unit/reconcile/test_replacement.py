"""Passes that delete objects to create them again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, ObjectRejectedError, StateError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.kinds import KINDS
from reconciler.model.requests import Trigger
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, with_spec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.errors import ReconcilerError
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry

BEFORE = manifests()
OLD = next(one for one in BEFORE if one.key.kind == "Connection" and "eslag" in one.spec)
"""A connection with an attachment."""
KEY, NAME = OLD.key, str(OLD.key)
AFTER = with_spec(BEFORE, KEY, {"bundled": {"links": OLD.spec["eslag"]["links"]}})


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """The fabric is applied; the next commit makes a connection anew. Others' deletes are only reported."""
    policy = ClusterPolicy(self_heal=False)
    made = Rig(tmp_path, replace(FABRIC, cluster=policy, netbox=None))
    made.source.push(BEFORE)
    made.run()
    assert made.last.outcome == "succeeded"
    made.source.push(AFTER)
    return made


def _is_there(rig: Rig) -> bool:
    return any(one.key == KEY for one in rig.local.list(KEY.resource_kind))


def _converges(rig: Rig) -> bool:
    rig.run()
    return rig.last.outcome == "succeeded" and {one.state.value for one in rig.states().values()} == {"in_sync"}


def test_one_pass_makes_it_anew(rig: Rig) -> None:
    """With its attachments; what was done is counted as it was done."""
    uids = {one.key: one.uid for one in rig.local.list(KEY.resource_kind)}

    assert _converges(rig)
    assert rig.last.counts["deleted"] == rig.last.counts["created"] == 2
    assert rig.last.counts.get("updated", 0) == 0
    assert rig.store.inventory("dc1")[KEY].uid not in {uids[KEY], None}
    rig.run()
    assert rig.last.counts.get("created", 0) == 0


def test_what_was_not_deleted_is_not_created(rig: Rig) -> None:
    """The error is that of the delete, and is told once."""
    rig.cluster.fail("delete", ObjectRejectedError("not now"), subject=NAME)
    before = len(rig.cluster.writes)

    rig.run()

    assert ("apply", NAME) not in rig.cluster.writes[before:]
    assert [one.message for one in rig.last.failures if one.subject == NAME] == ["not now"]
    assert rig.states()[NAME].state == "failed"
    assert _is_there(rig)
    assert _converges(rig)


def _attachments(rig: Rig) -> dict[ObjectKey, str]:
    """Those of the connection, with their uids."""
    found = rig.local.list(KINDS["VPCAttachment"])
    return {one.key: one.uid for one in found if one.spec["connection"] == KEY.name}


@pytest.mark.parametrize("error", [ObjectRejectedError("it is in use"), ClusterAccessError("may not delete it")])
def test_what_was_deleted_for_nothing_comes_back(rig: Rig, error: ReconcilerError) -> None:
    """In the same pass. It is not taken down again for a delete that is refused: that needs another object or another
    declaration, or somebody who asks.
    """
    runner = rig.runner()
    before = _attachments(rig)
    rig.cluster.fail("delete", error, subject=NAME)

    rig.run(by=runner)

    then = _attachments(rig)
    assert then.keys() == before.keys()
    assert then != before
    assert [one.subject for one in rig.last.failures] == [NAME]
    assert {rig.states()[str(key)].state for key in then} == {"in_sync"}
    rig.run(rig.request(Trigger.POLL), by=runner)
    assert _attachments(rig) == then
    assert (rig.states()[NAME].state, rig.states()[NAME].reason) == ("failed", "DeleteRefused")
    assert f"could not be deleted: {error.message}" in (rig.states()[NAME].message or "")
    rig.run(by=runner)
    assert rig.last.outcome == "succeeded"
    assert _attachments(rig) != then


def test_git_ends_a_refusal(rig: Rig) -> None:
    """What it declares otherwise is tried anew."""
    runner = rig.runner()
    rig.cluster.fail("delete", ObjectRejectedError("it is in use"), subject=NAME)
    rig.run(by=runner)
    links = OLD.spec["eslag"]["links"]
    rig.source.push(with_spec(BEFORE, KEY, {"bundled": {"links": links, "mtu": 9000}}))

    rig.run(rig.request(Trigger.PUSH), by=runner)

    assert rig.last.outcome == "succeeded"


def test_what_could_not_be_created_is_gone_and_comes_back(rig: Rig) -> None:
    """State and inventory say so."""
    rig.cluster.fail("apply", ObjectRejectedError("no such port"), subject=NAME)

    rig.run()

    assert rig.states()[NAME].message == "it was deleted to be made anew, and is not there now: no such port"
    assert not _is_there(rig)
    assert rig.store.inventory("dc1")[KEY].is_replaced
    assert _converges(rig)


@pytest.mark.parametrize("is_late", [True, False])
@pytest.mark.parametrize("verb", ["delete", "apply"])
def test_an_answer_that_is_lost(rig: Rig, verb: str, is_late: bool) -> None:  # noqa: FBT001 - a table's column
    """Whether it was done or not: the next pass sees, and does the rest, with self_heal or without."""
    rig.cluster.fail(verb, ClusterUnavailableError("no answer"), subject=NAME, is_late=is_late)

    rig.run()

    assert rig.last.outcome == "partial"
    assert _converges(rig)


@pytest.mark.parametrize("calls", range(4))
def test_a_stop_in_between(rig: Rig, calls: int) -> None:
    """Also between delete and create. What was deleted is known to be by our own hand, and is created again."""
    left = iter(range(calls))

    def stop_in_time(*_: object) -> None:
        if next(left, None) is None:
            rig.stop.set()

    rig.local.follow(stop_in_time)

    rig.run()
    rig.stop.clear()

    assert _converges(rig)


def test_nothing_is_deleted_that_could_be_forgotten(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store cannot be written the pass does not begin to delete."""

    def broken(fabric: str, inventory: Mapping[ObjectKey, InventoryEntry]) -> None:
        raise StateError("the disk is full")

    before = len(rig.cluster.writes)
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "remember", broken)
        rig.run()

    assert rig.last.outcome == "failed"
    assert len(rig.cluster.writes) == before


def test_a_pass_over_some_objects_asks_for_a_full_one(rig: Rig) -> None:
    """It deletes nothing; the object is reported, and a full pass follows."""
    rig.run()
    body = next(one for one in BEFORE if one.key == KEY).body("dc1")
    rig.local.delete(next(one for one in rig.local.list(KEY.resource_kind) if one.key == KEY))
    rig.local.apply(body)

    following = rig.run_scoped(KEY)

    assert (rig.last.outcome, rig.last.reason) == ("blocked", "FullPassNeeded")
    assert rig.states()[NAME].reason == "FullPassNeeded"
    assert following.is_retryable


def test_an_approved_replacement_that_was_cut_off(tmp_path: Path) -> None:
    """The approval is of a plan that is no more, but what we deleted ourselves is created again without another one."""
    policy = ClusterPolicy(needs_approval=True)
    rig = Rig(tmp_path, replace(FABRIC, cluster=policy, netbox=None))
    for manifest in BEFORE:
        rig.local.apply(manifest.body("dc1"))
    rig.source.push(BEFORE)
    rig.run()
    rig.source.push(AFTER)
    rig.run()
    assert (rig.last.reason, rig.last.plan_hash is not None) == ("ApprovalRequired", True)
    rig.store.approve("dc1", rig.last.plan_hash or "", "ann")
    rig.cluster.fail("apply", ClusterUnavailableError("cut off"), subject=NAME)
    rig.run()
    assert not _is_there(rig)

    rig.run()

    assert _is_there(rig)
    assert {one.state.value for one in rig.states().values()} == {"in_sync"}
    rig.store.close()
