"""What is known of objects that somebody else changes back again and again. In memory: a restart begins anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from reconciler.plan.fights import after_pass, contested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Result
    from reconciler.plan.fights import Reversals
    from reconciler.ports import Clock

log = structlog.get_logger("fight")


class Fights:
    """Of every fabric. One pass of a fabric at a time asks and tells."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, dict[ObjectKey, Reversals]] = {}

    def contested(self, fabric: str) -> Mapping[ObjectKey, Reversals]:
        """The objects that must not be healed now."""
        return contested(self._known.get(fabric, {}), self._clock.monotonic())

    def forgive(self, fabric: str) -> None:
        """Somebody asks for a pass, or changed or removed the configuration: every object may be healed again."""
        self._known.pop(fabric, None)

    def note(self, fabric: str, plan: ClusterPlan, results: Mapping[ObjectKey, Result]) -> None:
        """A pass carried out a plan, with these results."""
        before = self._known.get(fabric, {})
        self._known[fabric] = found = after_pass(before, plan, results, self._clock.monotonic())
        for key, one in found.items():
            is_known = key in before and before[key].is_fight
            if one.is_fight and not is_known:
                log.warning("fight", fabric=fabric, object=str(key), managers=sorted(one.managers))
            if is_known and not one.is_fight:
                log.info("fight ended", fabric=fabric, object=str(key))
