"""What may be forced, and whose an object is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import FieldDifference, InventoryEntry
from reconciler.plan.ownership import adopt, contested, may_force, other_fabric
from tests.unit.plan.world import key, resource, vpc

KEY = key("VPC", "v")
OURS = resource(vpc("v", subnets={"a": {"vlan": 1}}))
THEIRS = replace(OURS, managed_fields=())
REMEMBERED = InventoryEntry(KEY, OURS.uid, paths=frozenset({".spec.mode"}))
HEAL, TAKE = ClusterPolicy(), ClusterPolicy(take_over=True)


LABELLED = replace(REMEMBERED, paths=frozenset({".metadata.labels.app.io/name"}))


@pytest.mark.parametrize(
    ("conflicts", "entry", "observed", "policy", "expected"),
    [
        pytest.param([".spec.subnets.a.vlan"], None, OURS, HEAL, True, id="ours by managedFields"),
        pytest.param([".spec.mode"], REMEMBERED, OURS, HEAL, True, id="ours by the inventory"),
        pytest.param([".spec.mode"], REMEMBERED, THEIRS, HEAL, True, id="ours by the inventory alone"),
        pytest.param([".spec.mode", ".spec.subnets.a.vlan"], REMEMBERED, OURS, HEAL, True, id="all ours"),
        pytest.param([".spec.mode", ".spec.permit"], REMEMBERED, OURS, HEAL, False, id="one not ours"),
        pytest.param([".spec.subnets.a"], None, OURS, HEAL, True, id="an object around ours"),
        pytest.param([".spec.subnets.a.v"], None, OURS, HEAL, False, id="a name that begins like ours"),
        pytest.param([".spec.mode"], None, OURS, HEAL, False, id="never applied"),
        pytest.param([".spec.mode"], replace(REMEMBERED, uid="old"), OURS, HEAL, False, id="applied to another object"),
        pytest.param([".spec.mode"], REMEMBERED, None, HEAL, False, id="somebody else created it meanwhile"),
        pytest.param([".spec.mode"], REMEMBERED, OURS, ClusterPolicy(self_heal=False), False, id="no self_heal"),
        pytest.param([".spec.permit"], None, THEIRS, TAKE, True, id="take_over"),
        pytest.param([".spec.permit"], None, None, TAKE, True, id="take_over of an object that just appeared"),
        pytest.param([".spec.permit"], None, THEIRS, ClusterPolicy(self_heal=False, take_over=True), False, id="both"),
        pytest.param([], None, None, HEAL, True, id="nothing in conflict"),
        pytest.param([".metadata.labels.app"], LABELLED, OURS, HEAL, False, id="a label that begins another's name"),
        pytest.param([".metadata.labels.app.io/name"], LABELLED, OURS, HEAL, True, id="that label"),
    ],
)
def test_force_needs_every_field_to_be_ours(
    conflicts: list[str],
    entry: InventoryEntry | None,
    observed: object,
    policy: ClusterPolicy,
    expected: bool,  # noqa: FBT001 - a table's column
) -> None:
    """Applied by us before, to this very object; or take_over. Never without self_heal."""
    assert may_force(conflicts, entry, observed, policy) is expected  # type: ignore[arg-type]


def test_contested_fields_are_those_of_others() -> None:
    """Not ours, and not nobody's."""
    found = [
        FieldDifference(".a", 1, 2, "kubectl-edit"),
        FieldDifference(".b", 1, 2, "hedgehog-reconciler"),
        FieldDifference(".c", 1, 2, None),
        FieldDifference(".d", 1, 2, ""),
    ]

    assert contested(found) == {".a": "kubectl-edit"}


def test_another_fabrics_object_is_known_by_all_its_marks() -> None:
    """An annotation that somebody copied does not make an object another fabric's."""
    other = resource(vpc("v"), fabric="dc2")

    assert other_fabric(other, "dc1") == "dc2"
    assert other_fabric(other, "dc2") is None
    assert other_fabric(replace(other, managed_fields=()), "dc1") is None
    assert other_fabric(replace(other, annotations={}), "dc1") is None


def test_adoption_remembers_identity_and_fields() -> None:
    """So that the fields may be healed, and the object pruned, later."""
    entry = adopt(OURS)

    assert (entry.key, entry.uid, entry.digest, entry.applied) == (KEY, OURS.uid, None, None)
    assert ".spec.subnets.a.vlan" in entry.paths
