"""What others made of our records in NetBox: told from what is declared otherwise, and left so where it is to be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.netbox import Observation, Projection, Record, Ref, Skipped, Value, WriteResult
from reconciler.model.netbox_plan import Action, RecordDrift, Step
from reconciler.model.objects import ObjectKey
from reconciler.plan.netbox import lines_found
from reconciler.plan.netbox_drift import drift_line
from reconciler.plan.netbox_memory import Ledger, line_of, mark
from reconciler.plan.scope import within
from tests.unit.plan.netbox_records import (
    GROUP,
    POLICY,
    VRF,
    device,
    group,
    plan,
    prefix,
    standing,
    strangers,
    told,
    vlan,
    vrf,
)

if TYPE_CHECKING:
    from reconciler.model.netbox import ExistingRecord
    from reconciler.model.netbox_plan import NetBoxPlan

REPORTING = replace(POLICY, self_heal=False)


def written(*records: Record) -> dict[Ref, str]:
    """What is kept of records after they were written."""
    return {record.ref: line_of(record.fields) for record in records}


def found(*observed: ExistingRecord, desired: list[Record], lines: dict[Ref, str]) -> dict[Ref, str | None]:
    return dict(lines_found(Projection((), tuple(desired)), Observation(observed), "dc1", lines))


def changes(of: NetBoxPlan) -> list[tuple[str, dict[str, Value]]]:
    return [(change.ref.key, dict(change.fields)) for change in (*of.updates, *of.late)]


# Planning


def test_an_edit_is_reported_and_left_so() -> None:
    """What is declared is what we wrote: whoever changed the record did so in NetBox."""
    ours = standing(device(), 3, name="core-1")

    report = plan([device()], [ours], REPORTING, lines=written(device()))

    assert report.is_empty
    assert report.drifted == (RecordDrift(device().ref, "spine-01", ours, {"name": "spine-01"}),)
    assert drift_line(report.drifted[0]) == ("device core-1 (id 3), dc1/Switch/spine-01: it was edited in NetBox: name")


def test_self_heal_reverts_the_same_edit() -> None:
    """With self_heal, what is kept changes nothing."""
    report = plan([device()], [standing(device(), 3, name="core-1")], lines=written(device()))

    assert changes(report) == [(device().ref.key, {"name": "spine-01"})]
    assert report.drifted == ()


def test_a_declared_change_leaves_the_edit_of_another_field() -> None:
    """A change of one field is written; the edit of another field of the same record stays, and is still reported."""
    report = plan([device(serial="B2")], [standing(device(), 3, name="core-1")], REPORTING, lines=written(device()))

    assert changes(report) == [(device().ref.key, {"serial": "B2"})]
    assert [dict(drift.fields) for drift in report.drifted] == [{"name": "spine-01"}]


def test_a_declared_change_of_the_edited_field_is_written() -> None:
    """Who declares a field anew means it."""
    report = plan(
        [device(serial="B2")], [standing(device(), 3, serial="X")], REPORTING, lines=written(device(serial="A1"))
    )

    assert changes(report) == [(device().ref.key, {"serial": "B2"})]
    assert report.drifted == ()


@pytest.mark.parametrize("lines", [None, {}, {device().ref: ""}])
def test_what_is_not_known_is_written(lines: dict[Ref, str] | None) -> None:
    """Without a memory of the field nobody can tell an edit from a change."""
    report = plan([device()], [standing(device(), 3, serial="X")], REPORTING, lines=lines)

    assert changes(report) == [(device().ref.key, {"serial": ""})]


def test_a_deleted_record_is_not_made_anew() -> None:
    """It is reported, and what needs it waits, and says for what; so does what needs that."""
    linked = Record(Ref("ipam/prefixes", "dc1/VPC/v#a"), "p", {**prefix("a", "10.0.0.0/24").fields})
    report = plan([vrf(), linked, group()], [standing(group(), 1)], REPORTING, lines=written(vrf(), group()))

    assert report.is_empty
    assert report.drifted == (RecordDrift(VRF, "v"),)
    assert told(report) == ["dc1/VPC/v#a: it needs ipam/vrfs dc1/VPC/v, which somebody deleted"]
    assert drift_line(report.drifted[0]) == "VRF v, dc1/VPC/v: it was deleted from NetBox"


def test_a_deleted_record_comes_back_with_self_heal() -> None:
    """As before: it is made anew."""
    assert [record.ref for record in plan([vrf()], [], lines=written(vrf())).creates] == [VRF]


def test_a_deleted_record_that_is_declared_otherwise_is_made() -> None:
    """A change of what is declared goes to NetBox as always, as it does to a cluster."""
    report = plan([device(serial="B2")], [], REPORTING, lines=written(device()))

    assert [record.ref for record in report.creates] == [device().ref]
    assert report.drifted == ()


def test_a_new_record_is_made() -> None:
    """What was never written cannot have been deleted."""
    assert len(plan([vrf(), device()], [], REPORTING, lines=written(vrf())).creates) == 1


def test_a_deleted_record_is_not_taken_from_a_person() -> None:
    """Who deleted ours and put their own in its place did what is reported, also where others' are taken over."""
    policy = replace(REPORTING, take_over=True)

    report = plan([vrf()], [strangers(vrf(), 9)], policy, lines=written(vrf()))

    assert report.is_empty
    assert report.drifted == (RecordDrift(VRF, "v"),)


def test_a_record_that_is_taken_over_is_written_whole() -> None:
    """It was never ours: nothing about it is an edit."""
    policy = replace(REPORTING, take_over=True)

    report = plan([device()], [strangers(device(), 9, serial="X")], policy, lines={})

    assert [(change.takes, dict(change.fields)) for change in report.updates] == [(device().ref, {"serial": ""})]


def test_an_edited_record_holds_its_new_place() -> None:
    """Another record of ours that belongs where somebody moved this one waits for it."""
    moved = standing(vlan("a", 7), 2, vid=8)
    report = plan(
        [group(), vlan("a", 7), vlan("b", 8)],
        [standing(group(), 1), moved],
        REPORTING,
        lines=written(group(), vlan("a", 7)),
    )

    assert report.is_empty
    assert told(report) == ["dc1/VPC/v#b: VLAN v/a (id 2) (dc1/VPC/v#a) stands in its place and does not leave"]


def test_an_edit_leaves_the_natural_key_it_does_not_want_back() -> None:
    """A change of another field does not claim the name that somebody took from the record and gave to their own."""
    theirs = strangers(device(), 9)
    report = plan(
        [device(serial="B2")],
        [standing(device(), 3, name="core-1"), theirs],
        REPORTING,
        lines=written(device()),
    )

    assert changes(report) == [(device().ref.key, {"serial": "B2"})]
    assert report.refusals == ()


def test_an_edited_late_field() -> None:
    """A field that waits for later records is no other than the rest."""
    address = Ref("ipam/ip-addresses", "dc1/Switch/spine-01#M1/10.0.0.1")
    declared = device(primary_ip4=address)

    report = plan([declared], [standing(declared, 3, primary_ip4=None)], REPORTING, lines=written(declared))

    assert report.is_empty
    assert [dict(drift.fields) for drift in report.drifted] == [{"primary_ip4": address}]


def test_what_an_edit_refers_to_is_not_deleted() -> None:
    """Somebody moved a prefix into a VRF that nothing declares any more: the edit stays, and so does the VRF."""
    old = vrf("old")
    report = plan(
        [vrf(), prefix("a", "10.0.0.0/24")],
        [standing(vrf(), 1), standing(old, 2), standing(prefix("a", "10.0.0.0/24"), 3, vrf=old.ref)],
        REPORTING,
        lines=written(vrf(), prefix("a", "10.0.0.0/24")),
    )

    assert report.deletes == ()
    assert len(report.refusals) == 1


def test_a_pass_over_some_objects_sees_all_drift() -> None:
    """It looks at all of NetBox: what is reported is how all of it stands."""
    report = plan([device(), vrf()], [standing(device(), 3, name="x")], REPORTING, lines=written(device(), vrf()))

    assert within(report, "dc1", frozenset()).drifted == report.drifted
    assert len(report.drifted) == 2


# What is kept


def test_what_is_found_as_declared_is_kept() -> None:
    """Also of a record that was never written by this service's memory; nothing of one that is not ours."""
    lines = found(standing(device(), 3), strangers(vrf(), 4), desired=[device(), vrf()], lines={})

    assert lines == written(device())


def test_an_edit_keeps_what_was_known() -> None:
    """Neither an edit nor a change that NetBox lacks yet is taken for what we wrote."""
    before = written(device(serial="A1"))
    declared = device(serial="B2")

    lines = found(standing(device(serial="A1"), 3, name="core-1"), desired=[declared], lines=before)

    assert lines == before


def test_an_edit_that_is_as_declared_by_now_is_kept() -> None:
    """Who declares what somebody made of it has no drift any more."""
    declared = device(serial="X")

    lines = found(standing(declared, 3), desired=[declared], lines=written(device(serial="A1")))

    assert lines == written(declared)


def test_what_nothing_declares_is_forgotten_once_it_is_gone() -> None:
    """A record that may not be deleted keeps its line; so does one of an object or a kind of which nothing is known."""
    kept = standing(device("kept"), 3)
    lines = written(device("kept"), device("gone"), vrf("skipped"), group("unread"))
    skipped = Skipped(ObjectKey("VPC", "default", "skipped"), "it makes no sense")
    projection = Projection(skipped=(skipped,), unread=frozenset({"VLANNamespace"}))

    assert dict(lines_found(projection, Observation((kept,)), "dc1", lines)) == {device("gone").ref: None}


def results(step: Step, *failed: Ref) -> list[WriteResult]:
    refs = [getattr(item, "ref") for item in step.items]  # noqa: B009 - every item of a step has one
    return [WriteResult(ref, "no" if ref in failed else None) for ref in refs]


def carry_out(of: NetBoxPlan, ledger: Ledger, *failed: Ref) -> dict[Ref, str | None]:
    """All that is stored while a plan is carried out."""
    stored: dict[Ref, str | None] = {}
    for step in of.steps():
        stored |= ledger.before(step)
        stored |= ledger.after(step, results(step, *failed))
    return stored


def test_what_was_written_is_kept() -> None:
    """Created, completed and updated; what failed is not, nor a prerequisite."""
    mac = Record(Ref("dcim/mac-addresses", "dc1/Server/s#a/mac"), "m", {"mac_address": "02:00:00:00:00:01"})
    port_fields: dict[str, Value] = {"device": device().ref, "name": "a", "primary_mac_address": mac.ref}
    port = Record(Ref("dcim/interfaces", "dc1/Server/s#a"), "a", port_fields)
    desired = [device(serial="B2"), port, mac, vrf(), vrf("w"), device("new", primary_ip4=None)]
    made = plan(desired, [standing(device(), 3)])

    stored = carry_out(made, Ledger(desired, written(device())), vrf("w").ref)

    assert stored == written(device(serial="B2"), port, mac, vrf(), device("new", primary_ip4=None))


def test_a_revert_stores_nothing() -> None:
    """What we wrote is what we wrote before."""
    healed = plan([device()], [standing(device(), 3, name="x")])

    assert carry_out(healed, Ledger([device()], written(device()))) == {}


def test_what_is_deleted_is_forgotten_first() -> None:
    """Should the pass break off after the delete, the record is declared anew some day, and was deleted by nobody."""
    pruned = plan([vrf()], [standing(vrf(), 1), standing(device(), 3)])
    ledger = Ledger([vrf()], written(vrf(), device()))
    (step,) = pruned.steps()

    assert ledger.before(step) == {device().ref: None}
    assert ledger.after(step, results(step, device().ref)) == {}


def test_a_twin_that_is_deleted_takes_no_memory_along() -> None:
    """The record that stays has the same key."""
    pruned = plan([vrf()], [standing(vrf(), 1), standing(vrf(), 2)])

    assert carry_out(pruned, Ledger([vrf()], written(vrf()))) == {}


def test_a_record_that_steps_aside_is_suspected_of_nothing() -> None:
    """Its mark goes before it does: a pass that breaks off leaves it aside, and the next one puts it in its place."""
    desired = [group(), vlan("a", 8), vlan("b", 7)]
    before = [standing(group(), 1), standing(vlan("a", 7), 2), standing(vlan("b", 8), 3)]
    lines = written(group(), vlan("a", 7), vlan("b", 8))
    swap = plan(desired, before, REPORTING, lines=lines)
    ledger = Ledger(desired, lines)
    parked, *others = swap.steps()

    assert parked.action is Action.UPDATE
    broken_off = lines | {ref: line or "" for ref, line in ledger.before(parked).items()}
    ledger.after(parked, results(parked))
    aside = [standing(group(), 1), standing(vlan("a", 7), 2, group=None), standing(vlan("b", 8), 3, group=None)]
    again = plan(desired, aside, REPORTING, lines=broken_off)
    assert again.drifted == ()
    assert changes(again) == [
        (vlan("a", 8).ref.key, {"group": GROUP, "vid": 8}),
        (vlan("b", 7).ref.key, {"group": GROUP, "vid": 7}),
    ]

    stored: dict[Ref, str | None] = {}
    for step in others:
        stored |= ledger.before(step) | ledger.after(step, results(step))
    assert stored == written(vlan("a", 8), vlan("b", 7))


def test_a_record_gets_back_what_somebody_made_of_it() -> None:
    """It steps aside with a field that was edited: the edit comes back with it, and is an edit still."""
    before, after = _slugs("x", "y"), _slugs("y", "x")
    edited, other = standing(before[0], 2, name="mine"), standing(before[1], 3)
    lines = written(*before)
    swap = plan(after, [edited, other], REPORTING, lines=lines)
    assert dict(swap.parked[0].fields) == {"name": "parked~2", "slug": "parked-2"}
    assert changes(swap)[0] == (after[0].ref.key, {"name": "mine", "slug": "y"})

    stored = carry_out(swap, Ledger(after, lines))

    assert stored == written(*after)
    again = plan(after, [standing(after[0], 2, name="mine"), standing(after[1], 3)], REPORTING, lines=written(*after))
    assert again.is_empty
    assert [dict(drift.fields) for drift in again.drifted] == [{"name": "a"}]


def test_a_record_gets_back_what_nobody_knows() -> None:
    """An edit that came back is not known either where it was not before."""
    before, after = _slugs("x", "y"), _slugs("y", "x")
    swap = plan(after, [standing(before[0], 2, name="mine"), standing(before[1], 3)], REPORTING, lines=written(*before))
    unknown = {after[0].ref: "", **written(before[1])}

    stored = carry_out(swap, Ledger(after, unknown))

    known = {name: value for name, value in after[0].fields.items() if name != "name"}
    assert stored[after[0].ref] == line_of(known)


def _slugs(*slugs: str) -> list[Record]:
    """Two VLAN groups with these slugs."""
    made = zip((group("a"), group("b")), slugs, strict=True)
    return [replace(one, fields={**one.fields, "slug": slug}) for one, slug in made]


def test_an_undeclared_record_that_steps_aside_is_not_kept() -> None:
    """It is deleted in the same plan."""
    desired = [group(), vlan("a", 7)]
    swap = plan(desired, [standing(group(), 1), standing(vlan("old", 7), 2)])

    stored = carry_out(swap, Ledger(desired, written(group(), vlan("old", 7))))

    assert stored == {vlan("old", 7).ref: None, **written(vlan("a", 7))}


# Marks


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param(True, 1, True, id="equal numbers"),
        pytest.param("1", 1, False, id="a text and a number"),
        pytest.param(None, "", False, id="nothing and no text"),
        pytest.param(Ref("a", "b"), "a b", False, id="a record and a text"),
        pytest.param(((1, 2),), ((1, 3),), False, id="ranges"),
        pytest.param(("a", "b"), ("a,b",), False, id="texts with commas"),
    ],
)
def test_marks(one: Value, other: Value, is_same: bool) -> None:  # noqa: FBT001 - a column of the table
    """Values are told apart as they are where they are compared."""
    assert (mark(one) == mark(other)) is is_same


def test_marks_stay() -> None:
    """They are on disk: a later version must make the same ones."""
    values: list[Value] = ["active", None, 7, True, Ref("dcim/sites", "dc1"), ((1, 99),)]

    assert [mark(value) for value in values] == ["GAqKL50m", "1ACYcXpy", "cKS4zLfc", "aImpXKyu", "yf-4Q9JH", "3ADLRanA"]


FIELDS = st.dictionaries(st.sampled_from(["name", "vid", "status"]), st.sampled_from(["a", 1, None]), min_size=1)


@given(declared=FIELDS, observed=FIELDS, before=FIELDS)
def test_no_field_is_both_written_and_reported(
    declared: dict[str, Value], observed: dict[str, Value], before: dict[str, Value]
) -> None:
    """Every field that differs is one of the two: an edit where what is declared is what was written, else a change."""
    ref = vlan("a", 7).ref
    existing = replace(standing(vlan("a", 7), 2), fields=observed)

    report = plan([Record(ref, "a", declared)], [existing], REPORTING, lines={ref: line_of(before)})

    is_known = {name for name, value in declared.items() if name in before and before[name] == value}
    differing = {name for name, value in declared.items() if observed.get(name) != value}
    assert {name for drift in report.drifted for name in drift.fields} == differing & is_known
    assert {name for change in report.updates for name in change.fields} == differing - is_known


def test_a_write_whose_answer_is_lost_suspects_nobody() -> None:
    """It arrived, the pass broke off, and Git went back to what was before: what stands there is ours to write."""
    changed = vlan("a", 1999)
    desired, lines = [group(), changed], written(group(), vlan("a", 1000))
    ours = [standing(group(), 1), standing(vlan("a", 1000), 2)]
    ledger = Ledger(desired, lines)
    stored = {**lines, **ledger.begin(plan(desired, ours, REPORTING, lines=lines))}
    kept = {ref: line for ref, line in stored.items() if line is not None}

    after = plan([group(), vlan("a", 1000)], [ours[0], standing(changed, 2)], REPORTING, lines=kept)

    assert changes(after) == [(changed.ref.key, {"vid": 1000})]
    assert after.drifted == ()


def test_what_is_missing_in_what_was_not_read_whole_stays_known() -> None:
    """A document that is refused for one pass does not bring back what somebody deleted."""
    lines = written(device(), vrf())

    assert list(lines_found(Projection(), Observation(), "dc1", lines, is_complete=False)) == []
    assert found(desired=[], lines=lines) == dict.fromkeys(lines)
