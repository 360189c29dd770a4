"""What holds for every plan for NetBox, whatever is desired and whatever is there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model.fabric import NetBoxPolicy
from reconciler.model.netbox import Observation, Projection, Ref, SharedRecord
from reconciler.model.netbox_schema import MODELS
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.plan.netbox import plan_netbox
from reconciler.plan.projection import project
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from tests.contract.netbox_runner import mirror
from tests.contract.netbox_world import LocalPerson

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Value
    from reconciler.targets.local.netbox_rows import Row

Fabric: TypeAlias = "dict[str, dict[str, JSONObject]]"
Edit: TypeAlias = "tuple[int, str, int]"

POLICY = NetBoxPolicy("dc1", max_deletes=1000)
SITE = SharedRecord(Ref("dcim/sites", "dc1"), {"name": "dc1", "slug": "dc1"})

NAMES = st.sampled_from(["a", "b", "c"])
VLAN_IDS = st.sampled_from([0, 7, 8, 9])
CIDRS = st.sampled_from(["10.0.0.0/24", "10.0.1.0/24", "10.0.1.9/24", "bad"])
FABRICS: st.SearchStrategy[Fabric] = st.fixed_dictionaries(
    {
        "Switch": st.dictionaries(
            NAMES, st.fixed_dictionaries({"role": st.sampled_from(["spine", ""]), "asn": VLAN_IDS})
        ),
        "Server": st.dictionaries(NAMES, st.fixed_dictionaries({"description": st.text(max_size=5)})),
        "VLANNamespace": st.dictionaries(st.sampled_from("xy"), st.just({"ranges": [{"from": 5, "to": 20}]})),
        "VPC": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {
                    "vlanNamespace": st.sampled_from("xy"),
                    "subnets": st.dictionaries(
                        NAMES, st.fixed_dictionaries({"subnet": CIDRS, "vlan": VLAN_IDS}), max_size=3
                    ),
                }
            ),
        ),
    }
)
STRANGERS: tuple[tuple[str, dict[str, Value]], ...] = (
    ("dcim/devices", {"name": "a", "site": SITE.ref}),
    ("dcim/devices", {"name": "B", "site": SITE.ref}),
    ("ipam/vlan-groups", {"name": "x", "slug": "x", "scope": SITE.ref}),
    ("ipam/vrfs", {"name": "dc1/a"}),
)
EDITS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["exchange", "untag", "remove", "twin"]), st.integers(0, 40)),
    max_size=4,
)


def projected(fabric: Fabric) -> Projection:
    objects = [
        Manifest(ObjectKey(kind, "default", name), Source("x.yaml"), spec)
        for kind, named in fabric.items()
        for name, spec in named.items()
    ]
    return project("dc1", POLICY, objects)


def meddle(person: LocalPerson, edit: Edit) -> None:
    """Something that a person, or a lost race, does to the records that are there."""
    first, action, second = edit
    tables = person.tables()
    rows = [row for row in tables.rows.values() if row.model in MODELS]
    if not rows:
        return
    row = rows[first % len(rows)]
    same = [other for other in rows if other.model == row.model]
    other = same[second % len(same)]
    if action == "exchange":
        person.put(replace(row, fields=other.fields), replace(other, fields=row.fields))
    elif action == "untag":
        person.untag(row.model, row.id)
    elif action == "remove" and not tables.dependents(row):
        person.remove(row.model, row.id)
    elif action == "twin" and row.model == "ipam/vrfs":
        person.double(row.model, row.id)


def strangers_of(person: LocalPerson) -> list[Row]:
    return [row for row in person.tables().rows.values() if row.model in MODELS and not (row.is_tagged and row.key)]


TWO_VPCS: Fabric = {"VPC": {name: {"vlanNamespace": "x", "subnets": {}} for name in "ab"}}


@given(FABRICS, FABRICS, st.sets(st.integers(0, 3)), EDITS)
@example(TWO_VPCS, TWO_VPCS, set(), [(0, "exchange", 1), (0, "twin", 0)])
@example(TWO_VPCS, TWO_VPCS, set(), [(0, "twin", 0), (1, "exchange", 20)])
def test_two_passes_settle(first: Fabric, second: Fabric, strangers: set[int], edits: list[Edit]) -> None:
    """From whatever state, one pass writes all that it may, without an error, and the next has nothing to write. What
    is not ours comes out as it went in.
    """
    documents = MemoryDocuments()
    netbox, person = LocalNetBox(documents, "lab"), LocalPerson(documents, "lab")
    netbox.create_shared([SITE])
    for position in strangers:
        person.add(*STRANGERS[position])
    mirror(netbox, "dc1", POLICY, projected(first))
    for edit in edits:
        meddle(person, edit)
    others = strangers_of(person)

    plan, errors = mirror(netbox, "dc1", POLICY, projected(second))
    again, _ = mirror(netbox, "dc1", POLICY, projected(second))

    assert errors == []
    assert again.is_empty
    assert {item.ref for item in again.refusals} == {item.ref for item in plan.refusals}
    assert strangers_of(person) == others


@given(FABRICS, st.lists(st.integers(0, 1000)), EDITS)
def test_order_does_not_matter(fabric: Fabric, shuffle: list[int], edits: list[Edit]) -> None:
    """The plan does not depend on the order in which records are projected or observed."""
    documents = MemoryDocuments()
    netbox, person = LocalNetBox(documents, "lab"), LocalPerson(documents, "lab")
    desired = projected(fabric)
    mirror(netbox, "dc1", POLICY, desired)
    for edit in edits:
        meddle(person, edit)
    seen = netbox.observe("dc1", desired)
    order = dict(enumerate(shuffle))
    mixed = tuple(sorted(seen.records, key=lambda record: (order.get(record.id, 0), -record.id)))

    assert plan_netbox(
        replace(desired, records=desired.records[::-1]), Observation(mixed, seen.shared), POLICY, "dc1"
    ) == plan_netbox(desired, seen, POLICY, "dc1")


@given(FABRICS, FABRICS, EDITS, st.sampled_from([POLICY, replace(POLICY, prune=False)]), st.sampled_from([None, "why"]))
def test_deletes_are_marked_and_guarded(
    first: Fabric, second: Fabric, edits: list[Edit], policy: NetBoxPolicy, incomplete: str | None
) -> None:
    """Whatever is planned to be deleted or changed carries both our marks; nothing is deleted under a guard."""
    documents = MemoryDocuments()
    netbox, person = LocalNetBox(documents, "lab"), LocalPerson(documents, "lab")
    mirror(netbox, "dc1", POLICY, projected(first))
    for edit in edits:
        meddle(person, edit)
    desired = projected(second)

    plan = plan_netbox(desired, netbox.observe("dc1", desired), policy, "dc1", incomplete=incomplete)

    touched = [*plan.deletes, *(change.existing for change in (*plan.parked, *plan.updates))]
    assert all(existing.is_owned_by("dc1") for existing in touched)
    assert not (plan.deletes and (incomplete or not policy.prune or not desired.records))
