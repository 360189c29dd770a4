"""The plan for NetBox: desired records against what is there. Pure.

Ours is a record with both marks; a record is matched by its key alone, so that one that a person renamed is renamed
back. Where another record stands at the natural key that ours needs, ours waits: for ever, when that one is a person's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Record, RecordChange, references
from reconciler.model.netbox_plan import Block, NetBoxPlan, Refusal
from reconciler.model.netbox_schema import MODELS, ORDER
from reconciler.plan.netbox_claims import Claims, Stance, describe, disowned, first_by_key
from reconciler.plan.netbox_memory import line_found
from reconciler.plan.netbox_moves import given_up, parked, remade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import ExistingRecord, Observation, Projection, Ref, Value
    from reconciler.plan.netbox_claims import Wish
    from reconciler.plan.netbox_memory import Lines

PRUNE_BLOCKED = "PruneBlocked"
TOO_MANY_DELETES = "TooManyDeletes"
PREREQUISITE_UNUSABLE = "PrerequisiteUnusable"


def plan_netbox(
    projection: Projection,
    observation: Observation,
    policy: NetBoxPolicy,
    fabric: str,
    *,
    incomplete: str | None = None,
    lines: Lines | None = None,
) -> NetBoxPlan:
    """What brings NetBox in line with `projection`. `incomplete` says why what was read of Git or the cluster may not
    be all there is; nothing is deleted then. None: it was read whole. `lines` are what is kept of what we wrote.
    """
    if observation.faults:
        return NetBoxPlan(blocks=tuple(Block(PREREQUISITE_UNUSABLE, fault) for fault in observation.faults))
    undeclared = _undeclared(projection, observation, fabric)
    unread = tuple(existing for existing in undeclared if _is_unread(existing.ref, projection, fabric))
    prunable = _without(undeclared, unread) if policy.prune else ()
    obstacle = incomplete or (None if policy.prune else "netbox.prune is false")
    stance = Stance(policy.take_over, None if policy.self_heal else lines or {}, obstacle)
    free, held = _free(prunable, projection, observation, fabric, stance)
    block = _guard(free, projection, policy, incomplete)
    blocks = (block, _of_unread(unread, projection, policy))
    deletes = () if block else free
    declared = {record.ref for record in projection.records}
    claims = Claims(projection, observation, fabric, deletes, stance)
    allowed = claims.allowed()
    anew = remade(allowed)
    aside = parked(allowed, deletes, anew, observation, fabric)
    return NetBoxPlan(
        shared=tuple(record for record in projection.shared if record.ref not in observation.shared),
        parked=aside,
        remade=anew,
        creates=tuple(_new(wish, wish.fields) for wish in allowed if wish.is_new),
        updates=tuple(_updates(allowed, aside, deletes, fabric)),
        late=tuple(_late(allowed, fabric)),
        completes=tuple(_new(wish, wish.late) for wish in allowed if wish.existing is None and wish.late),
        deletes=deletes,
        twins=tuple(existing for existing in deletes if existing.ref in declared),
        refusals=(*claims.refusals(), *held, *_strays(projection, observation, fabric)),
        drifted=claims.drifts(),
        retained=_without(undeclared, deletes),
        blocks=tuple(block for block in blocks if block is not None),
    )


def _undeclared(projection: Projection, observation: Observation, fabric: str) -> tuple[ExistingRecord, ...]:
    """Owned records that nothing declares, and all but the first of those that share one key (two writes that raced
    leave them): dependents first. Records of an object that had to be skipped count as declared.
    """
    declared = {record.ref for record in projection.records}
    found: list[ExistingRecord] = []
    for existing in sorted(observation.records, key=lambda record: record.id):
        if not existing.is_owned_by(fabric):
            continue
        if existing.ref in declared:
            declared.discard(existing.ref)
        elif not _is_skipped(existing.ref, projection, fabric):
            found.append(existing)
    return tuple(sorted(found, key=lambda record: (-ORDER[record.model], record.ref, record.id)))


def _is_skipped(ref: Ref, projection: Projection, fabric: str) -> bool:
    return any(skipped.covers(fabric, ref.key) for skipped in projection.skipped)


def _is_unread(ref: Ref, projection: Projection, fabric: str) -> bool:
    """Whether this shows an object of a kind of which nothing is known."""
    return any(ref.key.startswith(f"{fabric}/{kind}/") for kind in projection.unread)


def _free(
    undeclared: tuple[ExistingRecord, ...],
    projection: Projection,
    observation: Observation,
    fabric: str,
    stance: Stance,
) -> tuple[tuple[ExistingRecord, ...], list[Refusal]]:
    """Those of the undeclared records on which nothing depends that stays, and why the others cannot be deleted: NetBox
    would refuse it, in this pass and in each one after it.
    """
    free, held = undeclared, list[Refusal]()
    while free:
        claims = Claims(projection, observation, fabric, free, stance)
        users = _users(free, observation, claims.allowed())
        still_used = [existing for existing in free if (existing.model, existing.id) in users]
        if not still_used:
            break
        held += [_in_use(existing, users[existing.model, existing.id]) for existing in still_used]
        free = _without(free, still_used)
    return free, held


def _without(records: Iterable[ExistingRecord], others: Iterable[ExistingRecord]) -> tuple[ExistingRecord, ...]:
    places = {(existing.model, existing.id) for existing in others}
    return tuple(existing for existing in records if (existing.model, existing.id) not in places)


def _users(
    going: Iterable[ExistingRecord], observation: Observation, allowed: Iterable[Wish]
) -> dict[tuple[str, int], ExistingRecord]:
    """For each record that a record which stays will still refer to, by model and id, the youngest such record. Of two
    records with one key a reference means the older. A late field keeps nothing: NetBox empties it by itself.
    """
    gone = {(existing.model, existing.id) for existing in going}
    changes = {(wish.existing.model, wish.existing.id): wish.fields for wish in allowed if wish.existing is not None}
    meant = {existing.ref: (existing.model, existing.id) for existing in sorted(observation.records, key=_youngest)}
    users: dict[tuple[str, int], ExistingRecord] = {}
    for existing in sorted(observation.records, key=lambda record: record.id):
        place = existing.model, existing.id
        if place not in gone:
            late = MODELS[existing.model].late
            after = {name: value for name, value in existing.fields.items() if name not in late}
            after |= changes.get(place, {})
            users.update((meant[ref], existing) for ref in references(after) if ref in meant)
    return users


def _youngest(existing: ExistingRecord) -> int:
    return -existing.id


def _in_use(existing: ExistingRecord, user: ExistingRecord) -> Refusal:
    message = f"nothing declares it any more, but {describe(user)} depends on it"
    return Refusal(existing.ref, existing.label, message, is_conflict=not user.is_tagged)


def _guard(
    free: Sequence[ExistingRecord], projection: Projection, policy: NetBoxPolicy, incomplete: str | None
) -> Block | None:
    """Why none of these may be deleted. One guard for all: a part of a deletion is as wrong as the whole."""
    if not free:
        return None
    if incomplete:
        return Block(PRUNE_BLOCKED, incomplete)
    if not projection.records:
        return Block(PRUNE_BLOCKED, "the fabric declares nothing that NetBox could hold")
    count = sum(MODELS[existing.model].is_counted for existing in free)
    if count > policy.max_deletes:
        text = f"{count} devices, VRFs, VLANs and prefixes would be deleted, max_deletes is {policy.max_deletes}"
        return Block(TOO_MANY_DELETES, f"{text}; raise netbox.max_deletes to let them go")
    return None


def _of_unread(unread: Sequence[ExistingRecord], projection: Projection, policy: NetBoxPolicy) -> Block | None:
    if not unread or not policy.prune:
        return None
    kinds = ", ".join(sorted(projection.unread))
    return Block(PRUNE_BLOCKED, f"the cluster does not serve {kinds}: {len(unread)} records of it stay")


def _new(wish: Wish, fields: Mapping[str, Value]) -> Record:
    return Record(wish.record.ref, wish.record.label, fields)


def _late(allowed: Iterable[Wish], fabric: str) -> Iterator[RecordChange]:
    for wish in allowed:
        if wish.existing is not None and not wish.is_anew and wish.late:
            yield RecordChange(wish.existing, wish.late, _takes(wish, fabric))


def _takes(wish: Wish, fabric: str) -> Ref | None:
    """What a record becomes that was not ours."""
    is_ours = wish.existing is None or wish.existing.is_owned_by(fabric)
    return None if is_ours else wish.record.ref


def _updates(
    allowed: Iterable[Wish], moved: Sequence[RecordChange], deletes: Iterable[ExistingRecord], fabric: str
) -> Iterator[RecordChange]:
    """The updates; one that stepped aside gets back what it gave up for that and would have kept, late fields aside."""
    going = {(existing.model, existing.id) for existing in deletes}
    places = ((change, (change.existing.model, change.existing.id)) for change in moved)
    aside = {place: (change.existing, given_up(change)) for change, place in places if place not in going}
    for wish in allowed:
        if wish.existing is None or wish.is_anew:
            continue
        _, before = aside.pop((wish.existing.model, wish.existing.id), (None, {}))
        fields, takes = {**before, **wish.fields}, _takes(wish, fabric)
        if fields or takes:
            yield RecordChange(wish.existing, fields, takes)
    for existing, before in aside.values():
        if before:
            yield RecordChange(existing, before)


def _strays(projection: Projection, observation: Observation, fabric: str) -> Iterator[Refusal]:
    """Records that carry our key without our tag and that nothing declares: a person keeps them, and may want to know
    that clearing the key makes them entirely theirs.
    """
    declared = {record.ref for record in projection.records}
    for existing in sorted(observation.records, key=lambda record: (ORDER[record.model], record.ref, record.id)):
        if existing.is_keyed_by(fabric) and not existing.is_tagged and existing.ref not in declared:
            yield Refusal(existing.ref, existing.label, disowned(existing), is_conflict=True)


def lines_found(
    projection: Projection, observation: Observation, fabric: str, lines: Lines, *, is_complete: bool = True
) -> Iterator[tuple[Ref, str | None]]:
    """What is to be kept of our records as they were found, whatever is written afterwards. None: nothing more, since
    nothing declares the record, as far as everything was read, and NetBox does not have it.
    """
    keyed = first_by_key(observation, fabric)
    declared = {record.ref for record in projection.records}
    for record in projection.records:
        existing = keyed.get(record.ref)
        if existing is not None and existing.is_tagged:
            yield record.ref, line_found(record.fields, existing, lines.get(record.ref))
    for ref in lines.keys() - declared - keyed.keys() if is_complete else ():
        if not (_is_skipped(ref, projection, fabric) or _is_unread(ref, projection, fabric)):
            yield ref, None
