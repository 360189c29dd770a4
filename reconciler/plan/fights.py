"""Objects that somebody else changes back as often as we heal them: a fight, which nobody wins.

Healing such an object once more only hides that two programs disagree. After it was healed `LIMIT` times within a
`WINDOW` it is left as it is, until Git changes what it declares, the other one gives in, or somebody asks for a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.objects import Resource, digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Drift, Result

LIMIT = 5
"""How often within a `WINDOW` an object is healed. Once more would be a fight."""

WINDOW = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Reversals:
    """How an object was healed lately: towards what (the digest of the body that Git declares), when (monotonic
    seconds, the oldest first, at most `LIMIT`), and who had changed it. `is_fight`: the object is left as it is.
    """

    digest: str
    moments: tuple[float, ...]
    managers: frozenset[str] = frozenset()
    is_fight: bool = False

    @property
    def message(self) -> str:
        """The sentence for people."""
        by = f" by {', '.join(sorted(self.managers))}" if self.managers else ""
        return (
            f"healed {LIMIT} times within {WINDOW:.0f} s, and changed again{by}: it is left as it is until Git changes "
            "it, or somebody asks for a pass"
        )


def contested(known: Mapping[ObjectKey, Reversals], now: float) -> dict[ObjectKey, Reversals]:
    """Those of the objects that must not be healed now."""
    return {
        key: one
        for key, one in known.items()
        if one.is_fight or (len(one.moments) == LIMIT and now - one.moments[0] <= WINDOW)
    }


def after_pass(
    known: Mapping[ObjectKey, Reversals], plan: ClusterPlan, results: Mapping[ObjectKey, Result], now: float
) -> dict[ObjectKey, Reversals]:
    """What is known of reversals after a pass that ended `now`. A fight lasts until a pass finds no drift; a reversal
    counts for a `WINDOW`.
    """
    fighting = {finding.key for finding in plan.fighting}
    others = _looked_at(plan) - fighting if known else set()
    found = {}
    for key, one in known.items():
        is_fight = key in fighting or (one.is_fight and key not in others)
        if is_fight or now - one.moments[-1] <= WINDOW:
            found[key] = replace(one, is_fight=is_fight)
    for drift in plan.drifted:
        if isinstance(results.get(drift.key), Resource):
            found[drift.key] = _once_more(found.get(drift.key), drift, plan.fabric, now)
    return found


def _looked_at(plan: ClusterPlan) -> set[ObjectKey]:
    return {*plan.unchanged, *(action.key for action in plan.actions)}


def _once_more(before: Reversals | None, drift: Drift, fabric: str, now: float) -> Reversals:
    declared = digest(drift.manifest.body(fabric))
    managers = frozenset(one.manager for one in drift.differences if one.manager)
    if before is None or before.digest != declared:
        return Reversals(declared, (now,), managers)
    return Reversals(declared, (*before.moments, now)[-LIMIT:], before.managers | managers)
