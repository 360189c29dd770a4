"""The plan for NetBox, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import ExistingRecord, Observation, Projection, Record, Ref, Skipped, Value
from reconciler.model.netbox_plan import Action, Block, NetBoxPlan, Refusal
from reconciler.model.objects import ObjectKey
from reconciler.plan.netbox import plan_netbox
from tests.unit.plan.netbox_records import (
    GROUP,
    POLICY,
    SHARED,
    device,
    group,
    plan,
    prefix,
    standing,
    strangers,
    untagged,
    vlan,
    vrf,
)


def keys(items: tuple[Record, ...] | tuple[ExistingRecord, ...]) -> list[str]:
    return [item.ref.key for item in items]


def told(found: NetBoxPlan) -> list[str]:
    """The refusals, one line each."""
    return [f"{item.ref.key}: {item.message}" for item in found.refusals]


def test_nothing_to_do() -> None:
    """Records that are as they should be need no write."""
    records = [device(), group(), vrf(), vlan("a", 7), prefix("a", "10.0.0.0/24")]

    found = plan(records, [standing(record, position) for position, record in enumerate(records, 1)])

    assert found == NetBoxPlan()
    assert found.is_empty


def test_first_mirror() -> None:
    """In an empty NetBox everything is created, in dependency order; prerequisites first."""
    records = [prefix("a", "10.0.0.0/24"), vlan("a", 7), vrf(), group(), device()]
    found = plan_netbox(Projection(SHARED, tuple(records)), Observation(), POLICY, "dc1")

    assert found.shared == SHARED
    assert [item.ref.model for item in found.creates] == [
        "dcim/devices",
        "ipam/vlan-groups",
        "ipam/vrfs",
        "ipam/vlans",
        "ipam/prefixes",
    ]


def test_only_differing_fields_are_updated() -> None:
    """An update names the fields that differ, with their values before; others are left to people."""
    found = plan([device(serial="A1")], [standing(device(), 3, description="a person's note")])

    assert [(change.fields, change.before) for change in found.updates] == [({"serial": "A1"}, {"serial": ""})]
    assert found.creates == ()


def test_a_renamed_record_is_renamed_back() -> None:
    """A record is known by its key: one that a person renamed is not created a second time."""
    found = plan([device()], [standing(device(), 3, name="core-1")])

    assert [change.fields for change in found.updates] == [{"name": "spine-01"}]
    assert found.parked == ()


@pytest.mark.parametrize(
    ("record", "other", "noun"),
    [
        pytest.param(device(), strangers(device(), 3), "device spine-01", id="device"),
        pytest.param(device(), strangers(device(), 3, name="SPINE-01"), "device SPINE-01", id="another case"),
        pytest.param(group(), strangers(group(), 3, slug="other"), "VLAN group default", id="group name"),
        pytest.param(group(), strangers(group(), 3, name="other"), "VLAN group other", id="group slug"),
        pytest.param(vrf(), strangers(vrf(), 3), "VRF dc1/v", id="VRF"),
    ],
)
def test_a_record_of_a_person_is_left_alone(record: Record, other: ExistingRecord, noun: str) -> None:
    """A record at our natural key without our marks is named, never adopted, changed or doubled."""
    found = plan([record], [other])

    assert found.is_empty
    assert found.refusals == (
        Refusal(record.ref, record.label, f"{noun} (id 3) is not ours and stands in its place", is_conflict=True),
    )


def test_a_person_may_use_the_name_in_a_tenant() -> None:
    """A device of the same name in a tenant is no clash: NetBox allows both."""
    tenant = Ref("tenancy/tenants", "#9")

    assert keys(plan([device()], [strangers(device(), 3, tenant=tenant)]).creates) == ["dc1/Switch/spine-01"]


def test_what_depends_on_a_conflict_is_withheld() -> None:
    """VLANs of a group that is a person's are not written, nor the prefixes that refer to them; the rest is."""
    linked = Record(
        Ref("ipam/prefixes", "dc1/VPC/v#a"), "p", {**prefix("a", "10.0.0.0/24").fields, "vlan": vlan("a", 7).ref}
    )
    found = plan([group(), vrf(), vlan("a", 7), linked, prefix("b", "10.0.1.0/24")], [strangers(group(), 3)])

    assert keys(found.creates) == ["dc1/VPC/v", "dc1/VPC/v#b"]
    assert told(found) == [
        "dc1/VLANNamespace/default: VLAN group default (id 3) is not ours and stands in its place",
        "dc1/VPC/v#a: it needs ipam/vlan-groups dc1/VLANNamespace/default, which is not there",
        "dc1/VPC/v#a: it needs ipam/vlans dc1/VPC/v#a, which is not there",
    ]
    assert [item.is_conflict for item in found.refusals] == [True, False, False]


def test_an_update_into_the_place_of_a_person() -> None:
    """A VLAN id that a person took is not taken from them; the VLAN keeps its old one."""
    other = strangers(vlan("x", 8), 5)
    found = plan([group(), vlan("a", 8)], [standing(group(), 1), standing(vlan("a", 7), 2), other])

    assert found.is_empty
    assert told(found) == ["dc1/VPC/v#a: VLAN v/x (id 5) is not ours and stands in its place"]


def test_exchanged_natural_keys() -> None:
    """Two of our records that exchange VLAN ids step aside first: NetBox checks record by record."""
    found = plan(
        [group(), vlan("a", 8), vlan("b", 7)],
        [standing(group(), 1), standing(vlan("a", 7), 2), standing(vlan("b", 8), 3)],
    )

    assert [(change.existing.id, change.fields) for change in found.parked] == [
        (2, {"group": None}),
        (3, {"group": None}),
    ]
    assert [(change.existing.id, change.fields) for change in found.updates] == [
        (2, {"group": GROUP, "vid": 8}),
        (3, {"group": GROUP, "vid": 7}),
    ]
    assert found.refusals == ()


@pytest.mark.parametrize(
    ("first", "second", "aside"),
    [
        pytest.param(device("a"), device("b"), {"name": "parked~2"}, id="device"),
        pytest.param(group("a"), group("b"), {"name": "parked~2", "slug": "parked-2"}, id="group"),
        pytest.param(vrf("a"), vrf("b"), {"name": "parked~2"}, id="VRF"),
        pytest.param(prefix("a", "10.0.0.0/24"), prefix("b", "10.0.1.0/24"), {"prefix": "100::2/128"}, id="prefix"),
    ],
)
def test_what_a_person_exchanged_is_exchanged_back(first: Record, second: Record, aside: dict[str, Value]) -> None:
    """Whatever the model, records whose natural keys were exchanged get their own back."""
    observed = [
        standing(vrf(), 9),
        replace(standing(first, 2), fields=standing(second, 2).fields),
        replace(standing(second, 3), fields=standing(first, 3).fields),
    ]
    found = plan([vrf(), first, second], observed)

    assert found.parked[0].fields == aside
    assert [change.existing.id for change in found.parked] == [2, 3]
    assert [change.existing.id for change in found.updates] == [2, 3]


def test_a_chain_that_ends_at_a_person() -> None:
    """While a wants b's VLAN id, b wants a person's: none of them moves, and b is not left without its group."""
    found = plan(
        [group(), vlan("a", 8), vlan("b", 9)],
        [standing(group(), 1), standing(vlan("a", 7), 2), standing(vlan("b", 8), 3), strangers(vlan("x", 9), 4)],
    )

    assert found.is_empty
    assert told(found) == [
        "dc1/VPC/v#a: VLAN v/b (id 3) (dc1/VPC/v#b) stands in its place and does not leave",
        "dc1/VPC/v#b: VLAN v/x (id 4) is not ours and stands in its place",
    ]


def test_the_place_of_a_record_that_stays() -> None:
    """Two records that both want one place: who is there stays, the other is named."""
    found = plan([group(), vlan("a", 7), vlan("b", 7)], [standing(group(), 1), standing(vlan("b", 7), 3)])

    assert told(found) == ["dc1/VPC/v#a: VLAN v/b (id 3) (dc1/VPC/v#b) stands in its place and does not leave"]


def test_the_place_of_a_record_that_changes_otherwise() -> None:
    """A record that changes, but not its natural key, does not leave its place either."""
    renamed = standing(vlan("b", 7), 3, name="v/x")
    found = plan([group(), vlan("a", 7), vlan("b", 7)], [standing(group(), 1), renamed])

    assert [change.fields for change in found.updates] == [{"name": "v/b"}]
    assert told(found) == ["dc1/VPC/v#a: VLAN v/x (id 3) (dc1/VPC/v#b) stands in its place and does not leave"]


def test_two_new_records_for_one_place() -> None:
    """Of two new records with one natural key the first by key is created."""
    found = plan([group(), vlan("b", 7), vlan("a", 7)], [standing(group(), 1)])

    assert keys(found.creates) == ["dc1/VPC/v#a"]
    assert told(found) == ["dc1/VPC/v#b: dc1/VPC/v#a claims the same place"]


def test_the_place_of_a_record_that_is_deleted() -> None:
    """A new record takes the place of one that nothing declares any more: that one steps aside and is deleted."""
    found = plan([group(), vlan("new", 7)], [standing(group(), 1), standing(vlan("old", 7), 2)])

    assert [(change.existing.id, change.fields) for change in found.parked] == [(2, {"group": None})]
    assert keys(found.creates) == ["dc1/VPC/v#new"]
    assert [existing.id for existing in found.deletes] == [2]


def test_the_place_of_a_record_that_may_not_be_deleted() -> None:
    """Where nothing may be deleted, what would take a deleted record's place waits."""
    found = plan([group(), vlan("new", 7)], [standing(group(), 1), standing(vlan("old", 7), 2)], incomplete="one kind")

    assert found.is_empty
    assert told(found) == ["dc1/VPC/v#new: VLAN v/old (id 2) (dc1/VPC/v#old) stands in its place and does not leave"]


def test_what_refers_to_a_record_that_goes() -> None:
    """Nothing new is hung on a record that the same plan deletes."""
    found = plan([prefix("a", "10.0.0.0/24")], [standing(vrf(), 4)])

    assert told(found) == ["dc1/VPC/v#a: it needs ipam/vrfs dc1/VPC/v, which is not there"]


def test_deletes_in_reverse_order() -> None:
    """What nothing declares is deleted, dependents before what they refer to."""
    gone = [device("b"), device("a"), group("g"), vrf("w"), vlan("a", 7), prefix("a", "10.0.0.0/24")]
    found = plan([device("kept")], [standing(record, position) for position, record in enumerate(gone, 1)])

    assert [(existing.model, existing.id) for existing in found.deletes] == [
        ("ipam/prefixes", 6),
        ("ipam/vlans", 5),
        ("ipam/vrfs", 4),
        ("ipam/vlan-groups", 3),
        ("dcim/devices", 2),
        ("dcim/devices", 1),
    ]


def test_what_others_depend_on_stays() -> None:
    """A record that nothing declares stays while a record that stays refers to it, and so does what it refers to."""
    theirs = strangers(vlan("x", 9), 3)
    linked = replace(standing(prefix("a", "10.0.0.0/24"), 4, vlan=vlan("a", 7).ref), is_tagged=False)
    found = plan([device()], [standing(group(), 1), standing(vlan("a", 7), 2), standing(vrf("w"), 5), theirs, linked])

    assert [existing.id for existing in found.deletes] == [5]
    assert [existing.id for existing in found.retained] == [2, 1]
    assert told(found)[:2] == [
        "dc1/VPC/v#a: nothing declares it any more, but prefix 10.0.0.0/24 (id 4) depends on it",
        "dc1/VLANNamespace/default: nothing declares it any more, but VLAN v/x (id 3) depends on it",
    ]


def test_a_reference_that_goes_holds_nothing() -> None:
    """A VLAN goes when the prefix that refers to it is to refer to nothing."""
    linked = standing(prefix("a", "10.0.0.0/24"), 4, vlan=vlan("a", 7).ref)
    bare = Record(linked.ref, "p", {**prefix("a", "10.0.0.0/24").fields, "vlan": None})
    found = plan([vrf(), group(), bare], [standing(vrf(), 5), standing(group(), 1), standing(vlan("a", 7), 2), linked])

    assert [existing.id for existing in found.deletes] == [2]
    assert [change.fields for change in found.updates] == [{"vlan": None}]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(strangers(device("x"), 3), id="of a person"),
        pytest.param(replace(standing(device("x"), 3), key="dc2/Switch/x"), id="of another fabric"),
        pytest.param(replace(standing(device("x"), 3), key="dc10/Switch/x"), id="of a fabric whose name begins alike"),
        pytest.param(replace(standing(device("x"), 3), key=None), id="tagged only"),
    ],
)
def test_only_ours_is_deleted(other: ExistingRecord) -> None:
    """Nothing without both marks of this fabric is deleted."""
    assert plan([device()], [standing(device(), 1), other]) == NetBoxPlan()


def test_a_record_whose_tag_was_removed() -> None:
    """A record that carries our key but not our tag is a person's decision: it is named, and nothing is done to it."""
    found = plan([vrf(), prefix("a", "10.0.0.0/24")], [untagged(vrf(), 1), untagged(device("gone"), 2)])

    assert found.is_empty
    assert told(found) == [
        "dc1/VPC/v: VRF dc1/v (id 1) carries our key but not the tag hh-managed: it is left alone",
        "dc1/VPC/v#a: it needs ipam/vrfs dc1/VPC/v, which is not there",
        "dc1/Switch/gone: device gone (id 2) carries our key but not the tag hh-managed: it is left alone",
    ]


def test_two_records_with_one_key() -> None:
    """Of two records with our marks and one key, as a race may leave them, the older is kept and the other deleted."""
    found = plan([vrf()], [standing(vrf(), 8), standing(vrf(), 5, name="dc1/x")])

    assert [(change.existing.id, change.fields) for change in found.updates] == [(5, {"name": "dc1/v"})]
    assert [existing.id for existing in found.deletes] == [8]


def test_the_younger_twin_in_the_way() -> None:
    """The twin stands where the older record belongs: it steps aside before it is deleted."""
    found = plan([device()], [standing(device(), 5, name="x"), standing(device(), 8)])

    assert [change.existing.id for change in found.parked] == [8]
    assert [change.existing.id for change in found.updates] == [5]
    assert [existing.id for existing in found.deletes] == [8]


def test_the_younger_twin_that_may_not_be_deleted() -> None:
    """Where nothing may be deleted, the older record waits for its place."""
    policy = replace(POLICY, prune=False)
    found = plan([device()], [standing(device(), 5, name="x"), standing(device(), 8)], policy)

    assert found.is_empty
    assert [existing.id for existing in found.retained] == [8]
    assert len(found.refusals) == 1


GONE = [standing(device(name), position) for position, name in enumerate("abc", 1)]


@pytest.mark.parametrize(
    ("policy", "desired", "incomplete", "blocks"),
    [
        pytest.param(
            POLICY, [vrf()], "Switch was not read", (Block("PruneBlocked", "Switch was not read"),), id="incomplete"
        ),
        pytest.param(
            POLICY,
            [],
            None,
            (Block("PruneBlocked", "the fabric declares nothing that NetBox could hold"),),
            id="empty",
        ),
        pytest.param(
            NetBoxPolicy("dc1", max_deletes=2),
            [vrf()],
            None,
            (
                Block(
                    "TooManyDeletes",
                    "3 devices, VRFs, VLANs and prefixes would be deleted, max_deletes is 2; "
                    "raise netbox.max_deletes to let them go",
                ),
            ),
            id="too many",
        ),
        pytest.param(NetBoxPolicy("dc1", prune=False), [vrf()], "Switch was not read", (), id="prune is off"),
    ],
)
def test_guards(policy: NetBoxPolicy, desired: list[Record], incomplete: str | None, blocks: tuple[Block, ...]) -> None:
    """A guard that holds deletes nothing at all; creates and updates go on, and the reason is told."""
    found = plan(desired, GONE, policy, incomplete=incomplete)

    assert found.deletes == ()
    assert found.retained == tuple(GONE)
    assert found.blocks == blocks
    assert list(found.creates) == desired


def test_max_deletes_counts_before_cascades() -> None:
    """As many as allowed may go, and VLAN groups are not counted."""
    found = plan([vrf()], [*GONE, standing(group(), 9)], NetBoxPolicy("dc1", max_deletes=3))

    assert len(found.deletes) == 4
    assert found.blocks == ()


def test_no_guard_without_deletes() -> None:
    """What was read incompletely blocks nothing when nothing would be deleted."""
    assert plan([vrf()], [standing(vrf(), 1)], incomplete="Switch was not read") == NetBoxPlan()


def test_records_of_skipped_objects_stay() -> None:
    """The records of an object that could not be projected count as declared; others of a like name do not."""
    skipped = (Skipped(ObjectKey("VPC", "default", "v"), "spec: is not an object"),)
    found = plan(
        [device()],
        [standing(device(), 1), standing(vrf("v"), 2), standing(prefix("a", "10.0.0.0/24"), 3), standing(vrf("v2"), 4)],
        skipped=skipped,
    )

    assert [existing.id for existing in found.deletes] == [4]


def test_unusable_prerequisites_withhold_everything() -> None:
    """Where the key could not be stored nothing is written: what was written would never be recognised as ours."""
    observation = Observation(tuple(GONE), frozenset(), ("custom field hh_key is not unique",))
    found = plan_netbox(Projection(SHARED, (vrf(),)), observation, POLICY, "dc1")

    assert found == NetBoxPlan(blocks=(Block("PrerequisiteUnusable", "custom field hh_key is not unique"),))


def test_steps() -> None:
    """Steps come in dependency order, of one model each, and never hold more than the limit."""
    found = plan_netbox(
        Projection(
            SHARED,
            (
                *(device("new"), group(), vrf(), vlan("a", 8), vlan("b", 7)),
                *(prefix(str(number), f"10.0.{number}.0/24") for number in range(3)),
            ),
        ),
        Observation(
            (
                standing(group(), 1),
                standing(vlan("a", 7), 2),
                standing(vlan("b", 8), 3),
                standing(vrf(), 4),
                standing(device("old"), 5),
            )
        ),
        POLICY,
        "dc1",
    )

    steps = list(found.steps(2))

    assert [(step.action, step.model, len(step)) for step in steps] == [
        (Action.PREPARE, "", 2),
        (Action.UPDATE, "ipam/vlans", 2),
        (Action.CREATE, "dcim/devices", 1),
        (Action.UPDATE, "ipam/vlans", 2),
        (Action.CREATE, "ipam/prefixes", 2),
        (Action.CREATE, "ipam/prefixes", 1),
        (Action.DELETE, "dcim/devices", 1),
    ]
