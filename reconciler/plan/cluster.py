"""The plan for a cluster: from what Git declares, what the cluster holds and what we own, to actions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import digest
from reconciler.model.plan import Block, ClusterPlan, Create, Delete, Settled, Update
from reconciler.plan.applies import Decision, decide
from reconciler.plan.approval import TOO_MANY_DELETES, how_to_approve
from reconciler.plan.draft import Draft
from reconciler.plan.observing import compare_only
from reconciler.plan.prune import guards, plan_prune
from reconciler.plan.schedule import arrange
from reconciler.plan.situation import Extent, Observed, Situation, live_objects, unknown_kinds
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.json import JSON
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import Action, Apply, Wave
    from reconciler.plan.prune import Pruning
    from reconciler.plan.schedule import Schedule


def plan_cluster(
    desired: Desired | None,
    observed: Observed,
    inventory: Mapping[ObjectKey, InventoryEntry],
    policy: ClusterPolicy,
    fabric: str,
    extent: Extent = Extent(),  # noqa: B008 - a frozen value
) -> ClusterPlan:
    """Decide about every object, as far as `extent` lets it.

    `observed` maps the names of kinds to their objects, or to None when they could not be read. Without a desired
    state there is nothing to decide.
    """
    if desired is None:
        block = Block("DesiredUnknown", f"nothing is planned: {extent.why_unknown}")
        return ClusterPlan(fabric, blocks=(block,), unknown=unknown_kinds(observed), hash=_hash((), fabric))
    known = live_objects(observed), unknown_kinds(observed)
    situation = Situation(
        fabric, policy, inventory, *known, extent.scope, extent.contested, extent.forms, extent.undeletable
    )
    if policy.is_observer:
        return replace(compare_only(desired, situation), hash=_hash((), fabric))
    waves = waves_of(desired.manifests.values())
    decisions = _decide_all(desired, situation, waves, extent.settled)
    applies = {key: decision.action for key, decision in decisions.items() if decision.action is not None}
    pruning = plan_prune(desired, situation, {one.key: one.resource for one in _updates(applies.values())})
    draft = Draft(desired, situation, waves, applies, {one.key: one for one in pruning.deletes})
    schedule = arrange(draft, guards(desired, situation))
    plan = ClusterPlan(
        fabric,
        actions=tuple(schedule.actions),
        pending=tuple(schedule.pending),
        prune_pending=tuple(sorted((*pruning.pending, *schedule.prune_pending), key=lambda finding: finding.key)),
        blocks=tuple(dict.fromkeys((*pruning.blocks, *schedule.blocks))),
        unknown=situation.unknown,
        forgotten=tuple(pruning.forgotten),
        hash=_hash(schedule.actions, fabric),
    )
    plan = _within_limit(plan, schedule, policy, extent.approved)
    plan = _with_decisions(plan, decisions, schedule, pruning)
    return replace(plan, settled=_settled(decisions, desired, situation, extent.settled))


def _within_limit(plan: ClusterPlan, schedule: Schedule, policy: ClusterPolicy, approved: str | None) -> ClusterPlan:
    """The plan without its deletes, and what has to wait for them, where they are too many."""
    deletes = sum(isinstance(action, Delete) for action in plan.actions)
    if deletes <= policy.max_deletes:
        return plan
    held = tuple(action for action in plan.actions if action.key in schedule.awaiting)
    # What is not held goes on at once, and leaves a plan of the rest alone for whoever approves.
    held_hash = plan.hash if policy.needs_approval else _hash(held, plan.fabric)
    if approved == plan.hash:
        return plan
    if approved == held_hash:
        return replace(plan, held_hash=held_hash, approved_part=frozenset(action.key for action in held))
    too_many = _too_many(deletes, policy, plan.fabric, held_hash)
    return replace(
        plan,
        actions=tuple(action for action in plan.actions if action.key not in schedule.awaiting),
        held=held,
        held_by=too_many,
        held_hash=held_hash,
        blocks=(*plan.blocks, too_many),
    )


def _with_decisions(
    plan: ClusterPlan, decisions: Mapping[ObjectKey, Decision], schedule: Schedule, pruning: Pruning
) -> ClusterPlan:
    """The plan with what was decided about objects that no action is about."""
    anew = () if plan.held else schedule.replaced
    found = decisions.values()
    return replace(
        plan,
        unchanged=tuple(key for key, one in decisions.items() if one.is_unchanged and key not in anew),
        # Drift that is only reported is gone once the object is made anew for the sake of another.
        drifted=tuple(one.drift for key, one in decisions.items() if one.drift and (one.action or key not in anew)),
        waiting=(*(one.waiting for one in found if one.waiting is not None), *schedule.waiting),
        conflicts=(*(one.conflict for one in found if one.conflict is not None), *schedule.conflicts),
        fighting=tuple(one.fight for one in found if one.fight is not None),
        adopted=(*(one.adopted for one in found if one.adopted is not None), *pruning.adopted),
        refreshed=tuple(one.refreshed for one in found if one.refreshed is not None),
        questions=tuple(one.question for one in found if one.question is not None),
    )


_UNCHANGED = Decision()
"""About an object that is as it should be, in the cluster and in the inventory."""


def _decide_all(
    desired: Desired, situation: Situation, waves: Mapping[ObjectKey, Wave], settled: Mapping[ObjectKey, Settled]
) -> dict[ObjectKey, Decision]:
    known = {kind for kind in KINDS if situation.is_known(kind)}
    wanted = desired.manifests.keys() if situation.scope is None else desired.manifests.keys() & situation.scope
    found = {}
    for key in sorted(key for key in wanted if key.kind in known):
        manifest, one = desired.manifests[key], settled.get(key)
        resource = situation.live.get(key) if one else None
        if one and resource and one.holds(manifest, resource, situation.inventory.get(key)):
            found[key] = _UNCHANGED
        else:
            found[key] = decide(manifest, waves[key], situation)
    return found


def _settled(
    decisions: Mapping[ObjectKey, Decision], desired: Desired, situation: Situation, before: Mapping[ObjectKey, Settled]
) -> dict[ObjectKey, Settled]:
    """What the next plan need not compare again; of objects that this one did not look at, what was known before."""
    found = {} if situation.scope is None else {k: one for k, one in before.items() if k not in situation.scope}
    for key, decision in decisions.items():
        if decision is _UNCHANGED:
            found[key] = before[key]
        elif decision == _UNCHANGED:
            resource = situation.live[key]
            entry = situation.inventory.get(key)
            found[key] = Settled(desired.manifests[key], resource.uid, resource.resource_version, entry)
    return found


def _updates(applies: Iterable[Apply]) -> Iterable[Update]:
    return (one for one in applies if isinstance(one, Update))


def _too_many(deletes: int, policy: ClusterPolicy, fabric: str, plan_hash: str) -> Block:
    text = f"{deletes} deletes are more than cluster.max_deletes ({policy.max_deletes})"
    return Block(TOO_MANY_DELETES, f"nothing is deleted: {text}; {how_to_approve(fabric, plan_hash)}")


def _hash(actions: Iterable[Action], fabric: str) -> str:
    """SHA-256 (hex) over what the actions do to which objects, independent of the order in which they were found."""
    entries = sorted(
        (_entry(action, fabric) for action in actions), key=lambda entry: json.dumps(entry, sort_keys=True)
    )
    return hashlib.sha256(json.dumps(entries, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _entry(action: Action, fabric: str) -> list[JSON]:
    key = [action.key.kind, action.key.namespace, action.key.name]
    if isinstance(action, Delete):
        return ["delete", *key, action.resource.uid]
    body_digest = digest(action.manifest.body(fabric))
    if isinstance(action, Create):
        return ["create", *key, body_digest]
    changes = [[one.path, one.desired, one.observed, one.manager] for one in action.differences]
    return ["update", *key, body_digest, action.resource.uid, changes]
