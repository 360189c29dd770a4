"""Reversals of one object, and when they are a fight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ObjectRejectedError
from reconciler.model.objects import digest
from reconciler.model.passes import FieldDifference
from reconciler.model.plan import ClusterPlan, Drift, Finding, Update
from reconciler.plan.fights import LIMIT, WINDOW, Reversals, after_pass, contested
from tests.unit.plan.world import FABRIC, key, resource, vpc

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Result

V = vpc("v", subnets={"a": {"vlan": 1}})
LIVE = resource(V)
OTHERS = FieldDifference(".spec.subnets.a.vlan", 1, 9, "kubectl-edit")
DECLARED = digest(V.body(FABRIC))
DRIFTED = ClusterPlan(FABRIC, drifted=(Drift(V, LIVE, "m", (OTHERS,)),))
HEALED = {V.key: LIVE}
FOUGHT = replace(DRIFTED, fighting=(Finding(V.key, "Fighting", "m"),))


def _healed(*moments: float) -> dict[ObjectKey, Reversals]:
    known: dict[ObjectKey, Reversals] = {}
    for now in moments:
        known = after_pass(known, DRIFTED, HEALED, now)
    return known


def test_reversals_are_counted() -> None:
    """Each healing of a drifted object counts, with who had changed it."""
    assert _healed(1.0, 2.0) == {V.key: Reversals(DECLARED, (1.0, 2.0), frozenset({"kubectl-edit"}))}


@pytest.mark.parametrize(
    ("plan", "results"),
    [
        pytest.param(DRIFTED, {}, id="drift that was not healed"),
        pytest.param(DRIFTED, {V.key: ObjectRejectedError("no")}, id="drift that could not be healed"),
        pytest.param(ClusterPlan(FABRIC), HEALED, id="what Git changed"),
    ],
)
def test_what_is_no_reversal(plan: ClusterPlan, results: dict[ObjectKey, Result]) -> None:
    """Only drift that an apply took back counts."""
    assert after_pass({}, plan, results, 1.0) == {}


@pytest.mark.parametrize(
    ("moments", "now", "expected"),
    [
        ((0.0, 10.0, 20.0, 30.0), 40.0, False),
        ((0.0, 10.0, 20.0, 30.0, 40.0), 50.0, True),
        ((0.0, 10.0, 20.0, 30.0, 40.0), WINDOW, True),
        ((0.0, 10.0, 20.0, 30.0, 40.0), WINDOW + 0.1, False),
        ((0.0, 1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 40.0), 63.5, False),
    ],
)
def test_one_reversal_too_many(moments: tuple[float, ...], now: float, expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """Five within a minute are made; the sixth within that minute is not."""
    assert (V.key in contested(_healed(*moments), now)) is expected


def test_a_fight_lasts() -> None:
    """Once an object is left as it is, it stays so however long nothing happens."""
    known = after_pass(_healed(*range(LIMIT)), FOUGHT, {}, 10.0)

    assert known[V.key].is_fight
    assert V.key in contested(known, 10_000.0)
    assert after_pass(known, ClusterPlan(FABRIC), {}, 10_000.0) == known
    assert after_pass(known, FOUGHT, {}, 10_000.0) == known


def test_a_fight_ends_when_the_other_one_gives_in() -> None:
    """A pass that finds the object as Git declares it ends the fight; what was counted counts for its minute."""
    known = after_pass(_healed(*range(LIMIT)), FOUGHT, {}, 10.0)
    in_line = ClusterPlan(FABRIC, unchanged=(V.key,))

    assert V.key in contested(after_pass(known, in_line, {}, 20.0), 30.0)
    assert after_pass(known, in_line, {}, 4.0 + WINDOW + 1) == {}


def test_a_fight_ends_when_git_changes() -> None:
    """What Git declares now is applied, and counts from one."""
    known = after_pass(_healed(*range(LIMIT)), FOUGHT, {}, 10.0)
    changed = vpc("v", subnets={"a": {"vlan": 2}})
    applied = ClusterPlan(FABRIC, actions=(Update(changed, LIVE, (), forcible=False, wave=(30, 0), reason="r"),))

    assert after_pass(known, applied, {V.key: LIVE}, 500.0) == {}
    drifted = ClusterPlan(FABRIC, drifted=(Drift(changed, None, "m"),))
    after = after_pass(known, drifted, HEALED, 20.0)
    assert after == {V.key: Reversals(digest(changed.body(FABRIC)), (20.0,))}


def test_what_was_long_ago_is_forgotten() -> None:
    """Nothing is kept of an object that nobody changed for a minute, nor of the others for its sake."""
    other = replace(V, key=key("VPC", "w"))
    both = ClusterPlan(FABRIC, drifted=(Drift(V, LIVE, "m"), Drift(other, None, "m")))
    known = after_pass({}, both, {V.key: LIVE, other.key: LIVE}, 0.0)

    assert set(known) == {V.key, other.key}
    assert after_pass(known, ClusterPlan(FABRIC), {}, WINDOW) == known
    assert after_pass(known, ClusterPlan(FABRIC), {}, WINDOW + 1) == {}


def test_the_message_names_who() -> None:
    """Whoever reads it knows whom to ask; a deletion has no manager."""
    assert Reversals("d", (), frozenset({"b", "a"})).message == (
        "healed 5 times within 60 s, and changed again by a, b: it is left as it is until Git changes it, or somebody "
        "asks for a pass"
    )
    assert "changed again: it is left" in Reversals("d", ()).message
