"""The order in which a plan's actions run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import ObjectKey
from reconciler.plan.references import Declared, relayed_vpcs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.plan import Wave


def waves_of(objects: Iterable[Declared]) -> dict[ObjectKey, Wave]:
    """The wave of each object of a declarable kind: that of its kind, and behind it, for VPCs, how many steps of
    DHCP relay lie below.

    A VPC comes one step after all those it relays to. VPCs that relay to each other in a circle have no order:
    they, and what relays to them, come last.
    """
    objects = tuple(objects)
    relays = {one.key: _relays(one) for one in objects if one.key.kind == "VPC"}
    steps = _steps(relays)
    return {one.key: (KINDS[one.key.kind].wave or 0, steps.get(one.key, 0)) for one in objects}


def _relays(vpc: Declared) -> frozenset[ObjectKey]:
    return frozenset(ObjectKey("VPC", vpc.key.namespace, name) for name in relayed_vpcs(vpc.spec))


def _steps(relays: Mapping[ObjectKey, frozenset[ObjectKey]]) -> dict[ObjectKey, int]:
    """How far each key is from one that waits for nothing. Each round settles those whose targets are settled."""
    waiting = {key: {target for target in targets if target in relays} for key, targets in relays.items()}
    settled: dict[ObjectKey, int] = {}
    step = 0
    while ready := [key for key, targets in waiting.items() if targets <= settled.keys()]:
        settled.update(dict.fromkeys(ready, step))
        for key in ready:
            del waiting[key]
        step += 1
    return settled | dict.fromkeys(waiting, step)
