"""The plan for NetBox where records hang together: cables, addresses, LAGs, what is set late, what is taken over."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.netbox import ExistingRecord, Record, Ref, Value
from reconciler.model.netbox_plan import Action
from tests.unit.plan.netbox_records import (
    POLICY,
    device,
    group,
    plan,
    standing,
    strangers,
    untagged,
    vlan,
)


def cable(name: str, a: Ref, b: Ref) -> Record:
    return Record(Ref("dcim/cables", f"dc1/Connection/{name}#x"), name, {"a": a, "b": b, "label": name})


def ports(count: int) -> list[Record]:
    fields: dict[str, Value] = {"device": device().ref}
    names = [f"E1/{number}" for number in range(count)]
    return [Record(Ref("dcim/interfaces", f"dc1/Switch/x#{name}"), name, {**fields, "name": name}) for name in names]


def address(key: str, text: str) -> Record:
    return Record(Ref("ipam/ip-addresses", f"dc1/{key}"), text, {"address": text, "vrf": None})


def test_a_cable_that_somebody_moved() -> None:
    """A cable that stands in the place of another one is unplugged first: in one pass both are where they belong."""
    found = ports(4)
    own, other = cable("a", found[0].ref, found[1].ref), cable("b", found[2].ref, found[3].ref)
    there = [standing(device(), 1), *(standing(port, place) for place, port in enumerate(found, 2))]
    moved = standing(own, 9, a=found[2].ref)
    made = plan([device(), *found, own, other], [*there, moved])

    assert [dict(change.fields) for change in made.parked] == [{"a": None, "b": None}]
    assert [dict(change.fields) for change in made.updates] == [{"a": found[0].ref, "b": found[1].ref}]
    assert ([record.ref for record in made.creates], made.refusals) == ([other.ref], ())


def test_a_cable_at_the_other_end_of_a_port() -> None:
    """An interface takes one cable, whichever end of it."""
    found = ports(3)
    there = [standing(device(), 1), *(standing(port, place) for place, port in enumerate(found, 2))]
    stranger = ExistingRecord("dcim/cables", 9, "#9", {"b": found[0].ref})
    made = plan([device(), *found, cable("a", found[0].ref, found[1].ref)], [*there, stranger])

    assert [refusal.message for refusal in made.refusals] == ["cable #9 (id 9) is not ours and stands in its place"]


def test_exchanged_addresses() -> None:
    """Two addresses that somebody exchanged step aside for each other; of an address the host counts."""
    one, other = address("Switch/a#x", "10.0.0.1/24"), address("Switch/b#x", "10.0.0.2/24")
    made = plan([one, other], [standing(one, 1, address="10.0.0.2/32"), standing(other, 2, address="10.0.0.1/32")])

    assert [change.fields["address"] for change in made.parked] == ["100::1/128", "100::2/128"]
    assert [change.fields["address"] for change in made.updates] == ["10.0.0.1/24", "10.0.0.2/24"]


def test_exchanged_circuits() -> None:
    """Circuits step aside under another id."""
    provider = Record(Ref("circuits/providers", "dc1/External/e"), "e", {"name": "e", "slug": "e"})
    one, other = (
        Record(Ref("circuits/circuits", f"dc1/Connection/{name}"), name, {"cid": name, "provider": provider.ref})
        for name in "ab"
    )
    found = [standing(provider, 1), standing(one, 2, cid="b"), standing(other, 3, cid="a")]

    assert [change.fields["cid"] for change in plan([provider, one, other], found).parked] == ["parked~2", "parked~3"]


def test_what_cannot_be_set_late_is_left() -> None:
    """A device whose primary address is refused goes in without it; one that loses it is told so."""
    first = address("Switch/spine-01#M1/10.0.0.1/24", "10.0.0.1/24")
    wanted = device(primary_ip4=first.ref)
    made = plan([wanted, first], [strangers(first, 7)])
    emptied = plan([device(primary_ip4=None)], [standing(wanted, 1), standing(first, 2)])

    assert [record.ref for record in made.creates] == [wanted.ref]
    assert "primary_ip4" not in made.creates[0].fields
    assert (made.completes, [refusal.ref for refusal in made.refusals]) == ((), [first.ref])
    assert [dict(change.fields) for change in emptied.late] == [{"primary_ip4": None}]
    assert [existing.ref for existing in emptied.deletes] == [first.ref]


def test_members_come_after_their_lag() -> None:
    """A LAG is made before its members, and goes after them; what only late fields say comes at the end."""
    lag, member = ports(2)
    joined = replace(member, fields={**member.fields, "lag": lag.ref, "parent": None})
    first = address("Switch/spine-01#M1/10.0.0.1/24", "10.0.0.1/24")
    making = list(plan([device(primary_ip4=first.ref), joined, lag, first], []).steps())
    owned = [standing(device(), 1), standing(joined, 2), standing(lag, 3)]
    going = list(plan([device()], owned).steps())

    assert [(step.action, [record.ref for record in step.records]) for step in making if step.records] == [
        (Action.CREATE, [device().ref]),
        (Action.CREATE, [lag.ref]),
        (Action.CREATE, [joined.ref]),
        (Action.CREATE, [first.ref]),
        (Action.COMPLETE, [device().ref]),
    ]
    assert [[existing.id for existing in step.existing] for step in going] == [[2], [3]]


def test_records_of_people_that_are_taken_over() -> None:
    """The one record in the place of ours becomes ours; of several, or one of another fabric, none does."""
    policy = replace(POLICY, take_over=True)
    wanted = device(serial="A")
    made = plan([wanted], [strangers(device(), 5, serial="B")], policy)
    others = [strangers(group(), 6), strangers(group("x"), 7, name="default")]
    foreign = replace(standing(device(), 8), key="dc2/Switch/spine-01")

    assert [(change.existing.id, change.ref, dict(change.fields)) for change in made.taken] == [
        (5, wanted.ref, {"serial": "A"})
    ]
    assert made.creates == ()
    assert [refusal.ref for refusal in plan([group()], others, policy).refusals] == [group().ref]
    assert plan([wanted], [foreign], policy).taken == ()
    assert [change.takes for change in plan([wanted], [untagged(wanted, 5)], policy).updates] == [wanted.ref]
    assert plan([wanted], [untagged(wanted, 5)], policy).refusals == ()


def test_a_record_is_taken_over_once() -> None:
    """A record of a person that stands in the place of two of ours becomes the first; the other one is told of it."""
    theirs = strangers(vlan("b", 7), 5)
    made = plan([group(), vlan("a", 7), vlan("b", 8)], [standing(group(), 1), theirs], replace(POLICY, take_over=True))

    assert [(change.existing.id, change.ref.key) for change in made.taken] == [(5, "dc1/VPC/v#a")]
    assert made.creates == ()
    assert [(refusal.ref.key, refusal.is_conflict) for refusal in made.refusals] == [("dc1/VPC/v#b", True)]
