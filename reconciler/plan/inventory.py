"""What we own after a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.objects import Resource, digest
from reconciler.model.passes import InventoryEntry
from reconciler.model.plan import Delete
from reconciler.plan.fields import declared_paths

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
    for action in plan.actions:
        if action.key not in results:
            continue
        result = results[action.key]
        if isinstance(action, Delete):
            if result is None:
                inventory.pop(action.key, None)
        elif isinstance(result, Resource):
            body = action.manifest.body(plan.fabric)
            inventory[action.key] = InventoryEntry(
                action.key, result.uid, digest(body), declared_paths(body), str(revision), now
            )
    return inventory
