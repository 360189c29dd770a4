"""The plan for a cluster: from what Git declares, what the cluster holds and what we own, to actions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.objects import digest
from reconciler.model.plan import Block, ClusterPlan, Create, Delete, Update
from reconciler.plan.applies import Decision, decide
from reconciler.plan.approval import how_to_approve
from reconciler.plan.observing import compare_only
from reconciler.plan.prune import plan_prune
from reconciler.plan.references import dependencies_of
from reconciler.plan.situation import Extent, Observed, Situation, live_objects, unknown_kinds
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.json import JSON
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import Action, Apply

_NEVER_READ = Block("DesiredUnknown", "nothing is planned: the desired state was never read")


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
        return ClusterPlan(fabric, blocks=(_NEVER_READ,), unknown=unknown_kinds(observed), hash=_hash((), fabric))
    situation = Situation(
        fabric, policy, inventory, live_objects(observed), unknown_kinds(observed), extent.scope, extent.contested
    )
    if policy.is_observer:
        return replace(compare_only(desired, situation), hash=_hash((), fabric))
    decisions = _decide_all(desired, situation)
    applies = [decision.action for decision in decisions.values() if decision.action is not None]
    pruning = plan_prune(desired, situation, {one.key: one.resource for one in applies if isinstance(one, Update)})
    full_hash = _hash((*applies, *pruning.deletes), fabric)
    # What is not held goes on at once, and leaves a plan of deletes alone for whoever approves.
    held_hash = full_hash if policy.needs_approval else _hash(pruning.deletes, fabric)
    is_over = len(pruning.deletes) > policy.max_deletes and extent.approved not in {full_hash, held_hash}
    too_many = _too_many(pruning.deletes, policy, fabric, held_hash) if is_over else None
    adopted = [decision.adopted for decision in decisions.values() if decision.adopted is not None]
    return ClusterPlan(
        fabric,
        actions=(*_in_order(applies), *(() if is_over else pruning.deletes)),
        unchanged=tuple(key for key, decision in decisions.items() if decision.is_unchanged),
        drifted=tuple(decision.drift for decision in decisions.values() if decision.drift is not None),
        waiting=tuple(decision.waiting for decision in decisions.values() if decision.waiting is not None),
        conflicts=tuple(decision.conflict for decision in decisions.values() if decision.conflict is not None),
        fighting=tuple(decision.fight for decision in decisions.values() if decision.fight is not None),
        prune_pending=tuple(sorted(pruning.pending, key=lambda finding: finding.key)),
        held=pruning.deletes if is_over else (),
        held_by=too_many,
        held_hash=held_hash if is_over else "",
        blocks=(*pruning.blocks, *([too_many] if too_many else [])),
        unknown=situation.unknown,
        adopted=(*adopted, *pruning.adopted),
        refreshed=tuple(decision.refreshed for decision in decisions.values() if decision.refreshed is not None),
        forgotten=tuple(pruning.forgotten),
        hash=full_hash,
    )


def _decide_all(desired: Desired, situation: Situation) -> dict[ObjectKey, Decision]:
    waves = waves_of(desired.manifests.values())
    readable = sorted(key for key in desired.manifests if situation.is_known(key.kind) and situation.is_in_scope(key))
    return {key: decide(desired.manifests[key], waves[key], situation) for key in readable}


def _in_order(applies: Sequence[Apply]) -> list[Apply]:
    """By wave, each knowing which of the others it needs."""
    keys = {action.key for action in applies}
    linked = (replace(action, after=dependencies_of(action.manifest) & keys) for action in applies)
    return sorted(linked, key=lambda action: (action.wave, action.key))


def _too_many(deletes: Sequence[Delete], policy: ClusterPolicy, fabric: str, plan_hash: str) -> Block:
    text = f"{len(deletes)} deletes are more than cluster.max_deletes ({policy.max_deletes})"
    return Block("TooManyDeletes", f"nothing is deleted: {text}; {how_to_approve(fabric, plan_hash)}")


def _hash(actions: Iterable[Action], fabric: str) -> str:
    """SHA-256 (hex) over what the actions do to which objects, independent of the order in which they were found."""
    entries = sorted((_entry(action, fabric) for action in actions), key=lambda entry: json.dumps(entry[:4]))
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
