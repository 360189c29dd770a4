"""What a pass will do to a cluster, decided and not yet done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.passes import FieldDifference, InventoryEntry

Wave: TypeAlias = tuple[int, int]
"""Kind's wave and step within it. Applies run from low to high, then deletes from high to low; but what gives something
up goes before what wants it. Neighbouring actions of one wave run at the same time.
"""


@dataclass(frozen=True, slots=True)
class Create:
    """Apply an object that the cluster does not hold. `after`: actions of the same plan that must succeed first;
    `reason` is for people. `is_owed`: an earlier pass deleted it to make it anew, and broke off.
    """

    manifest: Manifest
    wave: Wave
    reason: str
    after: frozenset[ObjectKey] = frozenset()
    is_owed: bool = False

    @property
    def key(self) -> ObjectKey:
        return self.manifest.key


@dataclass(frozen=True, slots=True)
class Update:
    """Apply an object that the cluster holds otherwise. Without differences it is applied to own it.

    `forcible`: a conflict about the differing fields may be forced. What the server then names as conflicting is
    decided anew, by `may_force`.
    """

    manifest: Manifest
    resource: Resource
    differences: tuple[FieldDifference, ...]
    forcible: bool
    wave: Wave
    reason: str
    after: frozenset[ObjectKey] = frozenset()

    @property
    def key(self) -> ObjectKey:
        return self.manifest.key


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly this object. `after` holds the actions that free it from references."""

    resource: Resource
    wave: Wave
    reason: str
    after: frozenset[ObjectKey] = frozenset()

    @property
    def key(self) -> ObjectKey:
        return self.resource.key


Apply: TypeAlias = Create | Update
Action: TypeAlias = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Drift:
    """An object that is not as we applied it although Git did not change; where we only observe, one that is not as Git
    declares it. `resource` is None when there is none.
    """

    manifest: Manifest
    resource: Resource | None
    message: str
    differences: tuple[FieldDifference, ...] = ()

    @property
    def key(self) -> ObjectKey:
        return self.manifest.key


@dataclass(frozen=True, slots=True)
class Question:
    """An object of which only the server can tell whether an apply would change it."""

    manifest: Manifest
    resource: Resource

    @property
    def key(self) -> ObjectKey:
        return self.manifest.key


@dataclass(frozen=True, slots=True)
class Finding:
    """An object with which nothing is done, and why: a CamelCase reason and a sentence."""

    key: ObjectKey
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Block:
    """A guard that held back actions: a CamelCase reason and a sentence."""

    reason: str
    message: str


class Settled(NamedTuple):
    """An object that a plan found as it should be, and of what that was found. A document that is parsed once for many
    passes is the very same manifest in all of them.
    """

    manifest: Manifest
    uid: str
    version: str
    entry: InventoryEntry | None

    def holds(self, manifest: Manifest, resource: Resource, entry: InventoryEntry | None) -> bool:
        """Whether nothing has changed since."""
        is_same_object = self.version == resource.resource_version and self.uid == resource.uid
        return self.manifest is manifest and is_same_object and (self.entry is entry or self.entry == entry)


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """The decision about every object of `fabric`.

    `actions` stand in the order in which they run; an object may have two: it is deleted and created again, or updated
    in two steps. `drifted` are reported whether they are healed (then they are among the actions too) or not.
    `waiting` and `conflicts` are declared objects that must not be touched now, or at all; `fighting` are those of the
    drifted ones that somebody else changes back again and again, and that are left as they are; `pending` are declared
    ones that can only be made anew, while nothing may be deleted; `prune_pending` are ours, no longer declared, and may
    not be deleted. `held` are actions that wait for approval, by `held_by`: the deletes of a plan that has too many,
    with what has to wait for them, or all of it. `is_approved`: a person saw this plan and said yes, or saw the part of
    it that is about the objects of `approved_part`. `unknown` names kinds that could not be read.

    For the inventory: `adopted` are marked objects that enter it without a write, `refreshed` are known ones whose
    document changed in form only, or of which the server was asked, `forgotten` are gone from the cluster and from Git.
    For the next plan: `settled` is what need not be compared again while it does not change. `questions` are what the
    plan would know better with the server's answers; without them, what differs is taken for a difference, unless the
    server said of this very document before that it stores it so.

    `hash` tells plans apart: equal for the same actions on the same objects, in whatever order they were found.
    `held_hash` is that of the plan that is left once all that is not held is done: it names what waits for approval.
    """

    fabric: str
    actions: tuple[Action, ...] = ()
    unchanged: tuple[ObjectKey, ...] = ()
    drifted: tuple[Drift, ...] = ()
    waiting: tuple[Finding, ...] = ()
    conflicts: tuple[Finding, ...] = ()
    fighting: tuple[Finding, ...] = ()
    pending: tuple[Finding, ...] = ()
    prune_pending: tuple[Finding, ...] = ()
    held: tuple[Action, ...] = ()
    held_by: Block | None = None
    held_hash: str = ""
    blocks: tuple[Block, ...] = ()
    unknown: tuple[str, ...] = ()
    adopted: tuple[InventoryEntry, ...] = ()
    refreshed: tuple[InventoryEntry, ...] = ()
    forgotten: tuple[ObjectKey, ...] = ()
    settled: Mapping[ObjectKey, Settled] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    hash: str = ""
    is_approved: bool = False
    approved_part: frozenset[ObjectKey] | None = None

    @property
    def waves(self) -> tuple[tuple[Action, ...], ...]:
        """The actions in groups, in order: those of a group may run at the same time."""
        return _in_waves(self.actions)

    @property
    def all_waves(self) -> tuple[tuple[Action, ...], ...]:
        """As `waves`, with the actions that are held where they would come."""
        return _in_waves((*self.actions, *self.held))

    def was_approved(self, key: ObjectKey) -> bool:
        """Whether a person saw what the plan does to this object, and said yes."""
        return self.is_approved and (self.approved_part is None or key in self.approved_part)

    @property
    def twice(self) -> frozenset[ObjectKey]:
        """The objects with two actions."""
        seen = Counter(action.key for action in self.actions)
        return frozenset(key for key, number in seen.items() if number > 1)

    @property
    def replaced(self) -> frozenset[ObjectKey]:
        """The objects that are deleted and created again."""
        return self.twice & {action.key for action in self.actions if isinstance(action, Delete)}


def _in_waves(actions: Iterable[Action]) -> tuple[tuple[Action, ...], ...]:
    groups = groupby(actions, key=lambda action: (isinstance(action, Delete), action.wave))
    return tuple(tuple(group) for _, group in groups)


@dataclass(frozen=True, slots=True)
class Halfway:
    """Of an object's two actions the first is done: `done` is the object now, None when it was deleted. `error` is what
    the second failed with; None: it was not reached yet.
    """

    done: Resource | None
    error: ReconcilerError | None = None


Result: TypeAlias = "Resource | ReconcilerError | Halfway | None"
"""What came of an object's actions: the object as applied, None for a delete, or the error."""
