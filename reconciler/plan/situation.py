"""What a plan is decided from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.model.plan import Finding, Settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.passes import InventoryEntry, StoredForm
    from reconciler.model.requests import Scope
    from reconciler.plan.fights import Reversals
    from reconciler.plan.refused_deletes import RefusedDelete

FIGHTING = "Fighting"
"""The reason of an object that somebody else changes back again and again."""

NEVER_READ = "Git was never read"

Observed: TypeAlias = "Mapping[str, tuple[Resource, ...] | None]"
"""The objects of each kind, by its name; None for a kind that could not be read."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a plan may go: only to the objects of `scope`, of which none is deleted then; and, where `approved` is
    the plan's hash, or that of its deletes alone, beyond `max_deletes`. Objects that are `contested` are not healed;
    what an earlier plan `settled` is not compared again. `forms` are the server's answers to an earlier plan's
    questions. `why_unknown`: why there is no desired state, where there is none. The `undeletable` is not made anew.
    """

    scope: Scope = None
    approved: str | None = None
    contested: Mapping[ObjectKey, Reversals] = field(default_factory=dict)
    settled: Mapping[ObjectKey, Settled] = field(default_factory=dict)
    forms: Mapping[ObjectKey, StoredForm] = field(default_factory=dict)
    why_unknown: str = NEVER_READ
    undeletable: Mapping[ObjectKey, RefusedDelete] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """One fabric as it stands. `live` holds the observed objects of declarable kinds; `unknown` the kinds that could
    not be read, in order; with a `scope` only its objects are decided about.
    """

    fabric: str
    policy: ClusterPolicy
    inventory: Mapping[ObjectKey, InventoryEntry]
    live: Mapping[ObjectKey, Resource]
    unknown: tuple[str, ...]
    scope: Scope = None
    contested: Mapping[ObjectKey, Reversals] = field(default_factory=dict)
    forms: Mapping[ObjectKey, StoredForm] = field(default_factory=dict)
    undeletable: Mapping[ObjectKey, RefusedDelete] = field(default_factory=dict)

    def is_in_scope(self, key: ObjectKey) -> bool:
        return self.scope is None or key in self.scope

    def fight(self, key: ObjectKey, digest: str) -> Finding | None:
        """Why an object is not healed towards the body of this digest: somebody else does not let it be."""
        one = self.contested.get(key)
        return Finding(key, FIGHTING, one.message) if one is not None and one.digest == digest else None

    def is_known(self, kind: str) -> bool:
        """Whether the objects of a kind could be read."""
        return kind in KINDS and kind not in self.unknown

    def entry(self, key: ObjectKey) -> InventoryEntry | None:
        """The inventory's entry, unless the cluster holds another object under this name by now."""
        entry, resource = self.inventory.get(key), self.live.get(key)
        if entry is None or (resource is not None and entry.uid != resource.uid):
            return None
        return entry


def live_objects(observed: Observed) -> dict[ObjectKey, Resource]:
    """The observed objects of kinds that Git may hold."""
    return {one.key: one for kind in DECLARABLE for one in observed.get(kind.name) or ()}


def unknown_kinds(observed: Observed) -> tuple[str, ...]:
    """The kinds that could not be read; a declarable kind that is not mentioned was not read either."""
    unread = {name for name, objects in observed.items() if objects is None}
    unread |= {kind.name for kind in DECLARABLE if kind.name not in observed}
    return tuple(sorted(unread & KINDS.keys()))
