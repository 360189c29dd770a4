"""How a cluster stands once a plan is approved and carried out, as far as that can be told before it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Create, Delete
from reconciler.plan.fields import SPEC, render

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSON
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan
    from reconciler.plan.fields import Path
    from reconciler.plan.projection import Projectable
    from reconciler.plan.situation import Observed


def expected_objects(observed: Observed, plan: ClusterPlan) -> list[Projectable] | None:
    """Every object, None when a kind is unknown; with what waits for approval, so that whoever approves sees all that
    comes of it. What the server will fill in of new objects is not there yet.
    """
    if any(objects is None for objects in observed.values()):
        return None
    found: dict[ObjectKey, Projectable] = {one.key: one for objects in observed.values() for one in objects or ()}
    for action in (*plan.actions, *plan.held):
        if isinstance(action, Delete):
            found.pop(action.key, None)
        elif isinstance(action, Create):
            found[action.key] = action.manifest
        else:
            gone = {one.path for one in action.differences if one.desired is None}
            spec = _merged(_without(action.resource.spec, gone, SPEC), action.manifest.spec)
            found[action.key] = replace(action.resource, spec=spec)
    return list(found.values())


def _without(observed: JSON, gone: AbstractSet[str], path: Path) -> JSON:
    """What is there, less the fields of these rendered paths."""
    if not gone or not isinstance(observed, dict):
        return observed
    members = ((name, value, (*path, name)) for name, value in observed.items())
    return {name: _without(value, gone, here) for name, value, here in members if render(here) not in gone}


def _merged(observed: JSON, desired: JSON) -> JSON:
    """What is declared over what is there."""
    if not isinstance(observed, dict) or not isinstance(desired, dict):
        return desired
    return {**observed, **{name: _merged(observed.get(name), value) for name, value in desired.items()}}
