"""What has to come before what, for each write to be valid at the moment when it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from reconciler.plan.claims import Holders, are_alike, claims_of, clashes
from reconciler.plan.graph import Graph, Link, Node, Step, Tie
from reconciler.plan.parts import USERS, Part, offered, used
from reconciler.plan.ranges import SPACES, Space, space_of, taken
from reconciler.plan.references import dependencies_of
from reconciler.plan.waves import waves_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.plan import Apply, Wave
    from reconciler.plan.draft import Draft

_Found = tuple[Node, Node, Link]
"""Which comes first, which then, and why."""


def graph_of(draft: Draft) -> tuple[Graph, Mapping[ObjectKey, Wave]]:
    """The steps of a draft with everything that stands between them, and the waves of what is deleted."""
    found = _Links(draft)
    graph = Graph(draft.nodes())
    for links in (found.steps(), found.claims(), found.releases(), found.parts(), found.spaces(), found.references()):
        for first, then, link in links:
            graph.link(first, then, link)
    return graph, found.gone


def is_ordered_by_waves(draft: Draft) -> bool:
    """Whether applies in waves, and deletes in reverse after them, are all the order that a plan needs."""
    if draft.replaced or draft.grown:
        return False
    found = _Links(draft)
    return not any(True for links in (found.claims(), found.parts(), found.spaces()) for _ in links)


@dataclass
class _Links:
    """The links of one draft, kind by kind."""

    draft: Draft

    @cached_property
    def gone(self) -> Mapping[ObjectKey, Wave]:
        """What is deleted, with its wave."""
        keys = (*self.draft.deletes, *self.draft.replaced)
        return waves_of([self.draft.situation.live[key] for key in keys])

    @cached_property
    def changed(self) -> list[tuple[Resource, Manifest | None]]:
        return list(self.draft.changed())

    @cached_property
    def acting(self) -> AbstractSet[ObjectKey]:
        return {resource.key for resource, _ in self.changed}

    def steps(self) -> Iterator[_Found]:
        for key in self.draft.replaced:
            yield Node(key, Step.DELETE), Node(key, Step.APPLY), Link(Tie.SAME)
        for key in self.draft.grown:
            yield Node(key, Step.GROW), Node(key, Step.APPLY), Link(Tie.SAME)

    def claims(self) -> Iterator[_Found]:
        """From those who give something up to those who want it."""
        moved = [(one, then) for one, then in self.changed if then is None or not are_alike(one, then)]
        held = {resource.key: claims_of(resource) for resource, _ in moved}
        kept = {resource.key: claims_of(then) if then else frozenset() for resource, then in moved}
        given = {key: claims - kept[key] for key, claims in held.items() if not claims <= kept[key]}
        if not given:
            return
        holders = Holders(given)
        for key, action in self.draft.applies.items():
            if key in self.acting and key not in held:
                continue
            for claim in sorted(claims_of(action.manifest) - held.get(key, frozenset())):
                for holder in holders.of(claim) - {key}:
                    if not clashes(claim, kept[holder]):
                        yield self.draft.last_use(holder), Node(key, Step.APPLY), Link(Tie.CLAIM, claim)

    def releases(self) -> Iterator[_Found]:
        """From those who refer to an object to its deletion. Those that refer to each other have no order."""
        for resource, _ in self.changed:
            first = self.draft.last_use(resource.key)
            for key in dependencies_of(resource) & self.gone.keys():
                if first.step is Step.APPLY or self.gone[resource.key] > self.gone[key]:
                    yield first, Node(key, Step.DELETE), Link(Tie.RELEASE)

    def parts(self) -> Iterator[_Found]:
        """From those who use a part of an object to the update that takes it away."""
        for owner, user, _ in self._leaving:
            yield self.draft.last_use(user), Node(owner, Step.APPLY), Link(Tie.RELEASE)

    @cached_property
    def _leaving(self) -> list[tuple[ObjectKey, ObjectKey, bool]]:
        """An object that loses a part, one that leaves that part, and whether this needs what the object gains."""
        lost, gained = self._part_changes()
        if not lost:
            return []
        found: dict[tuple[ObjectKey, ObjectKey], bool] = {}
        for key in sorted(self.draft.situation.live):
            if key.kind in USERS:
                found.update(self._leaving_of(self.draft.situation.live[key], lost, gained))
        return [(owner, user, needs) for (owner, user), needs in found.items()]

    def _leaving_of(
        self, user: Resource, lost: AbstractSet[Part], gained: AbstractSet[Part]
    ) -> Iterator[tuple[tuple[ObjectKey, ObjectKey], bool]]:
        final = None if self.draft.is_deleted(user.key) else self.draft.final(user.key)
        after = used(final, self.draft.final) if final else frozenset()
        for part in sorted((used(user, self.draft.live) & lost) - after):
            # What creates it again can wait for everything.
            needs = final is None or any(one in gained and one.owner == part.owner for one in after)
            yield from (((part.owner, key), needs) for key in self._leavers(user) if key != part.owner)

    def _leavers(self, user: Resource) -> list[ObjectKey]:
        """By what a part is left: by the object itself, or where that stays as it is by what it refers to."""
        return [user.key] if user.key in self.acting else sorted(dependencies_of(user) & self.acting)

    def _part_changes(self) -> tuple[AbstractSet[Part], AbstractSet[Part]]:
        """The parts that updates take away, and those that they bring."""
        lost: set[Part] = set()
        gained: set[Part] = set()
        for resource, then in self.changed:
            if then is not None:
                before, after = offered(resource), offered(then)
                lost |= before - after
                gained |= after - before
        return lost, gained

    def spaces(self) -> Iterator[_Found]:
        """From the VPCs that leave a range of their namespace to the update that takes it away."""
        for space, then in self.changed:
            if space.key.kind not in SPACES or then is None:
                continue
            left = Space.of(then)
            if left.covers(Space.of(space)):
                continue
            for vpc, _ in self.changed:
                if _lives_in(vpc, space.key) and not all(left.holds(span) for span in taken(vpc, space.key.kind)):
                    yield self.draft.last_use(vpc.key), Node(space.key, Step.APPLY), Link(Tie.RELEASE)

    def references(self) -> Iterator[_Found]:
        """From what is referred to, to what refers to it; also by way of objects that stay as they are."""
        through: dict[ObjectKey, frozenset[ObjectKey]] = {}
        waits = {(owner, user) for owner, user, needs in self._leaving if not needs}
        for key, action in self.draft.applies.items():
            direct = dependencies_of(action.manifest)
            for needed in self._acting(direct, through):
                if (needed, key) in waits or not self._is_above(needed, action):
                    continue
                tie = Tie.REFERENCE if needed in direct else Tie.ORDER
                yield self._maker(needed), Node(key, Step.APPLY), Link(tie)

    def _acting(
        self, needed: AbstractSet[ObjectKey], through: dict[ObjectKey, frozenset[ObjectKey]]
    ) -> frozenset[ObjectKey]:
        """Of these and of what they need, the nearest to which something is done."""
        found = set()
        for key in needed:
            if key in self.draft.applies:
                found.add(key)
                continue
            if key not in through:
                one = self.draft.final(key)
                # Not from VPC to VPC: those may relay to each other, and on and on.
                further = {next_one for next_one in dependencies_of(one) if next_one.kind != key.kind} if one else set()
                through[key] = self._acting(further, through)
            found |= through[key]
        return frozenset(found)

    def _is_above(self, needed: ObjectKey, action: Apply) -> bool:
        """Whether an object has to wait for one that it needs: not for a namespace that only shrinks."""
        if needed.kind in SPACES and needed not in self.draft.grown:
            update = self.draft.update(needed)
            if update is not None and Space.of(update.resource).covers(Space.of(update.manifest)):
                return False
        return self.draft.applies[needed].wave < action.wave

    def _maker(self, key: ObjectKey) -> Node:
        return Node(key, Step.GROW if key in self.draft.grown else Step.APPLY)


def _lives_in(vpc: Resource, space: ObjectKey) -> bool:
    return vpc.key.kind == "VPC" and space_of(vpc, space.kind) == space.name
