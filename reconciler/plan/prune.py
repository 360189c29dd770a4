"""What becomes of objects that are ours and that Git no longer declares.

Deleted is only what the inventory names, what carries both annotations and our field manager's entry, and what is
still the object that we applied (its uid); and nothing at all while anything that was read may be incomplete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.plan import Block, Delete, Finding
from reconciler.plan.ownership import adopt
from reconciler.plan.references import dependencies_of
from reconciler.plan.refusal import refusal_reason
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.passes import InventoryEntry
    from reconciler.plan.references import Declared
    from reconciler.plan.situation import Situation


@dataclass(slots=True)
class Pruning:
    """The decision about all undeclared objects of ours; the names mean what they mean in `ClusterPlan`."""

    deletes: tuple[Delete, ...] = ()
    blocks: tuple[Block, ...] = ()
    pending: list[Finding] = field(default_factory=list)
    adopted: list[InventoryEntry] = field(default_factory=list)
    forgotten: list[ObjectKey] = field(default_factory=list)


def plan_prune(desired: Desired, situation: Situation, updated: Mapping[ObjectKey, Resource]) -> Pruning:
    """What to delete, before `max_deletes` is looked at. `updated` holds the objects that the plan updates, as they
    are now: what they refer to today they may not refer to after.
    """
    pruning = Pruning()
    candidates = _candidates(desired, situation, pruning)
    _adopt_marked(desired, situation, pruning)
    pruning.blocks = guards(desired, situation) if candidates else ()
    if pruning.blocks:
        text = "; ".join(block.message for block in pruning.blocks)
        pruning.pending.extend(Finding(key, "PruneBlocked", text) for key in candidates)
    elif candidates:
        kept = [one for key, one in situation.live.items() if key not in updated and not one.is_deleting]
        referrers: list[Declared] = [*desired.manifests.values(), *kept]
        pruning.deletes = _deletes(_unreferenced(candidates, referrers, pruning), updated)
    return pruning


def _candidates(desired: Desired, situation: Situation, pruning: Pruning) -> dict[ObjectKey, Resource]:
    """What may be deleted as far as the object itself goes; the rest becomes pending or forgotten."""
    candidates: dict[ObjectKey, Resource] = {}
    for key in sorted(key for key in situation.inventory if not desired.declares(key)):
        if not situation.is_known(key.kind) or not situation.is_in_scope(key):
            continue
        resource = situation.live.get(key)
        if resource is None or situation.entry(key) is None:
            pruning.forgotten.append(key)
        elif obstacle := _obstacle(resource, situation):
            pruning.pending.append(obstacle)
        else:
            candidates[key] = resource
    return candidates


def _obstacle(resource: Resource, situation: Situation) -> Finding | None:
    """Why an object of the inventory may not be deleted, by what it is."""
    if resource.is_deleting:
        return Finding(resource.key, "Deleting", "the cluster is deleting it")
    if not resource.is_marked(situation.fabric):
        return Finding(resource.key, "NotMarked", "it no longer carries the marks that say it is ours")
    if not situation.policy.prune:
        return Finding(resource.key, "PruneDisabled", "Git no longer declares it, and cluster.prune is false")
    if situation.scope is not None:
        return Finding(resource.key, "FullPassNeeded", "Git no longer declares it; only a full pass deletes")
    return None


def _adopt_marked(desired: Desired, situation: Situation, pruning: Pruning) -> None:
    """Undeclared objects that say they are ours and are not in the inventory enter it. They can be deleted from the
    next pass on: a lost inventory alone never leads to deletes.
    """
    for key in sorted(key for key in situation.live if not desired.declares(key)):
        resource = situation.live[key]
        if situation.entry(key) is not None or resource.is_deleting:
            continue
        if situation.is_in_scope(key) and resource.is_marked(situation.fabric):
            pruning.adopted.append(adopt(resource))
            pruning.pending.append(Finding(key, "Adopted", "by its marks it is ours; Git does not declare it"))


def guards(desired: Desired, situation: Situation) -> tuple[Block, ...]:
    """Why nothing may be deleted in this pass, whatever it is."""
    found = []
    if desired.outdated:
        found.append(Block("DesiredOutdated", f"nothing is deleted: {desired.outdated}"))
    if refusals := [problem for problem in desired.problems if problem.is_refusal]:
        first = refusals[0]
        text = f"{len(refusals)} problem(s) in Git, the first in {first.place}: {first.message}"
        found.append(Block(refusal_reason(first), f"nothing is deleted: {text}"))
    if situation.unknown:
        found.append(Block("KindUnknown", f"nothing is deleted: could not read {', '.join(situation.unknown)}"))
    if not desired.manifests:
        found.append(Block("DesiredEmpty", "nothing is deleted: Git declares no object at all"))
    return tuple(found)


def _unreferenced(
    candidates: Mapping[ObjectKey, Resource], referrers: Sequence[Declared], pruning: Pruning
) -> dict[ObjectKey, Resource]:
    """The candidates to which nothing refers that stays. The server checks some references on delete, not all."""
    free = dict(candidates)
    while held := _referenced(free, (one for one in referrers if one.key not in free)):
        for key, referrer in sorted(held.items()):
            del free[key]
            pruning.pending.append(Finding(key, "StillReferenced", f"{referrer} refers to it"))
    return free


def _referenced(free: Mapping[ObjectKey, Resource], referrers: Iterable[Declared]) -> dict[ObjectKey, ObjectKey]:
    """Those of `free` that are referred to, each with the least of its referrers."""
    found: dict[ObjectKey, ObjectKey] = {}
    for referrer in referrers:
        for key in dependencies_of(referrer) & free.keys():
            found[key] = min(found.get(key, referrer.key), referrer.key)
    return found


def _deletes(free: Mapping[ObjectKey, Resource], updated: Mapping[ObjectKey, Resource]) -> tuple[Delete, ...]:
    waves = waves_of(free.values())
    after: dict[ObjectKey, set[ObjectKey]] = {key: set() for key in free}
    for referrer in (*free.values(), *updated.values()):
        for key in dependencies_of(referrer) & free.keys():
            after[key].add(referrer.key)
    reason = "Git no longer declares it"
    deletes = (Delete(one, waves[key], reason, frozenset(after[key])) for key, one in sorted(free.items()))
    return tuple(sorted(deletes, key=lambda delete: delete.wave, reverse=True))
