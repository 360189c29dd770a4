"""What of a plan waits until a person has approved it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ApplyConflictError, ClusterUnavailableError, ClusterUnreachableError, ObjectRejectedError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import FieldDifference
from reconciler.model.plan import Create
from reconciler.model.status import Approval
from reconciler.plan.approval import hold, is_spent
from reconciler.plan.ownership import were_shown
from tests.unit.plan.world import NOW, World, desired, vpc

if TYPE_CHECKING:
    from reconciler.model.plan import ClusterPlan, Result

ASKS = ClusterPolicy(prune=True, needs_approval=True)
FREE = ClusterPolicy(prune=True, max_deletes=0)
WANTED = desired(vpc("changes", mode="b"), vpc("new"))


def _plan(policy: ClusterPolicy, approved: str | None = None) -> ClusterPlan:
    """One create, one update and one delete."""
    world = World()
    world.reconcile(desired(vpc("changes", mode="a"), vpc("gone")))
    world.policy = policy
    return world.plan(WANTED, approved=approved)


def _approval(plan_hash: str) -> Approval:
    return Approval(plan_hash, NOW, "ann")


def _held(plan: ClusterPlan) -> list[str]:
    return [str(action.key) for action in plan.held]


def test_nothing_runs_without_approval() -> None:
    """Every action waits, in its order; the block, the first of all, names counts, the hash and what to do."""
    plan = _plan(ASKS)

    held = hold(plan, ASKS, None, is_full=True, is_whole=True)

    assert (held.actions, _held(held), held.is_approved) == ((), ["VPC/changes", "VPC/new", "VPC/gone"], False)
    assert held.held_by == held.blocks[0]
    assert held.blocks[0].reason == "ApprovalRequired"
    assert held.blocks[0].message == (
        "not applied: 1 create, 1 update, 1 delete wait for approval; look at the plan with "
        f"`reconciler plan dc1`, then `reconciler approve dc1 {plan.hash[:12]}`"
    )
    assert held.hash == plan.hash


def test_deletes_beyond_the_limit_wait_with_the_others() -> None:
    """One approval is enough for both guards, and both are named."""
    policy = ClusterPolicy(prune=True, max_deletes=0, needs_approval=True)

    held = hold(_plan(policy), policy, None, is_full=True, is_whole=True)

    assert _held(held) == ["VPC/changes", "VPC/new", "VPC/gone"]
    assert [block.reason for block in held.blocks] == ["ApprovalRequired", "TooManyDeletes"]
    approved = _plan(policy, held.hash)
    assert hold(approved, policy, _approval(held.hash), is_full=True, is_whole=True).held == ()
    assert len(approved.actions) == 3


def test_the_approved_plan_runs() -> None:
    """Whole, and known to be approved, in a full pass; a pass over some objects does not carry it out."""
    plan = _plan(ASKS)

    approved = hold(plan, ASKS, _approval(plan.hash), is_full=True, is_whole=True)
    scoped = hold(plan, ASKS, _approval(plan.hash), is_full=False, is_whole=True)

    assert (approved.actions, approved.blocks, approved.is_approved) == (plan.actions, (), True)
    assert (scoped.actions, scoped.is_approved, len(scoped.held)) == ((), False, 3)
    assert scoped.blocks[0].message.endswith("wait for approval; a full pass tells which plan to approve")


@pytest.mark.parametrize("policy", [ASKS, FREE], ids=["approval required", "too many deletes"])
def test_a_changed_plan_is_refused(policy: ClusterPolicy) -> None:
    """The reason says that the plan changed, with both hashes; deletes beyond the limit stay held."""
    plan = _plan(policy)

    held = hold(plan, policy, _approval("0" * 64), is_full=True, is_whole=True)

    assert "VPC/gone" in _held(held)
    assert held.blocks[0].reason == "PlanChanged"
    assert held.blocks[0].message.startswith("plan 000000000000 is not carried out: the plan changed")
    assert f"is now {held.held_hash[:12]}" in held.blocks[0].message
    assert (held.held_hash == plan.hash) is policy.needs_approval
    assert bool(held.actions) is not policy.needs_approval


def test_what_we_owe_needs_no_approval() -> None:
    """What an approved plan deleted to make it anew, and could not create any more, is created; the rest waits."""
    plan = _plan(ASKS)
    (create,) = [one for one in plan.actions if isinstance(one, Create)]
    actions = (replace(one, is_owed=True) if isinstance(one, Create) else one for one in plan.actions)
    owed = replace(plan, actions=tuple(actions))

    held = hold(owed, ASKS, None, is_full=False, is_whole=True)

    assert [action.key for action in held.actions] == [create.key]
    assert create.key not in {action.key for action in held.held}
    alone = replace(owed, actions=held.actions)
    assert hold(alone, ASKS, None, is_full=True, is_whole=True) == alone


def test_an_approval_of_the_deletes_alone() -> None:
    """Deletes that were too many are approved by their own name: also beside something new, which nobody saw."""
    plan = _plan(FREE)
    assert plan.held_hash != plan.hash

    approved = hold(_plan(FREE, plan.held_hash), FREE, _approval(plan.held_hash), is_full=True, is_whole=True)

    assert (approved.is_approved, approved.held) == (True, ())
    assert {action.key for action in approved.actions if approved.was_approved(action.key)} == {
        action.key for action in plan.held
    }
    refused = ClusterUnavailableError("away")
    done = {action.key: None for action in approved.actions}
    assert is_spent(approved, _approval(plan.held_hash), done, is_whole=True)
    assert not is_spent(
        approved,
        _approval(plan.held_hash),
        {plan.held[0].key: refused} | {action.key: None for action in approved.actions if action not in plan.held},
        is_whole=True,
    )


def test_what_could_not_be_read_changes_no_plan() -> None:
    """While a kind is unknown, or Git away, the plan differs for that reason: it waits, and the approval stays."""
    plan = _plan(ASKS)

    held = hold(plan, ASKS, _approval("0" * 64), is_full=True, is_whole=False)

    assert (held.blocks[0].reason, held.actions) == ("ApprovalRequired", ())
    assert not is_spent(held, _approval("0" * 64), {}, is_whole=False)


@pytest.mark.parametrize("approval", [None, _approval("0" * 64)])
def test_nothing_to_do_needs_no_approval(approval: Approval | None) -> None:
    """A plan without actions is not blocked, whatever was approved before."""
    world = World(ASKS)
    plan = world.plan(desired())

    assert hold(plan, ASKS, approval, is_full=True, is_whole=True) == plan


def test_a_policy_that_does_not_ask() -> None:
    """Without an approval the plan runs as it is: deletes beyond the limit wait for theirs."""
    plan = _plan(FREE)

    assert hold(plan, FREE, None, is_full=True, is_whole=True) == plan
    assert hold(plan, FREE, _approval(plan.hash), is_full=False, is_whole=True) == plan


DONE: Result = None
AWAY = ClusterUnreachableError("no route")
REFUSED = ObjectRejectedError("no")


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        pytest.param([DONE, DONE], True, id="carried out"),
        pytest.param([DONE, AWAY], True, id="in part"),
        pytest.param([REFUSED], True, id="refused"),
        pytest.param([AWAY, AWAY], False, id="cluster away"),
        pytest.param([], False, id="not tried"),
    ],
)
def test_an_approval_is_used_up(results: list[Result], expected: bool) -> None:  # noqa: FBT001 - given by position
    """By the pass that carried the plan out; not by one that reached nothing, which is made again."""
    plan = _plan(ASKS)
    approval = _approval(plan.hash)
    approved = hold(plan, ASKS, approval, is_full=True, is_whole=True)
    found = {action.key: result for action, result in zip(plan.actions, results, strict=False)}

    assert is_spent(approved, approval, found, is_whole=True) is expected


def test_an_approval_is_dropped_with_its_plan() -> None:
    """Once the plan is another one; without an approval there is nothing to drop."""
    plan = _plan(FREE)

    assert is_spent(plan, _approval("0" * 64), {}, is_whole=True)
    assert not is_spent(plan, None, {}, is_whole=True)


@pytest.mark.parametrize(
    ("conflicts", "expected"),
    [
        pytest.param([".spec.mode"], True, id="shown"),
        pytest.param([".spec.subnets"], True, id="an object around what was shown"),
        pytest.param([".spec.mode", ".spec.permit"], False, id="one was not shown"),
        pytest.param([".spec.m"], False, id="the beginning of a name"),
        pytest.param([".metadata.annotations.a"], False, id="an annotation of a longer name"),
    ],
)
def test_what_an_approval_lets_us_take(conflicts: list[str], expected: bool) -> None:  # noqa: FBT001 - given by position
    """Fields that the approved plan showed, and no other."""
    paths = (".spec.mode", ".spec.subnets.a.vlan", ".metadata.annotations.a.b")
    shown = [FieldDifference(path, 1, 2, "kubectl") for path in paths]

    assert were_shown(ApplyConflictError("no", dict.fromkeys(conflicts, "kubectl")).conflicts, shown) is expected
