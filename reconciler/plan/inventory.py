"""What we own after a pass."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.objects import Resource, digest
from reconciler.model.passes import InventoryEntry
from reconciler.model.plan import Delete
from reconciler.plan.fields import declared_paths
from reconciler.plan.results import by_action
from reconciler.plan.stored import stored_form

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Result
    from reconciler.model.revision import Revision


def new_inventory(
    old: Mapping[ObjectKey, InventoryEntry],
    plan: ClusterPlan,
    results: Mapping[ObjectKey, Result],
    revision: Revision,
    now: datetime,
) -> dict[ObjectKey, InventoryEntry]:
    """The inventory after the plan's actions, with what came of them (an action without a result was not tried).

    What failed stays as it was: an object whose delete failed is still ours to delete.
    """
    inventory = dict(old)
    for key in plan.forgotten:
        inventory.pop(key, None)
    inventory.update({entry.key: entry for entry in (*plan.adopted, *plan.refreshed)})
    replaced = plan.replaced
    for action, result in by_action(plan, results):
        if isinstance(action, Delete):
            if action.key in replaced:
                # Until it is there again; of a delete that failed only the answer may have been lost.
                inventory[action.key] = _replaced(inventory[action.key])
            elif result is None:
                inventory.pop(action.key, None)
        elif isinstance(result, Resource):
            body = action.manifest.body(plan.fabric)
            # One that the cluster has not done deleting is created again when it is gone: see `before_replacing`.
            known = None if result.is_deleting and action.key in replaced else digest(body)
            form = stored_form(body, result, result.generation)
            inventory[action.key] = InventoryEntry(
                action.key,
                result.uid,
                known,
                declared_paths(body),
                str(revision),
                now,
                form if form.marks else None,
                is_replaced=known is None,
            )
    return inventory


def before_replacing(
    inventory: Mapping[ObjectKey, InventoryEntry], plan: ClusterPlan
) -> dict[ObjectKey, InventoryEntry] | None:
    """The inventory to be stored before the plan's first action, None when the one that is stored will do.

    What is deleted to be created again is marked: should the pass break off in between, the object is missing by our
    own hand, and is created also where what others delete is only reported, and without another approval.
    """
    if not plan.replaced:
        return None
    return {**inventory, **{key: _replaced(inventory[key]) for key in plan.replaced}}


def _replaced(entry: InventoryEntry) -> InventoryEntry:
    return replace(entry, digest=None, is_replaced=True)
