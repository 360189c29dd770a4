"""What belongs to a pass that looks at some objects only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.kinds import KINDS
from reconciler.model.objects import ObjectKey
from reconciler.plan.projection.context import UNDERLAY
from reconciler.plan.references import dependencies_of
from reconciler.plan.wiring import links_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from reconciler.model.netbox import ExistingRecord, Ref
    from reconciler.model.netbox_plan import NetBoxPlan
    from reconciler.plan.references import Declared


def with_dependents(scope: AbstractSet[ObjectKey], declared: Iterable[Declared]) -> frozenset[ObjectKey]:
    """The objects of `scope` and everything that refers to one of them, directly or not."""
    referrers: defaultdict[ObjectKey, set[ObjectKey]] = defaultdict(set)
    for one in declared:
        for key in dependencies_of(one):
            referrers[key].add(one.key)
    found, fresh = set(scope), set(scope)
    while fresh:
        fresh = {referrer for key in fresh for referrer in referrers.get(key, ())} - found
        found |= fresh
    return frozenset(found)


def with_dependencies(scope: AbstractSet[ObjectKey], declared: Iterable[Declared]) -> frozenset[ObjectKey]:
    """The objects of `scope` and those that they refer to, directly or not: NetBox shows a connection, and what is
    attached to it, at the ports of its devices.
    """
    by_key = {one.key: one for one in declared}
    found, fresh = set(scope), set(scope)
    while fresh:
        named = (_shown_at(by_key[key]) for key in fresh if key in by_key)
        fresh = set[ObjectKey]().union(*named) - found
        found |= fresh
    return frozenset(found)


def _shown_at(one: Declared) -> Iterator[ObjectKey]:
    """What an object refers to, gateways too: nothing waits for them, and yet a link ends there."""
    yield from dependencies_of(one)
    for link in links_of(one.spec) if one.key.kind == "Connection" and isinstance(one.spec, dict) else ():
        for end in link.ends():
            if end.side == "gateway" and isinstance(end.port, str):
                yield ObjectKey("Gateway", one.key.namespace, end.port.partition("/")[0])


def shown_in_netbox(scope: AbstractSet[ObjectKey], declared: Collection[Declared]) -> frozenset[ObjectKey] | None:
    """The objects whose records may change with those of `scope`. None: any. Of an object that is gone nobody knows
    what it referred to, and what controllers write is shown at objects that do not refer to it.
    """
    present = {one.key for one in declared}
    if any(key not in present or not KINDS[key.kind].is_declarable for key in scope):
        return None
    return with_dependencies(with_dependents(scope, declared), declared)


def within(plan: NetBoxPlan, fabric: str, scope: AbstractSet[ObjectKey]) -> NetBoxPlan:
    """The part of a plan that concerns records of these objects. Where records step aside for each other, or are made
    anew, all that is needed for it stays as well: a part of it would leave one in a state that nobody wants.
    """
    owners = {f"{fabric}/{key}" for key in (*scope, UNDERLAY)}
    away = [*(change.existing for change in plan.parked), *plan.remade]
    aside = {(existing.model, existing.id) for existing in away}

    def is_in(ref: Ref) -> bool:
        return ref.key.partition("#")[0] in owners

    def is_needed(existing: ExistingRecord) -> bool:
        return is_in(existing.ref) or (existing.model, existing.id) in aside

    return replace(
        plan,
        creates=tuple(record for record in plan.creates if aside or is_in(record.ref)),
        updates=tuple(change for change in plan.updates if aside or is_in(change.ref)),
        late=tuple(change for change in plan.late if aside or is_in(change.ref)),
        completes=tuple(record for record in plan.completes if aside or is_in(record.ref)),
        deletes=tuple(one for one in plan.deletes if is_needed(one) or (aside and one in plan.twins)),
        refusals=tuple(refusal for refusal in plan.refusals if is_in(refusal.ref)),
    )
