"""How a cluster stands once a plan is carried out, as far as that can be told before it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Create, Delete

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan
    from reconciler.plan.projection import Projectable
    from reconciler.plan.situation import Observed


def expected_objects(observed: Observed, plan: ClusterPlan) -> list[Projectable] | None:
    """Every object, None when a kind is unknown. What the server will fill in of new objects is not there yet."""
    if any(objects is None for objects in observed.values()):
        return None
    found: dict[ObjectKey, Projectable] = {one.key: one for objects in observed.values() for one in objects or ()}
    for action in plan.actions:
        if isinstance(action, Delete):
            found.pop(action.key, None)
        elif isinstance(action, Create):
            found[action.key] = action.manifest
        else:
            spec = _merged(action.resource.spec, action.manifest.spec)
            found[action.key] = replace(action.resource, spec=spec)
    return list(found.values())


def _merged(observed: JSON, desired: JSON) -> JSON:
    """What is declared over what is there."""
    if not isinstance(observed, dict) or not isinstance(desired, dict):
        return desired
    return {**observed, **{name: _merged(observed.get(name), value) for name, value in desired.items()}}
