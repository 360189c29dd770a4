"""What is known of objects with which a pass gets nowhere: that somebody else changes back again and again, or that the
cluster does not let us make anew. In memory: a restart begins anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from reconciler.plan import refused_deletes
from reconciler.plan.fights import after_pass, contested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Result
    from reconciler.plan.fights import Reversals
    from reconciler.plan.refused_deletes import RefusedDelete
    from reconciler.ports import Clock

log = structlog.get_logger("fight")


class Fights:
    """Of every fabric. One pass of a fabric at a time asks and tells."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, dict[ObjectKey, Reversals]] = {}
        self._refused: dict[str, dict[ObjectKey, RefusedDelete]] = {}

    def contested(self, fabric: str) -> Mapping[ObjectKey, Reversals]:
        """The objects that must not be healed now."""
        return contested(self._known.get(fabric, {}), self._clock.monotonic())

    def undeletable(self, fabric: str) -> Mapping[ObjectKey, RefusedDelete]:
        """The objects that cannot be made anew."""
        return self._refused.get(fabric, {})

    def forgive(self, fabric: str) -> None:
        """Somebody asks for a pass, or changed or removed the configuration: everything may be tried again."""
        self._known.pop(fabric, None)
        self._refused.pop(fabric, None)

    def note(self, fabric: str, plan: ClusterPlan, results: Mapping[ObjectKey, Result]) -> None:
        """A pass carried out a plan, with these results."""
        self._refused[fabric] = refused_deletes.after_pass(self.undeletable(fabric), plan, results)
        before = self._known.get(fabric, {})
        self._known[fabric] = found = after_pass(before, plan, results, self._clock.monotonic())
        for key, one in found.items():
            is_known = key in before and before[key].is_fight
            if one.is_fight and not is_known:
                log.warning("fight", fabric=fabric, object=str(key), managers=sorted(one.managers))
            if is_known and not one.is_fight:
                log.info("fight ended", fabric=fabric, object=str(key))
