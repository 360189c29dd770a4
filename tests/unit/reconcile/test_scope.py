"""A pass that is asked to look at some objects only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterUnavailableError, GitUnavailableError
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import SyncState
from reconciler.model.requests import RequestState, Trigger, Work
from reconciler.plan.projection.context import UNDERLAY
from reconciler.queue import Taken
from tests.contract.netbox_world import LocalPerson
from tests.unit.reconcile.rig import Rig, manifests, without

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.objects import Manifest

LEAF = ObjectKey("Switch", "default", "leaf-01")
SPINE = ObjectKey("Switch", "default", "spine-01")


@pytest.fixture
def synced(tmp_path: Path) -> Rig:
    """A fabric in sync."""
    rig = Rig(tmp_path)
    rig.source.push(manifests())
    rig.run()
    assert rig.last.outcome == "succeeded"
    return rig


def declared(key: ObjectKey) -> Manifest:
    (found,) = [manifest for manifest in manifests() if manifest.key == key]
    return found


def edit(rig: Rig, key: ObjectKey, description: str) -> None:
    """Another client changes a field that Git declares."""
    rig.local.edit(key, {"spec": {"description": description}})


def test_only_the_objects_of_the_scope_are_healed(synced: Rig) -> None:
    """Drift of the named object is reverted; that of another one waits for whoever names it."""
    edit(synced, LEAF, "by hand")
    edit(synced, SPINE, "by hand")
    synced.source.fail(GitUnavailableError("a scoped pass does not fetch"))

    synced.run_scoped(LEAF)

    assert (synced.last.outcome, synced.last.counts.get("updated")) == ("succeeded", 1)
    assert synced.last.scope == (LEAF,)
    assert synced.cluster.writes[-1].subject == str(LEAF)


def test_last_sync_and_revision_do_not_move(synced: Rig) -> None:
    """Only a full pass moves what is said of the whole fabric."""
    before = synced.record
    edit(synced, LEAF, "by hand")

    synced.run_scoped(LEAF)

    after = synced.record
    assert after == before
    assert before.last_pass is not None
    assert synced.last.id != before.last_pass.id


def test_drift_that_may_not_be_healed_is_counted(tmp_path: Path) -> None:
    """With self_heal off the drift shows at once, and is gone once somebody reverted it by hand."""
    rig = Rig(tmp_path)
    assert rig.fabric.cluster is not None
    rig.fabric = replace(rig.fabric, cluster=replace(rig.fabric.cluster, self_heal=False))
    rig.source.push(manifests())
    rig.run()
    in_sync = rig.record.count(SyncState.IN_SYNC)
    edit(rig, LEAF, "by hand")

    rig.run_scoped(LEAF)

    assert (rig.record.drift(), rig.record.count(SyncState.IN_SYNC)) == (1, in_sync - 1)
    assert rig.verdict.reason == "Drifted"
    assert rig.record.drift_since is not None

    edit(rig, LEAF, declared(LEAF).spec["description"])
    rig.run_scoped(LEAF)

    assert rig.record.drift() == 0
    assert rig.record.drift_since is None


def test_a_newer_commit_widens_the_pass(synced: Rig) -> None:
    """What Git declares by now is not what the scope speaks of: the whole fabric is looked at, and last_sync moves."""
    before = synced.record.last_sync
    tip = synced.source.push(without(manifests(), SPINE))
    synced.source.fetch()

    synced.run_scoped(LEAF)

    assert synced.last.scope is None
    assert synced.record.applied_revision == str(tip)
    assert synced.record.last_sync != before


def test_a_failed_full_pass_widens_the_next_one(synced: Rig) -> None:
    """After a failure nothing less than the whole fabric is known to be right."""
    synced.source.fail(GitUnavailableError("away"))
    synced.run()
    assert synced.last.outcome == "failed"

    synced.run_scoped(LEAF)

    assert synced.last.scope is None


def test_nothing_is_deleted(synced: Rig) -> None:
    """An object that Git does not declare and that says it is ours waits for a full pass."""
    stray = declared(LEAF).body(synced.fabric.name)
    stray["metadata"]["name"] = "leaf-09"
    synced.local.apply(stray)
    key = ObjectKey("Switch", "default", "leaf-09")

    synced.run_scoped(key)
    synced.run_scoped(key)

    assert "Switch/leaf-09" in {str(one.key) for one in synced.local.list(key.resource_kind)}
    assert synced.states()["Switch/leaf-09"].reason == "FullPassNeeded"


def test_a_cluster_that_is_away_fails_the_pass_only(synced: Rig) -> None:
    """The record of the fabric is left to a full pass, which must follow."""
    before = synced.record
    synced.cluster.fail("list", ClusterUnavailableError("refused"), times=100)

    synced.run_scoped(LEAF)

    assert synced.last.outcome == "failed"
    assert synced.record.last_pass == before.last_pass
    assert synced.record.last_sync == before.last_sync


def test_netbox_follows_an_object_that_is_gone(synced: Rig) -> None:
    """An object that nobody declares and that another client deleted leaves NetBox with the pass over it."""
    foreign = declared(LEAF).body("nobody")
    foreign["metadata"] = {"name": "leaf-08", "namespace": "default"}
    synced.local.apply(foreign, manager="kubectl")
    key = ObjectKey("Switch", "default", "leaf-08")

    synced.run_scoped(key)
    created = synced.last.counts["netbox_created"]

    (resource,) = [one for one in synced.local.list(key.resource_kind) if one.key == key]
    synced.local.delete(resource)
    synced.run_scoped(key)

    assert synced.last.counts["netbox_deleted"] == created
    assert "Switch/leaf-08" not in synced.states()


def test_a_request_of_a_scoped_pass_ends(synced: Rig) -> None:
    """An event that was accepted over HTTP is answered by the pass over its objects."""
    request = synced.request(Trigger.NETBOX)

    synced.runner().run(Taken("dc1", Work((Trigger.NETBOX,), (request.id,), frozenset({LEAF})), 0.0))

    answered = synced.answered(request)
    assert (answered.state, answered.pass_id) == (RequestState.SUCCEEDED, synced.last.id)


def test_what_is_known_after_a_pass(synced: Rig) -> None:
    """Listeners learn what Git declares and what is not settled."""
    known = synced.known[-1]

    assert known is not None
    assert set(known.manifests) == {one.key for one in manifests()}
    assert not known.unsettled
    assert (known.fabric, known.has_netbox) == ("dc1", True)


@pytest.mark.parametrize("is_deleted", [True, False])
def test_the_vrf_of_the_fabric(synced: Rig, is_deleted: bool) -> None:  # noqa: FBT001 - a table's column
    """It belongs to no object, and comes back all the same, with all that was in it."""
    person = LocalPerson(synced.netbox_documents, "dc1")
    (vrf,) = [row for row in person.tables().rows.values() if row.key == "dc1/Fabric/underlay"]
    inside = [row for row in person.tables().dependents(vrf) if row.model == "ipam/ip-addresses"]
    if is_deleted:
        for row in (*inside, vrf):
            person.remove(row.model, row.id)
    else:
        person.edit(vrf.model, vrf.id, {"name": "renamed", "enforce_unique": False})

    synced.run_scoped(UNDERLAY, trigger=Trigger.NETBOX)

    assert (synced.last.outcome, synced.last.scope) == ("succeeded", (UNDERLAY,))
    (healed,) = [row for row in person.tables().rows.values() if row.key == "dc1/Fabric/underlay"]
    assert {**healed.fields} == {**vrf.fields}
    assert {row.key for row in person.tables().dependents(healed)} >= {row.key for row in inside} != set()
