"""What of a plan waits until a person has approved it, and when an approval is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import RetryableError
from reconciler.model.plan import Block, Create, Delete

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Action, ClusterPlan, Result
    from reconciler.model.status import Approval

SHOWN_OF_HASH = 12
"""Characters of a plan's hash that are shown, and that suffice to name it."""

APPROVAL_REQUIRED = "ApprovalRequired"
PLAN_CHANGED = "PlanChanged"
TOO_MANY_DELETES = "TooManyDeletes"

AWAITING = frozenset({APPROVAL_REQUIRED, PLAN_CHANGED, TOO_MANY_DELETES})
"""The reasons of guards that an approval lifts."""


def hold(
    plan: ClusterPlan, policy: ClusterPolicy, approval: Approval | None, *, is_full: bool, is_whole: bool
) -> ClusterPlan:
    """The plan without what needs approval and has none. Only a full pass carries out what was approved. What an
    earlier pass deleted to make it anew, before it broke off, is created without another approval.

    `is_whole`: everything that the plan is made of could be read. Else that it is another plan than the approved one
    says nothing.
    """
    if is_full and approval is not None and (approval.hash == plan.hash or plan.approved_part is not None):
        return replace(plan, is_approved=True)
    owed = tuple(action for action in plan.actions if isinstance(action, Create) and action.is_owed)
    waiting = (*(one for one in plan.actions if one not in owed), *plan.held) if policy.needs_approval else plan.held
    if not waiting:
        return plan
    if policy.needs_approval:
        plan = replace(plan, actions=owed, held=waiting, held_hash=plan.hash)
    if is_full and is_whole and approval is not None:
        block = _changed(plan, approval)
    elif policy.needs_approval:
        block = _required(plan, waiting, is_full=is_full)
    else:
        return plan
    return replace(plan, held_by=block, blocks=(block, *plan.blocks))


def _changed(plan: ClusterPlan, approval: Approval) -> Block:
    old, new = approval.hash[:SHOWN_OF_HASH], plan.held_hash
    text = f"plan {old} is not carried out: the plan changed since it was approved, and is now"
    return Block(PLAN_CHANGED, f"{text} {new[:SHOWN_OF_HASH]}; {how_to_approve(plan.fabric, new)}")


def _required(plan: ClusterPlan, waiting: Sequence[Action], *, is_full: bool) -> Block:
    number = len(waiting)
    text = f"not applied: {count_actions(waiting)} wait{'s' if number == 1 else ''} for approval"
    then = how_to_approve(plan.fabric, plan.hash) if is_full else "a full pass tells which plan to approve"
    return Block(APPROVAL_REQUIRED, f"{text}; {then}")


def how_to_approve(fabric: str, plan_hash: str) -> str:
    """What to do next, in the words of the command line."""
    shown = plan_hash[:SHOWN_OF_HASH]
    return f"look at the plan with `reconciler plan {fabric}`, then `reconciler approve {fabric} {shown}`"


def count_actions(actions: Iterable[Action]) -> str:
    """`3 creates, 1 update`."""
    counted = Counter(verb(action) for action in actions)
    named = [(counted[name], name) for name in ("create", "update", "delete") if counted[name]]
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for number, name in named)


def verb(action: Action) -> str:
    """What the action does: create, update or delete."""
    if isinstance(action, Create):
        return "create"
    return "delete" if isinstance(action, Delete) else "update"


def is_spent(
    plan: ClusterPlan, approval: Approval | None, results: Mapping[ObjectKey, Result], *, is_whole: bool
) -> bool:
    """Whether an approval is over after a full pass: its plan was carried out, or is no longer the plan. Where nothing
    could be tried, because the cluster is away or the service changed course, the next pass goes on with it.
    """
    if approval is None:
        return False
    if not plan.is_approved:
        return is_whole
    return any(not isinstance(result, RetryableError) for key, result in results.items() if plan.was_approved(key))
