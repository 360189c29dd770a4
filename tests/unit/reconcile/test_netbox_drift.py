"""Passes without `netbox.self_heal`: what others make of our records is reported until it is undone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import ExistingRecord, Projection, RecordChange
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import Outcome
from reconciler.model.requests import Trigger
from reconciler.reconcile import Previewer, Subject
from tests.unit.reconcile.conftest import MANIFESTS
from tests.unit.reconcile.rig import with_spec

if TYPE_CHECKING:
    from reconciler.model.netbox import Value
    from tests.unit.reconcile.rig import Rig

VRF = "dc1/VPC/vpc-01"
VPC = ObjectKey("VPC", "default", "vpc-01")


@pytest.fixture
def reporting(synced: Rig) -> Rig:
    """The fabric, from now on without `netbox.self_heal`."""
    synced.fabric = replace(synced.fabric, netbox=NetBoxPolicy("dc1", self_heal=False))
    return synced


def record(rig: Rig, key: str, model: str = "ipam/vrfs") -> ExistingRecord | None:
    """Ours with this key, as NetBox holds it."""
    seen = rig.netbox.observe("dc1", Projection())
    found = [one for one in seen.records if (one.model, one.key) == (model, key)]
    return found[0] if found else None


def edit(rig: Rig, key: str, model: str = "ipam/vrfs", /, **fields: Value) -> dict[str, Value]:
    """Somebody changes a record; what the fields were."""
    existing = record(rig, key, model)
    assert existing is not None
    change = RecordChange(existing, fields)
    (result,) = rig.netbox.update([change])
    assert result.error is None
    return change.before


def test_an_edit_is_reported_until_it_is_undone(reporting: Rig) -> None:
    """An event leads to a pass over the object, which reports the edit; one that undoes it clears that."""
    before = edit(reporting, VRF, name="renamed")
    writes = reporting.writes()

    reporting.run_scoped(VPC, trigger=Trigger.NETBOX)

    assert reporting.last.scope is not None
    assert (reporting.last.outcome, reporting.last.counts["netbox_drifted"]) == (Outcome.SUCCEEDED, 1)
    assert reporting.writes() == writes
    assert (reporting.verdict.status, reporting.verdict.reason) == ("out_of_sync", "NetBoxDrifted")
    assert (reporting.record.drift(), reporting.record.drift_since) == (1, reporting.last.finished)
    assert reporting.record.netbox_drifted[0].endswith(f"{VRF}: it was edited in NetBox: name")

    edit(reporting, VRF, **before)
    reporting.run_scoped(VPC, trigger=Trigger.NETBOX)

    assert (reporting.verdict.status, reporting.record.drift_since) == ("in_sync", None)


def test_full_passes_report_it_again_and_store_nothing(reporting: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is reported for as long as it lasts. What is kept of NetBox is written only when it changes."""
    edit(reporting, VRF, name="renamed")
    kept: list[object] = []
    monkeypatch.setattr(reporting.store, "keep_lines", lambda *told: kept.append(told))

    reporting.run()
    reporting.run()

    assert (reporting.record.drift(), kept) == (1, [])


def test_a_deleted_record_is_reported(reporting: Rig) -> None:
    """It stays away, until self_heal is on again: then it is made anew."""
    ranges = [one for one in reporting.netbox.observe("dc1", Projection()).records if one.model == "dcim/cables"]
    reporting.netbox.delete(ranges[:1])

    reporting.run()
    assert (reporting.last.outcome, reporting.verdict.reason) == (Outcome.SUCCEEDED, "NetBoxDrifted")
    assert record(reporting, str(ranges[0].key), "dcim/cables") is None

    reporting.fabric = replace(reporting.fabric, netbox=NetBoxPolicy("dc1"))
    reporting.run()
    assert (reporting.last.counts["netbox_created"], reporting.verdict.status) == (1, "in_sync")


def test_a_declared_change_leaves_an_edit(reporting: Rig) -> None:
    """Git changes one field of a record that somebody edited in another one: that is written, and no more."""
    (vpc,) = [one for one in MANIFESTS if one.key == VPC]
    subnet = next(iter(vpc.spec["subnets"]))
    key = f"{VRF}#{subnet}"
    edit(reporting, key, "ipam/vlans", status="reserved")
    spec = {**vpc.spec, "subnets": {**vpc.spec["subnets"], subnet: {**vpc.spec["subnets"][subnet], "vlan": 1999}}}

    reporting.source.push(with_spec(MANIFESTS, VPC, spec))
    reporting.run()

    found = record(reporting, key, "ipam/vlans")
    assert found is not None
    assert (found.fields["vid"], found.fields["status"]) == (1999, "reserved")
    assert (reporting.last.outcome, reporting.record.netbox_drift) == (Outcome.SUCCEEDED, 1)


def test_a_removed_object_comes_back(reporting: Rig) -> None:
    """What a pass deleted was deleted by nobody else."""
    reporting.source.push([one for one in MANIFESTS if one.key.kind not in {"VPC", "VPCAttachment", "VPCPeering"}])
    reporting.run()
    assert record(reporting, VRF) is None

    reporting.source.push(MANIFESTS)
    reporting.run()

    assert record(reporting, VRF) is not None
    assert (reporting.last.outcome, reporting.verdict.status) == (Outcome.SUCCEEDED, "in_sync")


def test_a_netbox_that_was_lost_on_the_way(rig: Rig) -> None:
    """What was written before NetBox was lost is known: an edit of it is an edit."""
    rig.source.push(MANIFESTS)
    rig.fabric = replace(rig.fabric, netbox=NetBoxPolicy("dc1", self_heal=False))
    create, made = rig.netbox.create, []

    def few(records: list[object]) -> object:
        made.append(len(records))
        if len(made) > 2:
            raise NetBoxUnavailableError("it is gone")
        return create(records)  # type: ignore[arg-type]

    rig.netbox.create = few  # type: ignore[method-assign, assignment]
    rig.run()
    rig.netbox.create = create  # type: ignore[method-assign]
    assert rig.last.outcome is Outcome.FAILED
    lines = rig.store.lines("dc1", rig.netbox.address)
    assert len(lines) == sum(made[:2])

    first = next(iter(lines))
    edit(rig, first.key, first.model, name="renamed")
    rig.run()

    assert (rig.last.outcome, rig.record.netbox_drift) == (Outcome.SUCCEEDED, 1), rig.last.message


def test_another_netbox_is_filled(reporting: Rig) -> None:
    """What was written to one NetBox was not deleted from another."""
    place = reporting.netbox.address
    reporting.store.keep_lines("dc1", "https://other", {})
    with_lines = reporting.store.lines("dc1", place)
    assert with_lines
    reporting.store.keep_lines("dc1", "https://other", {next(iter(with_lines)): "name:x"})
    existing = [one for one in reporting.netbox.observe("dc1", Projection()).records if one.model == "dcim/cables"]
    reporting.netbox.delete(existing)

    reporting.run()

    assert reporting.last.counts["netbox_created"] == len(existing)
    assert reporting.record.netbox_drift == 0


def test_a_preview_tells_of_it(reporting: Rig) -> None:
    """The plan names what is left alone, and keeps nothing."""
    edit(reporting, VRF, name="renamed")
    subject = Subject(reporting.fabric, reporting.source, reporting.cluster, reporting.netbox)
    previewer = Previewer(lambda _: subject, reporting.store, reporting.clock, reporting.stop)

    found = previewer.preview("dc1").netbox

    assert found is not None
    assert found.is_empty
    assert [drift.ref.key for drift in found.drifted] == [VRF]
