"""What is to be done in NetBox, and what is not, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import MODELS, ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.model.netbox import ExistingRecord, Record, RecordChange, SharedRecord, Value
    from reconciler.model.netbox_schema import Model


class Action(StrEnum):
    PREPARE = "prepare"
    CREATE = "create"
    UPDATE = "update"
    COMPLETE = "complete"
    DELETE = "delete"


T = TypeVar("T")
T_record = TypeVar("T_record", "Record", "ExistingRecord")


@dataclass(frozen=True, slots=True)
class Step:
    """Items of one model that go to NetBox in one call of the port, whose method `action` names (`prepare`:
    `create_shared`, of any model; `complete` takes records that were created). Exactly one of the tuples is filled.
    """

    action: Action
    model: str
    shared: tuple[SharedRecord, ...] = ()
    records: tuple[Record, ...] = ()
    changes: tuple[RecordChange, ...] = ()
    existing: tuple[ExistingRecord, ...] = ()

    @property
    def items(self) -> Sequence[SharedRecord | Record | RecordChange | ExistingRecord]:
        """What the port's results speak of, one by one."""
        return self.shared or self.records or self.changes or self.existing

    def __len__(self) -> int:
        return len(self.shared) + len(self.records) + len(self.changes) + len(self.existing)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that is left as it is, and why. `is_conflict`: a record that is not ours stands at its place; else it
    waits for another one.
    """

    ref: Ref
    label: str
    message: str
    is_conflict: bool


@dataclass(frozen=True, slots=True)
class RecordDrift:
    """A declared record of ours that somebody edited or deleted in NetBox, and that is left so. `existing` is None when
    there is none; `fields` are the declared values of those that were edited.
    """

    ref: Ref
    label: str
    existing: ExistingRecord | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A guard that withholds a part of the plan. `reason` is CamelCase: PruneBlocked, TooManyDeletes, or
    PrerequisiteUnusable, which withholds all of it.
    """

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class NetBoxPlan:
    """The writes that bring NetBox in line with a projection, each part in the order in which it is carried out.

    `parked` are owned records that stand at the natural key of another owned record's new state: they step aside
    first, and get their own new state, or are deleted, later in the same plan. `remade` are those that cannot step
    aside: they are deleted before anything is created, and are among `creates`. `late` are changes of fields that
    refer to records of later models, and `completes` those fields of the records in `creates`. `retained` are owned
    records that nothing declares any more and that this plan does not delete. `twins` are those of the deletes with the
    key of a record that stays: two writes that raced leave them. `drifted` is what others made of our records, and what
    is only reported.
    """

    shared: tuple[SharedRecord, ...] = ()
    parked: tuple[RecordChange, ...] = ()
    remade: tuple[ExistingRecord, ...] = ()
    creates: tuple[Record, ...] = ()
    updates: tuple[RecordChange, ...] = ()
    late: tuple[RecordChange, ...] = ()
    completes: tuple[Record, ...] = ()
    deletes: tuple[ExistingRecord, ...] = ()
    twins: tuple[ExistingRecord, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    drifted: tuple[RecordDrift, ...] = ()
    retained: tuple[ExistingRecord, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def taken(self) -> tuple[RecordChange, ...]:
        """The updates by which records of people become ours."""
        return tuple(change for change in self.updates if change.takes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.shared or self.parked or self.creates or self.updates or self.late or self.deletes)

    def steps(self, limit: int = 100) -> Iterator[Step]:
        """The plan as calls of the port of at most `limit` items, so that a caller can stop between them.

        A record that could not be written takes those that refer to it along: the port answers them with an error.
        Twins go before all others: NetBox takes no change of a record while another one has its key. So do records
        that nothing needs: a cable frees its ports, an address its place.
        """
        twins = {(one.model, one.id) for one in self.twins}
        early, others = _parted(self.deletes, lambda one: MODELS[one.model].is_leaf or (one.model, one.id) in twins)
        for shared in _chunks(self.shared, limit):
            yield Step(Action.PREPARE, "", shared=shared)
        yield from _deletes(early, limit)
        staying = [change for change in self.parked if (change.existing.model, change.existing.id) not in twins]
        yield from _updates(staying, limit)
        yield from _deletes(self.remade, limit)
        for path in ORDER:
            yield from _updates([change for change in self.taken if change.existing.model == path], limit)
            for level in _levels([record for record in self.creates if record.ref.model == path], MODELS[path]):
                for records in _chunks(level, limit):
                    yield Step(Action.CREATE, path, records=records)
            own = [change for change in self.updates if change.existing.model == path and not change.takes]
            yield from _updates(own, limit)
        yield from _updates(self.late, limit)
        for path in ORDER:
            for records in _chunks([record for record in self.completes if record.ref.model == path], limit):
                yield Step(Action.COMPLETE, path, records=records)
        yield from _deletes(others, limit)


def _parted(
    records: Sequence[ExistingRecord], is_first: Callable[[ExistingRecord], bool]
) -> tuple[list[ExistingRecord], list[ExistingRecord]]:
    return [one for one in records if is_first(one)], [one for one in records if not is_first(one)]


def _levels(records: Sequence[T_record], model: Model) -> list[list[T_record]]:
    """Records of one model, those first to which others of them refer (a LAG before its members)."""
    by_ref = {record.ref: record for record in records}
    depths: dict[Ref, int] = {}

    def depth(record: T_record) -> int:
        if record.ref not in depths:
            depths[record.ref] = 0  # of a ring, which makes no sense, NetBox says so
            needed = (by_ref.get(value) for name in model.inner if isinstance(value := record.fields.get(name), Ref))
            depths[record.ref] = 1 + max((depth(other) for other in needed if other), default=-1)
        return depths[record.ref]

    levels: list[list[T_record]] = [[] for _ in range(1 + max(map(depth, records), default=-1))]
    for record in records:
        levels[depth(record)].append(record)
    return levels


def _deletes(records: Sequence[ExistingRecord], limit: int) -> Iterator[Step]:
    for model, group in groupby(records, key=lambda existing: existing.model):
        for level in reversed(_levels(tuple(group), MODELS[model])):
            for existing in _chunks(level, limit):
                yield Step(Action.DELETE, model, existing=existing)


def _updates(changes: Sequence[RecordChange], limit: int) -> Iterator[Step]:
    for model, group in groupby(changes, key=lambda change: change.existing.model):
        for chunk in _chunks(tuple(group), limit):
            yield Step(Action.UPDATE, model, changes=chunk)


def _chunks(items: Sequence[T], limit: int) -> Iterator[tuple[T, ...]]:
    for start in range(0, len(items), limit):
        yield tuple(items[start : start + limit])
