"""One pass: what it does, what it says, and what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    ClusterUnreachableError,
    GitAccessError,
    GitUnavailableError,
    KindNotServedError,
    NetBoxUnavailableError,
    ObjectRejectedError,
)
from reconciler.model.fabric import ClusterPolicy, NetBoxPolicy
from reconciler.model.netbox import Projection
from reconciler.model.passes import Outcome
from reconciler.model.problems import Problem
from reconciler.model.requests import Trigger
from reconciler.model.status import ConnectionState
from tests.unit.reconcile.rig import SHAPE, Rig, manifests, with_spec, without

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import ObjectKey, Resource

MANIFESTS = manifests()
SERVER = next(manifest.key for manifest in MANIFESTS if manifest.key.kind == "Server")
VPC = next(manifest for manifest in MANIFESTS if manifest.key.kind == "VPC")
REFUSED = Problem("fabrics/dc1/broken.yaml", 0, 3, "spec", "DuplicateKey", "key 'spec' twice")


def _attachments_of(server: ObjectKey) -> list[ObjectKey]:
    """The objects that refer to a server, directly or not."""
    connections = {m.key.name for m in MANIFESTS if m.key.kind == "Connection" and f"{server.name}/" in str(m.spec)}
    return [
        m.key
        for m in MANIFESTS
        if (m.key.kind == "Connection" and m.key.name in connections)
        or (m.key.kind == "VPCAttachment" and m.spec["connection"] in connections)
    ]


def test_a_first_pass_writes_everything(rig: Rig) -> None:
    """Every object is created, NetBox is filled, and the record says which revision is applied."""
    revision = rig.source.push(MANIFESTS)
    request = rig.request(Trigger.PUSH, revision.commit)

    following = rig.run(request)

    assert (rig.record.failures, following.is_retryable) == (0, False)
    assert rig.last.counts["created"] == len(MANIFESTS)
    assert rig.record.applied_revision == rig.record.desired_revision == str(revision)
    assert rig.record.last_sync == rig.last.finished
    assert rig.verdict.status == "in_sync"
    assert {state.state for state in rig.states().values()} == {"in_sync"}
    answered = rig.answered(request)
    assert (answered.state, answered.outcome, answered.pass_id) == ("succeeded", "succeeded", rig.last.id)
    assert set(rig.last.phases) == {"fetch", "read", "observe", "plan", "apply", "project", "netbox"}


def test_a_second_pass_writes_nothing(synced: Rig) -> None:
    """A pass that finds nothing to do succeeds without a single write."""
    before = synced.writes()

    synced.run()

    assert synced.writes() == before
    assert synced.last.outcome is Outcome.SUCCEEDED
    assert synced.last.counts["unchanged"] == len(MANIFESTS)
    assert synced.record.last_sync == synced.last.finished


def test_one_change_is_one_write(synced: Rig) -> None:
    """A changed object is applied alone."""
    before = len(synced.cluster.writes)
    synced.source.push(with_spec(MANIFESTS, VPC.key, {**VPC.spec, "defaultIsolated": True}))

    synced.run()

    assert [call.subject for call in synced.cluster.writes[before:]] == [str(VPC.key)]
    assert synced.last.counts["updated"] == 1


def _keys(rig: Rig) -> set[str]:
    """The keys of all records in NetBox."""
    return {record.key or "" for record in rig.netbox.observe("dc1", Projection()).records}


def test_prune(synced: Rig) -> None:
    """What left Git is deleted from the cluster, dependents first, and then from NetBox."""
    gone = [*_attachments_of(SERVER), SERVER]
    before = len(synced.cluster.writes)
    synced.source.push(without(MANIFESTS, *gone))

    synced.run()

    deleted = [call.subject for call in synced.cluster.writes[before:]]
    assert set(deleted) == {str(key) for key in gone}
    assert deleted[-1] == str(SERVER)
    assert synced.last.counts["netbox_deleted"] > len(gone)
    owners = {str(key.partition("#")[0]) for key in _keys(synced)}
    assert owners.isdisjoint(f"dc1/{key}" for key in gone)
    assert synced.verdict.status == "in_sync"


def test_without_prune_it_waits(rig: Rig) -> None:
    """With prune off the object stays, is counted, and the fabric is not in sync although the pass succeeded."""
    rig.fabric = replace(rig.fabric, cluster=ClusterPolicy(prune=False))
    rig.source.push(MANIFESTS)
    rig.run()
    gone = [*_attachments_of(SERVER), SERVER]
    rig.source.push(without(MANIFESTS, *gone))

    rig.run()

    assert [call for call in rig.cluster.writes if call.verb == "delete"] == []
    assert rig.states()[str(SERVER)].state == "prune_pending"
    assert (rig.last.outcome, rig.verdict.status, rig.verdict.reason) == ("succeeded", "out_of_sync", "PrunePending")


def _broken(rig: Rig) -> None:
    rig.source.push(without(MANIFESTS, *_attachments_of(SERVER), SERVER), [REFUSED])


def _empty(rig: Rig) -> None:
    rig.source.push([])


def _unknown_kind(rig: Rig) -> None:
    rig.source.push(without(MANIFESTS, *_attachments_of(SERVER), SERVER))
    rig.cluster.fail("list", ClusterUnavailableError("timed out"), subject="VPCPeering")


def _git_away(rig: Rig) -> None:
    rig.source.push(without(MANIFESTS, *_attachments_of(SERVER), SERVER))
    rig.source.fetch()
    rig.source.fail(GitUnavailableError("no route to host"))


def _too_many(rig: Rig) -> None:
    rig.source.push(MANIFESTS[:3])


@pytest.mark.parametrize(
    ("happens", "outcome", "reason"),
    [
        pytest.param(_broken, "partial", "DocumentsRefused", id="a document is broken"),
        pytest.param(_empty, "blocked", "DesiredEmpty", id="Git declares nothing"),
        pytest.param(_unknown_kind, "failed", "KindUnknown", id="a kind could not be read"),
        pytest.param(_git_away, "failed", "DesiredOutdated", id="Git could not be fetched"),
        pytest.param(_too_many, "blocked", "TooManyDeletes", id="more than max_deletes"),
    ],
)
def test_nothing_is_deleted(synced: Rig, happens: object, outcome: str, reason: str) -> None:
    """When what was read may not be all there is, nothing is deleted anywhere, and PruneBlocked says why."""
    assert callable(happens)
    happens(synced)

    synced.run()

    assert [call for call in synced.cluster.writes if call.verb == "delete"] == []
    assert "delete" not in synced.netbox.calls
    assert synced.last.outcome == outcome
    assert synced.condition("PruneBlocked") == ("True", reason)
    assert synced.verdict.status in {"error", "out_of_sync"}


def test_good_documents_are_applied_beside_a_broken_one(rig: Rig) -> None:
    """A refused document makes the pass partial; the others are applied; only Git can change that."""
    rig.source.push(MANIFESTS, [REFUSED])

    following = rig.run()

    assert rig.last.counts["created"] == len(MANIFESTS)
    assert (rig.last.outcome, rig.last.reason) == ("partial", "DocumentsRefused")
    assert "fabrics/dc1/broken.yaml:3: key 'spec' twice" in rig.last.message
    assert (rig.record.failures, following.is_retryable) == (1, False)
    assert rig.record.last_sync is None
    assert rig.record.applied_revision is None
    assert rig.record.problems == (REFUSED,)
    assert rig.condition("Stalled")[0] == "True"


def test_a_failed_object_holds_up_only_its_dependents(rig: Rig) -> None:
    """Objects that need the failed one wait and say for whom; all others are applied."""
    rig.cluster.fail("apply", ObjectRejectedError("spec.subnets: wrong"), subject=str(VPC.key))
    rig.source.push(MANIFESTS)

    rig.run()

    states = rig.states()
    waiting = {name for name, state in states.items() if state.state == "waiting"}
    assert states[str(VPC.key)].state == "failed"
    assert "wrong" in (states[str(VPC.key)].message or "")
    assert waiting
    assert all(str(VPC.key) in (states[name].message or "") for name in waiting)
    assert rig.last.counts["created"] == len(MANIFESTS) - 1 - len(waiting)
    rig.run()
    assert rig.verdict.status == "in_sync"


def test_a_cluster_that_goes_away_in_the_middle(rig: Rig) -> None:
    """After three unanswered writes the others are not tried; the next pass finishes."""
    rig.cluster.fail("apply", ClusterUnreachableError("connection refused"), times=10_000)
    rig.source.push(MANIFESTS)

    following = rig.run()

    assert len(rig.cluster.writes) < 20
    assert rig.last.outcome == "partial"
    assert rig.record.connections["cluster"].state is ConnectionState.FAILING
    assert following.is_retryable


def test_answered_errors_stop_nobody_else(rig: Rig) -> None:
    """A webhook that is down for one kind holds up that kind and what needs it, however many objects it has."""
    for server in {manifest.key for manifest in MANIFESTS if manifest.key.kind == "Server"}:
        rig.cluster.fail("apply", ClusterUnavailableError("an admission webhook is down"), subject=str(server))
    rig.source.push(MANIFESTS)

    rig.run()

    states = rig.states()
    assert states[str(VPC.key)].state == "in_sync"
    assert states[str(SERVER)].state == "failed"


def test_records_of_a_kind_that_is_not_served_stay(synced: Rig) -> None:
    """A kind that the cluster stops to serve empties nothing in NetBox."""
    synced.cluster.fail("list", KindNotServedError("404"), subject="Server", times=1)
    synced.cluster.fail("apply", KindNotServedError("404"), times=100)

    synced.run()

    assert "delete" not in synced.netbox.calls
    assert synced.condition("PruneBlocked")[0] == "True"


def test_git_is_away(synced: Rig) -> None:
    """The pass fails and names Git; drift is healed at the last fetched revision; what succeeded before stays said."""
    before = synced.record
    drifted = {**VPC.body("dc1"), "spec": {**VPC.spec, "defaultIsolated": True}}
    synced.cluster.apply(drifted, force=True)
    synced.source.fail(GitUnavailableError("no route to host"))

    following = synced.run()

    assert (synced.last.outcome, synced.last.reason) == ("failed", "GitUnavailable")
    assert following.is_retryable
    assert synced.condition("GitReady") == ("False", "GitUnavailable")
    assert synced.condition("ClusterReady")[0] == synced.condition("NetBoxReady")[0] == "True"
    assert synced.record.connections["git"].state is ConnectionState.FAILING
    assert (synced.record.last_sync, synced.record.applied_revision) == (before.last_sync, before.applied_revision)
    assert synced.last.counts["updated"] == 1


def test_git_refuses_us(rig: Rig) -> None:
    """Wrong credentials stall: trying again by itself is pointless."""
    rig.source.push(MANIFESTS)
    rig.source.fail(GitAccessError("401"))

    following = rig.run()

    assert (rig.last.outcome, rig.last.reason, following.is_retryable) == ("failed", "GitAccessDenied", False)
    assert rig.verdict.status == "error"
    assert rig.writes() == 0


def test_the_branch_is_missing(synced: Rig) -> None:
    """An empty repository or a lost branch is said as such; the host did answer; nothing is planned from old state."""
    rig = synced
    rig.source._commits.clear()

    following = rig.run()

    assert (rig.last.outcome, rig.last.reason) == ("failed", "BranchNotFound")
    assert rig.condition("BranchNotFound")[0] == "True"
    assert rig.record.connections["git"].state is ConnectionState.OK
    assert not following.is_retryable
    assert [call for call in rig.cluster.writes if call.verb == "delete"] == []


@pytest.mark.parametrize(
    ("error", "reason", "is_retryable"),
    [
        pytest.param(ClusterUnavailableError("refused"), "ClusterUnavailable", True, id="unreachable"),
        pytest.param(ClusterAccessError("forbidden"), "ClusterAccessDenied", False, id="forbidden"),
    ],
)
def test_the_cluster_is_away(synced: Rig, error: ClusterUnavailableError, reason: str, *, is_retryable: bool) -> None:
    """Nothing is known of the cluster: NetBox is left as it is, every object is unknown, one time-out is paid."""
    before = synced.writes(), len(synced.cluster.calls)
    synced.cluster.fail("list", error, times=100)

    following = synced.run()

    assert (synced.last.outcome, synced.last.reason) == ("failed", reason)
    assert following.is_retryable is is_retryable
    assert synced.writes() == before[0]
    assert [call.verb for call in synced.cluster.calls[before[1] :]] == ["version", "list"]
    assert synced.condition("ClusterReady") == ("False", reason)
    assert synced.condition("NetBoxReady")[0] == "True"
    assert {state.state for state in synced.states().values()} == {"unknown"}


def test_netbox_is_away(synced: Rig) -> None:
    """The cluster gets what Git declares; that is no success; the next pass brings NetBox in line."""
    synced.netbox.fail("observe", NetBoxUnavailableError("502"))
    synced.source.push(with_spec(MANIFESTS, VPC.key, {**VPC.spec, "defaultIsolated": True}))
    before = synced.record

    following = synced.run()

    assert synced.last.counts["updated"] == 1
    assert (synced.last.outcome, synced.last.reason) == ("failed", "NetBoxUnavailable")
    assert following.is_retryable
    assert (synced.record.last_sync, synced.record.applied_revision) == (before.last_sync, before.applied_revision)
    assert synced.verdict.status == "error"
    synced.run()
    assert synced.verdict.status == "in_sync"


def test_a_bad_record_is_named(rig: Rig) -> None:
    """A record that NetBox refuses makes the pass partial; the others are written."""
    rig.netbox.refuse(f"dc1/{SERVER}", "name: too ugly")
    rig.source.push(MANIFESTS)

    rig.run()

    assert (rig.last.outcome, rig.last.reason) == ("partial", "NetBoxRejected")
    assert "too ugly" in rig.last.message
    assert rig.last.counts["netbox_created"] > 5


def test_a_kind_that_is_not_served(rig: Rig) -> None:
    """A kind that the cluster lacks concerns only a fabric that declares objects of it."""
    rig.cluster.fail("list", KindNotServedError("404"), subject="GatewayPeering", times=2)
    rig.source.push(MANIFESTS)
    rig.run()
    assert rig.last.outcome is Outcome.SUCCEEDED


def test_an_unexpected_error_is_reported(rig: Rig) -> None:
    """A defect in a phase fails the pass with its name; the other phases go on and the worker lives."""
    rig.source.push(MANIFESTS)
    rig.netbox.fail("observe", ZeroDivisionError())  # type: ignore[arg-type]

    following = rig.run()

    assert (rig.last.outcome, rig.last.reason) == ("failed", "InternalError")
    assert "ZeroDivisionError" in rig.last.message
    assert rig.last.counts["created"] == len(MANIFESTS)
    assert following.is_retryable


def test_netbox_alone(rig: Rig) -> None:
    """A fabric without a cluster shows in NetBox what Git declares."""
    rig.fabric = replace(rig.fabric, cluster=None, netbox=NetBoxPolicy("dc1"))
    rig.source.push(MANIFESTS)

    rig.run()

    assert rig.last.outcome is Outcome.SUCCEEDED
    assert rig.last.counts["netbox_created"] > 0
    assert rig.cluster.calls == ()
    assert rig.verdict.status == "in_sync"


def test_the_cluster_alone(rig: Rig) -> None:
    """A fabric without NetBox never speaks to one."""
    rig.fabric = replace(rig.fabric, netbox=None)
    rig.source.push(MANIFESTS)

    rig.run()

    assert rig.last.outcome is Outcome.SUCCEEDED
    assert rig.netbox.calls == []


def test_files_in_raw_keep_it_out_of_sync(rig: Rig) -> None:
    """Files that nobody ingested are counted: nothing to do is not success while they wait."""
    rig.source.push(MANIFESTS, raw=2)

    rig.run()

    assert (rig.verdict.status, rig.verdict.reason) == ("out_of_sync", "RawPending")


def test_drift_that_is_not_healed(rig: Rig) -> None:
    """Without self_heal a difference is reported, with since when, and not reverted."""
    rig.fabric = replace(rig.fabric, cluster=ClusterPolicy(self_heal=False))
    rig.source.push(MANIFESTS)
    rig.run()
    before = len(rig.cluster.writes)
    rig.cluster._inner.apply({**VPC.body("dc1"), "spec": {**VPC.spec, "defaultIsolated": True}}, force=True)

    rig.run()
    since = rig.record.drift_since
    rig.run()

    assert len(rig.cluster.writes) == before
    assert rig.states()[str(VPC.key)].state == "changed"
    assert rig.verdict.reason == "Drifted"
    assert since is not None
    assert rig.record.drift_since == since


def test_the_shape_is_what_the_tests_need() -> None:
    """The fabric has what is looked at: a server with dependents, a VPC with dependents."""
    assert SHAPE.servers > 1
    assert _attachments_of(SERVER)
    assert len(MANIFESTS) > 15


def _foreign(rig: Rig, kind: str, group: str) -> Resource:
    """An object that another client made."""
    metadata = {"name": f"foreign-{kind.lower()}", "namespace": "default"}
    body: JSONObject = {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": {}}
    return rig.local.apply(body, manager="kubectl")


def test_netbox_keeps_what_it_shows_of_a_kind_that_is_gone(synced: Rig) -> None:
    """A kind that is not served looks as if it had no objects. Its records stay, and other deletes go on."""
    _foreign(synced, "Gateway", "gateway.githedgehog.com/v1alpha1")
    server = _foreign(synced, "Server", "wiring.githedgehog.com/v1beta1")
    synced.run()
    before = _keys(synced)
    synced.cluster.fail("list", KindNotServedError("404"), subject="Gateway", times=100)
    synced.local.delete(server)

    synced.run()

    assert before - _keys(synced) == {f"dc1/{server.key}"}
    assert synced.condition("PruneBlocked")[0] == "True"
    assert "does not serve Gateway" in synced.last.message
