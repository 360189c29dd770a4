"""Objects that the cluster does not let us make anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    ObjectRejectedError,
)
from reconciler.model.plan import ClusterPlan, Create, Delete, Halfway
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.refused_deletes import RefusedDelete, after_pass
from reconciler.plan.results import blocked_by
from reconciler.plan.situation import Extent
from tests.unit.plan.edits import LINKED, P, bundled, findings_of, having, strict_world
from tests.unit.plan.world import FABRIC, desired, key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Result
    from tests.unit.plan.world import World

AT = key("VPCAttachment", "at")
WANTED = desired(*having(LINKED, bundled("p", "E1/1", "E1/2")))
REFUSED = ObjectRejectedError("no")
DELETED = Halfway(None)


@pytest.fixture
def world() -> World:
    return strict_world(*LINKED)


@pytest.fixture
def plan(world: World) -> ClusterPlan:
    return world.plan(WANTED)


def _plan(world: World, known: Mapping[ObjectKey, RefusedDelete]) -> ClusterPlan:
    extent = Extent(undeletable=known)
    return plan_cluster(WANTED, world.observe(), world.inventory, world.policy, FABRIC, extent)


@pytest.mark.parametrize("error", [REFUSED, ClusterAccessError("no")])
def test_a_refusal_is_remembered(world: World, plan: ClusterPlan, error: ReconcilerError) -> None:
    """By the very object and what it should become: no plan with these makes it anew, nor what refers to it."""
    known = after_pass({}, plan, {AT: DELETED, P.key: error})

    then = _plan(world, known)

    assert [(one, known[one].uid, known[one].error) for one in known] == [(P.key, world.live()[P.key].uid, "no")]
    assert then.actions == ()
    assert findings_of(then) == {"Connection/p": ("conflict", "DeleteRefused")}
    assert after_pass(known, then, {}) == known


@pytest.mark.parametrize(
    "results",
    [
        pytest.param({AT: DELETED, P.key: ClusterUnavailableError("no answer")}, id="an answer that is lost"),
        pytest.param({AT: REFUSED, P.key: DependencyNotReadyError("waits")}, id="nothing was deleted"),
        pytest.param({AT: DELETED, P.key: Halfway(None, REFUSED)}, id="what was deleted and not created"),
        pytest.param({}, id="nothing was tried"),
    ],
)
def test_what_is_no_refusal(plan: ClusterPlan, results: dict[ObjectKey, Result]) -> None:
    """Nothing is known after it, whatever was known before."""
    known = {P.key: RefusedDelete("uid", "digest", "no")}

    assert after_pass(known, plan, results) == {}


@pytest.mark.parametrize("changed", [{"uid": "other"}, {"digest": "other"}])
def test_another_object_or_declaration_is_tried(world: World, plan: ClusterPlan, changed: dict[str, str]) -> None:
    """The refusal was about the one of then."""
    (known,) = after_pass({}, plan, {AT: DELETED, P.key: REFUSED}).values()
    fields = {"uid": known.uid, "digest": known.digest, "error": known.error}

    assert _plan(world, {P.key: RefusedDelete(**{**fields, **changed})}).actions == plan.actions


def _creates(plan: ClusterPlan) -> Create:
    (found,) = [one for one in plan.actions if isinstance(one, Create) and one.key == AT]
    return found


@pytest.mark.parametrize(
    ("at", "p", "is_blocked"),
    [
        pytest.param(DELETED, REFUSED, False, id="it is still there"),
        pytest.param(DELETED, ClusterUnavailableError("no answer"), True, id="it may be gone"),
        pytest.param(DELETED, Halfway(None, REFUSED), True, id="it is gone"),
        pytest.param(REFUSED, REFUSED, True, id="nothing was deleted"),
    ],
)
def test_what_was_deleted_waits_only_for_what_is_gone(
    plan: ClusterPlan,
    at: Result,
    p: Result,
    is_blocked: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """What it refers to and what was not deleted lets it come back."""
    found = blocked_by(_creates(plan), {AT: at, P.key: p}, plan.replaced)

    assert (found is not None) is is_blocked
    assert any(isinstance(one, Delete) and one.key == P.key for one in plan.actions)
