"""The plan for NetBox where records stand in each other's place and cannot simply be renamed."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from reconciler.model.netbox import ExistingRecord, Record, Ref, Value
from reconciler.model.netbox_plan import Action
from reconciler.model.objects import ObjectKey
from reconciler.plan.netbox import plan_netbox
from reconciler.plan.scope import within
from reconciler.reconcile.netbox_phase import write
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from tests.contract.netbox_records import POLICY, projected
from tests.contract.netbox_rings import RINGS, exchange
from tests.contract.netbox_runner import mirror
from tests.contract.netbox_world import LocalPerson, World
from tests.unit.plan.netbox_records import VRF, device, group, plan, standing, strangers, told, untagged, vlan, vrf

if TYPE_CHECKING:
    from reconciler.model.netbox_plan import NetBoxPlan

SIDES = ("A", "Z")
PORTS = [
    Record(
        Ref("dcim/interfaces", f"dc1/Switch/spine-01#E1/{n}"), f"E1/{n}", {"device": device().ref, "name": f"E1/{n}"}
    )
    for n in range(6)
]
CIRCUIT = Record(Ref("circuits/circuits", "dc1/Connection/out"), "out", {"cid": "out"})
ENDS = [
    Record(
        Ref("circuits/circuit-terminations", f"dc1/Connection/out#{side}"),
        side,
        {"circuit": CIRCUIT.ref, "term_side": side},
    )
    for side in SIDES
]
PLUGGED = Record(
    Ref("dcim/cables", "dc1/Connection/out#x"), "out", {"a": ENDS[0].ref, "b": PORTS[0].ref, "label": "out"}
)
BASE = [device(), *PORTS, CIRCUIT]
THERE = [standing(record, record_id) for record_id, record in enumerate(BASE, 1)]
TURNED = [standing(end, 20 + n, term_side=SIDES[1 - n]) for n, end in enumerate(ENDS)]
"""The terminations of a circuit whose sides somebody exchanged."""


def cable(name: str, a: int, b: int) -> Record:
    fields: dict[str, Value] = {"a": PORTS[a].ref, "b": PORTS[b].ref, "label": name}
    return Record(Ref("dcim/cables", f"dc1/Connection/{name}#x"), name, fields)


def test_a_ring_of_cables() -> None:
    """Three cables each of which has the ends of the next one: all are unplugged, then plugged in where they belong."""
    cables = [cable("a", 0, 1), cable("b", 2, 3), cable("c", 4, 5)]
    moved = [replace(standing(one, 20 + n), fields=cables[n - 1].fields) for n, one in enumerate(cables)]
    found = plan([*BASE, *cables], [*THERE, *moved])

    assert [(change.existing.id, change.fields) for change in found.parked] == [
        (record_id, {"a": None, "b": None}) for record_id in (20, 21, 22)
    ]
    assert [
        change.fields.items() >= {"a": one.fields["a"], "b": one.fields["b"]}.items()
        for change, one in zip(found.updates, cables, strict=True)
    ] == [True] * 3
    assert (found.creates, found.deletes, found.remade, found.refusals) == ((), (), (), ())


def test_a_chain_of_cables() -> None:
    """A wants the place of b, b a free one: only b is unplugged."""
    a, b = cable("a", 2, 3), cable("b", 4, 5)
    there = [standing(cable("a", 0, 1), 20), standing(cable("b", 2, 3), 21)]
    found = plan([*BASE, a, b], [*THERE, *there])

    assert [change.existing.id for change in found.parked] == [21]
    assert [(change.existing.id, change.fields["a"]) for change in found.updates] == [
        (20, PORTS[2].ref),
        (21, PORTS[4].ref),
    ]
    assert found.refusals == ()


def test_a_chain_of_cables_that_ends_at_a_person() -> None:
    """Nobody moves, and nothing is unplugged."""
    there = [standing(cable("a", 0, 1), 20), standing(cable("b", 2, 3), 21), strangers(cable("x", 4, 5), 22)]
    found = plan([*BASE, cable("a", 2, 3), cable("b", 4, 5)], [*THERE, *there])

    assert found.is_empty
    assert [refusal.is_conflict for refusal in found.refusals] == [False, True]


def address_range(name: str, first: str, last: str) -> Record:
    fields: dict[str, Value] = {"start_address": f"{first}/24", "end_address": f"{last}/24", "vrf": VRF}
    return Record(Ref("ipam/ip-ranges", f"dc1/VPC/v#{name}/dhcp"), first, fields)


def test_ranges_that_cross() -> None:
    """A range steps aside also where another one only overlaps with it; one that is in nobody's way does not."""
    before = [address_range(*one) for one in (("a", "10.0.1.10", "10.0.1.99"), ("b", "10.0.2.10", "10.0.2.50"))]
    alone = address_range("c", "10.0.3.1", "10.0.3.9")
    wanted = [address_range(*one) for one in (("a", "10.0.2.10", "10.0.2.99"), ("b", "10.0.1.10", "10.0.1.50"))]
    there = [standing(one, record_id) for record_id, one in enumerate([vrf(), *before, alone], 1)]
    found = plan([vrf(), *wanted, address_range("c", "10.0.3.1", "10.0.3.7")], there)

    assert [(change.existing.id, change.fields) for change in found.parked] == [
        (2, {"start_address": "100::4/128", "end_address": "100::5/128"}),
        (3, {"start_address": "100::6/128", "end_address": "100::7/128"}),
    ]
    assert [change.fields["start_address"] for change in found.updates[:2]] == ["10.0.2.10/24", "10.0.1.10/24"]
    assert [dict(change.fields) for change in found.updates[2:]] == [{"end_address": "10.0.3.7/24"}]


def test_a_crossing_range_that_lost_its_tag() -> None:
    """One that is taken over is moved at once, and not first to where its owner would not find it."""
    wanted = [address_range("a", "10.0.1.10", "10.0.1.99"), address_range("b", "10.0.2.1", "10.0.2.9")]
    lost = untagged(address_range("a", "10.0.2.1", "10.0.2.8"), 2)
    found = plan([vrf(), *wanted], [standing(vrf(), 1), lost], replace(POLICY, take_over=True))

    assert [(change.takes, change.fields["start_address"]) for change in found.taken] == [
        (wanted[0].ref, "10.0.1.10/24")
    ]
    assert ([record.ref for record in found.creates], found.parked) == ([wanted[1].ref], ())


def mac(port: Record, text: str) -> Record:
    fields: dict[str, Value] = {"mac_address": text, "assigned_object": port.ref}
    return Record(Ref("dcim/mac-addresses", f"{port.ref.key}/mac"), text, fields)


def test_exchanged_mac_addresses() -> None:
    """NetBox moves no MAC address that is the primary one of an interface: ours lose theirs for a moment. An interface
    that Git gives none is not given it back, and one of people is left alone.
    """
    macs = [mac(PORTS[0], "02:00:00:00:00:01"), mac(PORTS[1], "02:00:00:00:00:02"), mac(PORTS[2], "02:00:00:00:00:03")]
    ports = [replace(one, fields={**one.fields, "primary_mac_address": macs[n].ref}) for n, one in enumerate(PORTS[:3])]
    theirs = ExistingRecord("dcim/interfaces", 90, "eth0", {**dict(standing(PORTS[5], 1).fields), "name": "eth0"})
    theirs = replace(theirs, fields={**theirs.fields, "primary_mac_address": macs[2].ref})
    there = [
        standing(device(), 1),
        standing(PORTS[0], 2, primary_mac_address=macs[1].ref),
        standing(PORTS[1], 3, primary_mac_address=None),
        standing(PORTS[2], 4, primary_mac_address=None),
        standing(PORTS[3], 5, primary_mac_address=macs[0].ref),
        standing(macs[0], 6, assigned_object=PORTS[3].ref),
        standing(macs[1], 7, assigned_object=PORTS[0].ref),
        standing(macs[2], 8, assigned_object=theirs.ref),
        theirs,
    ]
    found = plan([device(), *ports, PORTS[3], *macs], there)

    assert [(change.existing.id, change.fields) for change in found.parked] == [
        (2, {"primary_mac_address": None}),
        (5, {"primary_mac_address": None}),
    ]
    assert [change.existing.id for change in found.updates] == [6, 7, 8]
    assert [(change.existing.id, change.fields["primary_mac_address"]) for change in found.late] == [
        (2, macs[0].ref),
        (3, macs[1].ref),
        (4, macs[2].ref),
    ]


def test_an_interface_steps_aside_for_two_reasons() -> None:
    """Its name is wanted, and its MAC address belongs elsewhere: it gives up both at once, and gets its name back."""
    own = mac(PORTS[1], "02:00:00:00:00:01")
    there = [
        standing(device(), 1),
        standing(PORTS[0], 2, name="E1/1", primary_mac_address=own.ref),
        standing(PORTS[1], 3, name="E1/0"),
        standing(own, 4, assigned_object=PORTS[0].ref),
    ]
    found = plan([device(), *PORTS[:2], own], there)

    assert [dict(change.fields) for change in found.parked] == [
        {"name": "parked~2", "primary_mac_address": None},
        {"name": "parked~3"},
    ]
    assert [dict(change.fields) for change in found.updates] == [
        {"name": "E1/0"},
        {"name": "E1/1"},
        {"assigned_object": PORTS[1].ref},
    ]


def test_exchanged_terminations() -> None:
    """Terminations have nowhere to go: they are deleted and made anew, and the cable between is unplugged meanwhile."""
    found = plan([*BASE, *ENDS, PLUGGED], [*THERE, *TURNED, standing(PLUGGED, 30)])

    assert [(change.existing.id, change.fields) for change in found.parked] == [(30, {"a": None, "b": None})]
    assert [existing.id for existing in found.remade] == [20, 21]
    assert [(record.ref, record.fields) for record in found.creates] == [(end.ref, end.fields) for end in ENDS]
    assert [(change.existing.id, change.fields) for change in found.updates] == [
        (30, {"a": ENDS[0].ref, "b": PORTS[0].ref})
    ]
    assert (found.deletes, found.refusals) == ((), ())
    assert [(step.action, step.model) for step in found.steps()] == [
        (Action.UPDATE, "dcim/cables"),
        (Action.DELETE, "circuits/circuit-terminations"),
        (Action.CREATE, "circuits/circuit-terminations"),
        (Action.UPDATE, "dcim/cables"),
    ]


def test_a_cable_that_goes_is_not_plugged_in_again() -> None:
    """Git declares the cable no more: it is deleted first."""
    found = plan([*BASE, *ENDS], [*THERE, *TURNED, standing(PLUGGED, 30)])

    assert ([existing.id for existing in found.deletes], found.parked, found.updates) == ([30], (), ())
    assert [existing.id for existing in found.remade] == [20, 21]


def test_a_record_that_goes_is_parked_for_good() -> None:
    """A VLAN in the place of another one, which Git declares no more, does not get its group back before its end."""
    found = plan([group(), vlan("new", 7)], [standing(group(), 1), standing(vlan("old", 7), 2)])

    assert [change.existing.id for change in found.parked] == [2]
    assert found.updates == ()


def test_the_place_of_a_termination_that_goes() -> None:
    """One that Git declares no more goes at the end, for cables may need it: the other one waits for a pass."""
    found = plan([*BASE, ENDS[0]], [*THERE, TURNED[1]])

    assert [line.partition(" (dc1/Connection/out#Z) ")[2] for line in told(found)] == [
        "stands in its place and leaves in this pass"
    ]


@pytest.mark.parametrize(
    ("incomplete", "cables", "reason"),
    [
        ("one kind", [standing(PLUGGED, 30)], "would have to be made anew, and nothing is deleted: one kind"),
        (None, [strangers(PLUGGED, 30)], "would have to be made anew, but cable out (id 30) depends on it"),
    ],
)
def test_what_may_not_be_made_anew(incomplete: str | None, cables: list[ExistingRecord], reason: str) -> None:
    """Where nothing may be deleted, or a cable of people would lose its end, all stays as it is."""
    found = plan([*BASE, *ENDS], [*THERE, *TURNED, *cables], incomplete=incomplete)

    assert found.is_empty
    assert any(reason in line for line in told(found))
    assert {refusal.ref for refusal in found.refusals} >= {end.ref for end in ENDS}


def test_a_scope_takes_the_whole_ring() -> None:
    """A pass over one of the objects makes all anew that has to be, and nothing is left half done."""
    found = plan([*BASE, *ENDS, PLUGGED], [*THERE, *TURNED, standing(PLUGGED, 30)])

    part = within(replace(found, parked=()), "dc1", {ObjectKey("Switch", "default", "spine-01")})

    assert (part.remade, part.creates, part.updates) == (found.remade, found.creates, found.updates)


def world() -> World:
    documents = MemoryDocuments()
    return World(LocalNetBox(documents, "lab"), LocalPerson(documents, "lab"), lambda: 0)


def rings(made: World) -> NetBoxPlan:
    """Everything that can be exchanged is, and the plan that heals it."""
    mirror(made.netbox, "dc1", POLICY, projected(*RINGS))
    exchange(made)
    return plan_netbox(projected(*RINGS), made.netbox.observe("dc1", projected(*RINGS)), POLICY, "dc1")


def test_a_pass_that_ends_too_early() -> None:
    """Wherever the plan stops, the next one brings everything to its end."""
    for stop in count():
        made = world()
        steps = list(rings(made).steps(1))
        for step in steps[:stop]:
            assert [result.error for result in write(made.netbox, step)] == [None]
        _, errors = mirror(made.netbox, "dc1", POLICY, projected(*RINGS))
        again, _ = mirror(made.netbox, "dc1", POLICY, projected(*RINGS))

        assert (errors, again.is_empty, again.refusals) == ([], True, ())
        if stop == len(steps):
            break


def test_nothing_is_made_anew_where_nothing_may_be_deleted() -> None:
    """Without prune the terminations wait, and say why."""
    found = plan([*BASE, *ENDS], [*THERE, *TURNED], replace(POLICY, prune=False))

    assert (found.remade, found.creates) == ((), ())
    assert "nothing is deleted: netbox.prune is false" in found.refusals[0].message
