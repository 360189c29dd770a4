"""Which of the wished writes can go to NetBox, and who stands in the way of the others.

A write can go when everything it refers to exists or is created by the same plan, and when its natural keys are free or
held by a record of ours that leaves them. Refusals spread: who waits for a refused write is refused as well.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.netbox import OWNED_TAG, natural_keys, references
from reconciler.model.netbox_plan import RecordDrift, Refusal
from reconciler.model.netbox_schema import (
    CIRCUIT_TERMINATIONS,
    L2VPN_TERMINATIONS,
    MACS,
    MODELS,
    ORDER,
)
from reconciler.plan.netbox_memory import edited, is_deleted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.netbox import ExistingRecord, NaturalKey, Observation, Projection, Record, Ref, Value
    from reconciler.plan.netbox_memory import Lines


@dataclass(frozen=True, slots=True)
class Wish:
    """A record to create (`existing` is None, `fields` are all) or to update (`fields` are those that differ). `late`
    are those that wait for records of later models. `takes` are the natural keys that it does not have yet, `holders`
    the other records that have them. `is_anew`: the existing record is deleted first and created with all its fields.
    """

    record: Record
    existing: ExistingRecord | None
    fields: Mapping[str, Value]
    late: Mapping[str, Value]
    takes: frozenset[NaturalKey]
    holders: tuple[ExistingRecord, ...]
    is_anew: bool = False

    @property
    def is_new(self) -> bool:
        """Whether the record is created."""
        return self.existing is None or self.is_anew


@dataclass(frozen=True, slots=True)
class Stance:
    """How what people did is met. `take_over`: their records that stand in the place of ours become ours. `lines` are
    what is kept of ours where their edits of these are left alone, None where those are undone. `obstacle`: why nothing
    may be deleted, also where it would be created anew.
    """

    take_over: bool = False
    lines: Lines | None = None
    obstacle: str | None = None


class Claims:
    """The wishes of a projection, sorted into those that can go and those that cannot."""

    def __init__(
        self,
        projection: Projection,
        observation: Observation,
        fabric: str,
        deletes: Sequence[ExistingRecord],
        stance: Stance,
    ) -> None:
        self._fabric = fabric
        self._observed = observation.records
        self._obstacle = stance.obstacle
        self._take_over = stance.take_over
        self._lines = stance.lines
        self._present = observation.shared | {record.ref for record in projection.shared}
        self._deletes = {(existing.model, existing.id) for existing in deletes}
        self._keyed = first_by_key(observation, fabric)
        self._holders = _by_natural_key(observation)
        self._taken: set[tuple[str, int]] = set()
        self._drifts: dict[Ref, RecordDrift] = {}
        self._wishes = {wish.record.ref: wish for wish in self._all(projection)}
        self._claimants = _first_claimants(self._wishes.values())
        self._refusals: dict[Ref, Refusal] = {}
        self._refuse()

    def allowed(self) -> list[Wish]:
        """The wishes that can go, in dependency order; of their late fields those that can be set."""
        going = [wish for ref, wish in self._wishes.items() if ref not in self._refusals]
        anew = {(one.model, one.id) for wish in going for one in wish.holders if self._is_made_anew(one)}
        return [self._settled(self._anew(wish) if _place(wish.existing) in anew else wish) for wish in going]

    def _anew(self, wish: Wish) -> Wish:
        """The wish for a record that is deleted first: for all of its fields. Edits of it cannot be left alone."""
        self._drifts.pop(wish.record.ref, None)
        return replace(wish, fields=wish.record.fields, is_anew=True)

    def _settled(self, wish: Wish) -> Wish:
        """Without late fields that refer to what will not be there: that one is refused, and named for itself."""
        late = {
            name: value for name, value in wish.late.items() if all(map(self._will_exist, references({name: value})))
        }
        return wish if len(late) == len(wish.late) else replace(wish, late=late)

    def refusals(self) -> tuple[Refusal, ...]:
        """The wishes that cannot go, with what stands in the way, in dependency order."""
        return tuple(self._refusals[ref] for ref in self._wishes if ref in self._refusals)

    def drifts(self) -> tuple[RecordDrift, ...]:
        """What others edited or deleted and what is left so, in dependency order."""
        return tuple(self._drifts.values())

    def _all(self, projection: Projection) -> Iterator[Wish]:
        for record in sorted(projection.records, key=lambda record: (ORDER[record.ref.model], record.ref)):
            existing = self._keyed.get(record.ref)
            if existing is None and self._is_deleted(record):
                self._drifts[record.ref] = RecordDrift(record.ref, record.label)
                continue
            existing = existing or self._to_be_taken(record)
            edits = self._edits(record, existing)
            before = existing.fields if existing else {}
            late_names = MODELS[record.ref.model].late
            late: dict[str, Value] = {}
            fields: dict[str, Value] = {}
            for name, value in record.fields.items():
                if name in edits:
                    continue
                if before.get(name) != value or (existing is None and name not in late_names):
                    (late if name in late_names else fields)[name] = value
            if fields or late or existing is None or not existing.is_owned_by(self._fabric):
                takes = _taken(record.ref.model, before, {**fields, **late})
                yield Wish(record, existing, fields, late, takes, self._others(record.ref.model, takes, existing))

    def _is_deleted(self, record: Record) -> bool:
        """Whether somebody deleted it, and it is left so."""
        return self._lines is not None and is_deleted(record.fields, self._lines.get(record.ref))

    def _edits(self, record: Record, existing: ExistingRecord | None) -> frozenset[str]:
        """The fields that somebody edited, and that are left so."""
        if self._lines is None or existing is None or not existing.is_owned_by(self._fabric):
            return frozenset()
        names = edited(record.fields, existing, self._lines.get(record.ref))
        if names:
            fields = {name: record.fields[name] for name in record.fields if name in names}
            self._drifts[record.ref] = RecordDrift(record.ref, record.label, existing, fields)
        return names

    def _to_be_taken(self, record: Record) -> ExistingRecord | None:
        """The one record of a person in whose place this one belongs, where such are taken over: once."""
        if not self._take_over:
            return None
        naturals = natural_keys(record.ref.model, record.fields)
        found = {holder.id: holder for natural in naturals for holder in self._holders[record.ref.model, natural]}
        if len(found) != 1:
            return None
        (holder,) = found.values()
        if holder.key is not None or holder.is_tagged or (holder.model, holder.id) in self._taken:
            return None
        self._taken.add((holder.model, holder.id))
        return holder

    def _others(
        self, model: str, takes: frozenset[NaturalKey], existing: ExistingRecord | None
    ) -> tuple[ExistingRecord, ...]:
        found = {holder.id: holder for natural in takes for holder in self._holders[model, natural]}
        return tuple(holder for _, holder in sorted(found.items()) if holder is not existing)

    def _refuse(self) -> None:
        """Refuse until nothing more follows from it. Ends: each round refuses at least one wish."""
        waiting = list(self._wishes.values())
        while waiting:
            refused = [wish for wish in waiting if self._refuse_one(wish)]
            if not refused:
                return
            waiting = [wish for wish in waiting if wish.record.ref not in self._refusals]

    def _refuse_one(self, wish: Wish) -> bool:
        """Whether the wish is refused, given what is refused so far."""
        finding = self._clash(wish) or self._lack(wish)
        if finding:
            message, is_conflict = finding
            self._refusals[wish.record.ref] = Refusal(wish.record.ref, wish.record.label, message, is_conflict)
        return bool(finding)

    def _clash(self, wish: Wish) -> tuple[str, bool] | None:
        """Who stands at the wish's place and does not leave; whether that is not ours."""
        if wish.existing and not wish.existing.is_tagged and not self._take_over:
            return disowned(wish.existing), True
        for holder in wish.holders:
            if not holder.is_owned_by(self._fabric):
                return f"{describe(holder)} is not ours and stands in its place", True
            if not self._leaves(holder, wish.takes):
                return f"{describe(holder)} ({holder.key}) stands in its place and does not leave", False
            if obstacle := self._stays_for_now(holder):
                return f"{describe(holder)} ({holder.key}) stands in its place and {obstacle}", False
        return self._rival(wish)

    def _leaves(self, holder: ExistingRecord, takes: frozenset[NaturalKey]) -> bool:
        """Whether an owned record gives these natural keys up in this plan."""
        if (holder.model, holder.id) in self._deletes:
            return True
        own = self._wishes.get(holder.ref)
        if own is None or own.existing is not holder or holder.ref in self._refusals:
            return False
        return takes.isdisjoint(natural_keys(holder.model, {**holder.fields, **own.fields}))

    def _stays_for_now(self, holder: ExistingRecord) -> str | None:
        """Why an owned record that leaves cannot do so before another one takes its place."""
        if (holder.model, holder.id) in self._deletes:
            is_early = can_step_aside(holder) or MODELS[holder.model].is_leaf
            return None if is_early else "leaves in this pass"
        if not self._is_made_anew(holder):
            return None
        if self._obstacle:
            return f"would have to be made anew, and nothing is deleted: {self._obstacle}"
        others = [one for one in users_of(holder, self._observed) if not one.is_owned_by(self._fabric)]
        return f"would have to be made anew, but {describe(others[0])} depends on it" if others else None

    def _is_made_anew(self, holder: ExistingRecord) -> bool:
        """Whether a record that leaves does so by being deleted and created: it has nowhere to step aside to."""
        return not can_step_aside(holder) and (holder.model, holder.id) not in self._deletes

    def _rival(self, wish: Wish) -> tuple[str, bool] | None:
        """An earlier wish for the same place."""
        for natural in sorted(wish.takes, key=str):
            first = self._claimants[wish.record.ref.model, natural]
            if first != wish.record.ref:
                return f"{first.key} claims the same place", False
        return None

    def _lack(self, wish: Wish) -> tuple[str, bool] | None:
        """What the wish refers to that will not be there."""
        for ref in references(wish.fields):
            if not self._will_exist(ref):
                why = "somebody deleted" if ref in self._drifts else "is not there"
                return f"it needs {ref}, which {why}", False
        return None

    def _will_exist(self, ref: Ref) -> bool:
        if ref in self._present:
            return True
        existing = self._keyed.get(ref)
        if existing is None:
            return ref in self._wishes and ref not in self._refusals
        return (existing.is_tagged or self._take_over) and (existing.model, existing.id) not in self._deletes


def can_step_aside(existing: ExistingRecord) -> bool:
    """Whether a record has a state in which it stands in nobody's way."""
    return existing.model in _MOVABLE


_MOVABLE = frozenset(MODELS) - {MACS, L2VPN_TERMINATIONS, CIRCUIT_TERMINATIONS}
"""Of MAC addresses NetBox allows any number; the others are made of what they refer to, which may not be nothing."""


def users_of(existing: ExistingRecord, observed: Iterable[ExistingRecord]) -> list[ExistingRecord]:
    """The records that refer to this one, oldest first."""
    users = [one for one in observed if existing.ref in references(one.fields)]
    return sorted(users, key=lambda one: (ORDER[one.model], one.id))


def _place(existing: ExistingRecord | None) -> tuple[str, int] | None:
    return (existing.model, existing.id) if existing else None


def describe(existing: ExistingRecord) -> str:
    """A record as people find it in NetBox."""
    return f"{MODELS[existing.model].noun} {existing.label} (id {existing.id})"


def disowned(existing: ExistingRecord) -> str:
    """What is said of a record from which somebody took our tag."""
    return f"{describe(existing)} carries our key but not the tag {OWNED_TAG}: it is left alone"


def first_by_key(observation: Observation, fabric: str) -> dict[Ref, ExistingRecord]:
    """The records that carry our keys, of several with one key the oldest that is tagged."""
    keyed = [existing for existing in observation.records if existing.is_keyed_by(fabric)]
    ordered = sorted(keyed, key=lambda existing: (existing.is_tagged, -existing.id))
    return {existing.ref: existing for existing in ordered}


def _by_natural_key(observation: Observation) -> defaultdict[tuple[str, NaturalKey], list[ExistingRecord]]:
    found: defaultdict[tuple[str, NaturalKey], list[ExistingRecord]] = defaultdict(list)
    for existing in observation.records:
        for natural in natural_keys(existing.model, existing.fields):
            found[existing.model, natural].append(existing)
    return found


def _first_claimants(wishes: Iterable[Wish]) -> dict[tuple[str, NaturalKey], Ref]:
    found: dict[tuple[str, NaturalKey], Ref] = {}
    for wish in wishes:
        for natural in wish.takes:
            found.setdefault((wish.record.ref.model, natural), wish.record.ref)
    return found


def _taken(model: str, before: Mapping[str, Value], fields: Mapping[str, Value]) -> frozenset[NaturalKey]:
    """The natural keys that a record with these new fields gets beyond those that it has."""
    return frozenset(natural_keys(model, {**before, **fields})) - frozenset(natural_keys(model, before))
