"""The actions of a plan before they have an order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Create, Update
from reconciler.plan.graph import Node, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.desired import Desired
    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.plan import Apply, Delete, Wave
    from reconciler.plan.references import Declared
    from reconciler.plan.situation import Situation


@dataclass(slots=True)
class Draft:
    """What is to be done to which objects. `waves` are those of all that Git declares.

    `applies` and `deletes` are what was decided about each object by itself. `replaced` are deleted and created
    again, each with the reason; what creates them is among the applies. `grown` are namespaces that are first applied
    with what they lose still in them.
    """

    desired: Desired
    situation: Situation
    waves: Mapping[ObjectKey, Wave]
    applies: dict[ObjectKey, Apply]
    deletes: dict[ObjectKey, Delete]
    replaced: dict[ObjectKey, str] = field(default_factory=dict)
    grown: dict[ObjectKey, Update] = field(default_factory=dict)

    def nodes(self) -> Iterator[Node]:
        yield from (Node(key, Step.GROW) for key in self.grown)
        yield from (Node(key, Step.DELETE) for key in (*self.deletes, *self.replaced))
        yield from (Node(key, Step.APPLY) for key in self.applies)

    def is_deleted(self, key: ObjectKey) -> bool:
        """Whether it goes, be it to come again."""
        return key in self.deletes or key in self.replaced

    def update(self, key: ObjectKey) -> Update | None:
        action = self.applies.get(key)
        return action if isinstance(action, Update) else None

    def live(self, key: ObjectKey) -> Resource | None:
        return self.situation.live.get(key)

    def final(self, key: ObjectKey) -> Declared | None:
        """An object as the plan leaves it: as it is applied, else as it is."""
        action = self.applies.get(key)
        return action.manifest if action is not None else self.live(key)

    def changed(self) -> Iterator[tuple[Resource, Manifest | None]]:
        """The objects that are there and will be others, or gone, each with what becomes of it."""
        for key in sorted({*self.deletes, *self.applies}):
            resource = self.live(key)
            if resource is not None:
                update = None if self.is_deleted(key) else self.update(key)
                yield resource, _applied(update) if update else None

    def last_use(self, key: ObjectKey) -> Node:
        """The step after which an object that is there no longer is as it was."""
        return Node(key, Step.DELETE if self.is_deleted(key) else Step.APPLY)

    def replace(self, reasons: Mapping[ObjectKey, str]) -> None:
        """Delete these and create them again."""
        for key, reason in reasons.items():
            self.replaced[key] = reason
            self.applies[key] = Create(self.desired.manifests[key], self.waves[key], reason)

    def drop(self, keys: Iterable[ObjectKey]) -> None:
        """Leave these objects alone."""
        for key in keys:
            for found in (self.applies, self.deletes, self.replaced, self.grown):
                found.pop(key, None)


def _applied(update: Update) -> Manifest:
    """What an object is after its update: an apply leaves subnets of a VPC that others added and Git does not name."""
    manifest = update.manifest
    declared, there = (one.spec.get("subnets") for one in (manifest, update.resource))
    if manifest.key.kind != "VPC" or not isinstance(there, dict):
        return manifest
    known = declared if isinstance(declared, dict) else {}
    gone = {one.path for one in update.differences if one.desired is None}
    others = {name: one for name, one in there.items() if name not in known and not _is_gone(name, gone)}
    return replace(manifest, spec={**manifest.spec, "subnets": {**known, **others}}) if others else manifest


def _is_gone(subnet: str, paths: Iterable[str]) -> bool:
    start = f".spec.subnets.{subnet}"
    return any(path in {".spec.subnets", start} or path.startswith(f"{start}.") for path in paths)
