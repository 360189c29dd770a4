"""Passes over a fabric to whose cluster something else applies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import Outcome, SyncState
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, without

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.objects import Manifest

MANIFESTS = manifests()
LEAF = next(one for one in MANIFESTS if one.key.name == "leaf-01")
OBSERVER = replace(FABRIC, cluster=ClusterPolicy(is_observer=True, prune=True))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """Another tool applied what Git declares."""
    rig = Rig(tmp_path, OBSERVER)
    rig.source.push(MANIFESTS)
    for manifest in MANIFESTS:
        _apply(rig, manifest)
    yield rig
    rig.store.close()


def _apply(rig: Rig, manifest: Manifest) -> None:
    body = manifest.body("dc1")
    del body["metadata"]["annotations"]
    rig.local.apply(body, manager="argocd-controller")


def test_what_another_tool_applied_is_in_sync(rig: Rig) -> None:
    """The pass succeeds without a write to the cluster, owns nothing, and NetBox is filled."""
    rig.run()

    assert (rig.last.outcome, rig.verdict.status) == (Outcome.SUCCEEDED, "in_sync")
    assert rig.cluster.writes == ()
    assert rig.store.inventory("dc1") == {}
    assert {state.state for state in rig.states().values()} == {"in_sync"}
    assert rig.last.counts["netbox_created"] > 0
    assert rig.last.message.startswith(f"compared the cluster with {rig.record.applied_revision}: nothing differs, ")


def test_drift_is_reported_and_left_alone(rig: Rig) -> None:
    """A changed field, an object that is gone, and one that Git no longer declares: zero writes, whatever the policy
    says of pruning; the pass succeeded, and the fabric is out of sync.
    """
    server = next(one for one in MANIFESTS if one.key.kind == "Server")
    extra = replace(server, key=server.key._replace(name="server-new"))
    rig.source.push([*without(MANIFESTS, server.key), extra])
    rig.local.edit(LEAF.key, {"spec": {"description": "by hand"}})

    rig.run()

    assert rig.cluster.writes == ()
    states = {key: one.state.value for key, one in rig.states().items() if one.state != "in_sync"}
    assert states == {str(LEAF.key): "changed", "Server/server-new": "desired_only", str(server.key): "cluster_only"}
    assert (rig.last.outcome, rig.last.counts["differing"]) == (Outcome.SUCCEEDED, 2)
    assert (rig.verdict.status, rig.verdict.reason) == ("out_of_sync", "Drifted")
    assert "2 object(s) differ" in rig.last.message


def test_a_scoped_pass_only_compares(rig: Rig) -> None:
    """A change in the cluster moves the state of its object, and is not reverted."""
    rig.run()
    rig.local.edit(LEAF.key, {"spec": {"description": "by hand"}})

    rig.run_scoped(LEAF.key)

    assert (rig.last.outcome, rig.cluster.writes) == (Outcome.SUCCEEDED, ())
    assert rig.states()[str(LEAF.key)].state == "changed"
    assert (rig.last.counts["differing"], rig.verdict.reason) == (1, "Drifted")
    assert rig.last.message.startswith("compared ")


def test_who_judges_changes_is_told(rig: Rig) -> None:
    """The watch must not look for our marks either."""
    rig.run()

    assert rig.known[-1] is not None
    assert rig.known[-1].is_observer


def test_what_we_own_is_kept(tmp_path: Path) -> None:
    """A fabric that is only observed for a while still owns what it applied before, and deletes nothing of it."""
    rig = Rig(tmp_path)
    rig.source.push(MANIFESTS)
    rig.run()
    owned = rig.store.inventory("dc1")
    writes = len(rig.cluster.writes)
    rig.fabric = OBSERVER
    attachments = [one.key for one in MANIFESTS if one.key.kind == "VPCAttachment"]
    rig.source.push(without(MANIFESTS, *attachments))

    rig.run()

    assert len(rig.cluster.writes) == writes
    assert rig.store.inventory("dc1") == owned
    assert rig.record.count(SyncState.CLUSTER_ONLY) == len(attachments) > 0
    rig.store.close()
