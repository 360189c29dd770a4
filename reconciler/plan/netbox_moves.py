"""How records of ours make room for each other in NetBox, which checks each write by itself. Pure.

Most step aside: to a name, or an address, that nobody wants; a cable is unplugged. Who has nowhere to go is deleted
first and created anew.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model import netbox_schema
from reconciler.model.netbox import RecordChange
from reconciler.model.netbox_schema import ADDRESS_RANGES, MACS, MODELS, ORDER
from reconciler.plan.netbox_claims import users_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.netbox import ExistingRecord, Observation, Ref, Value
    from reconciler.plan.netbox_claims import Wish


def remade(allowed: Iterable[Wish]) -> tuple[ExistingRecord, ...]:
    """The records that are deleted and created anew, dependents first. Should the plan end in between, the next one
    finds that they are not there, and creates them.
    """
    found = [wish.existing for wish in allowed if wish.existing is not None and wish.is_anew]
    return tuple(sorted(found, key=lambda existing: (-ORDER[existing.model], existing.id)))


def parked(
    allowed: Sequence[Wish],
    deletes: Iterable[ExistingRecord],
    anew: Sequence[ExistingRecord],
    observation: Observation,
    fabric: str,
) -> tuple[RecordChange, ...]:
    """Step-aside changes for those who stand where others go, each once. They get their own new state, or are deleted,
    later in the plan; should that fail, the next plan finds them by key. Those that are deleted first have no need to.
    """
    first = [existing for existing in deletes if MODELS[existing.model].is_leaf]
    gone = {(existing.model, existing.id) for existing in (*first, *anew)}
    aside: dict[tuple[str, int], RecordChange] = {}
    for holder in (holder for wish in allowed for holder in wish.holders):
        aside[holder.model, holder.id] = RecordChange(holder, _aside(holder))
    for user in (user for existing in anew for user in users_of(existing, observation.records)):
        aside[user.model, user.id] = RecordChange(user, _aside(user))
    for crossing in _of_crossing_ranges(allowed):
        if crossing.is_owned_by(fabric):
            aside[crossing.model, crossing.id] = RecordChange(crossing, _aside(crossing))
    for interface in _of_moving_macs(allowed, observation, fabric):
        place = interface.model, interface.id
        fields = aside[place].fields if place in aside else {}
        aside[place] = RecordChange(interface, {**fields, "primary_mac_address": None})
    ordered = sorted((ORDER[model], record_id, (model, record_id)) for model, record_id in aside.keys() - gone)
    return tuple(aside[place] for _, _, place in ordered)


def _of_crossing_ranges(allowed: Iterable[Wish]) -> Iterator[ExistingRecord]:
    """Ranges that move from where others go: NetBox takes none that overlaps with another one."""
    wishes = [wish for wish in allowed if wish.record.ref.model == ADDRESS_RANGES and {*_BOUNDS} & wish.fields.keys()]
    wanted: defaultdict[Value, list[tuple[Ref, _Span]]] = defaultdict(list)
    for wish in wishes:
        wanted[wish.record.fields.get("vrf")].append((wish.record.ref, _span(wish.record.fields)))
    for wish in wishes:
        if wish.existing is not None:
            first, last = _span(wish.existing.fields)
            others = wanted[wish.existing.fields.get("vrf")]
            if any(ref != wish.record.ref and first <= end and start <= last for ref, (start, end) in others):
                yield wish.existing


_BOUNDS = ("start_address", "end_address", "vrf")

_Span: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"
"""First and last address, each after its IP version."""


def _span(fields: Mapping[str, Value]) -> _Span:
    first, last = (ipaddress.ip_interface(str(fields[name])) for name in _BOUNDS[:2])
    return (first.version, int(first.ip)), (last.version, int(last.ip))


def _of_moving_macs(allowed: Iterable[Wish], observation: Observation, fabric: str) -> Iterator[ExistingRecord]:
    """Our interfaces whose primary MAC address belongs elsewhere: NetBox moves none that is the primary one."""
    macs = [wish.existing for wish in allowed if wish.existing is not None and "assigned_object" in wish.fields]
    moving = {existing.fields["assigned_object"]: existing.ref for existing in macs if existing.model == MACS}
    for existing in observation.records:
        mac = moving.get(existing.ref)
        if mac is not None and existing.fields["primary_mac_address"] == mac and existing.is_owned_by(fabric):
            yield existing


_DISCARDED = ipaddress.IPv6Address("100::")


def _aside(holder: ExistingRecord) -> dict[str, Value]:
    """A state in which a record stands in nobody's way: a name that no projection makes; for a VLAN no group, for a
    cable no ends, for a prefix, an address or a range some of the discard-only block (RFC 6666), told apart by ids.
    """
    nowhere = f"{_DISCARDED + holder.id}/128"
    first, last = (f"{_DISCARDED + 2 * holder.id + offset}/128" for offset in (0, 1))
    name = f"parked~{holder.id}"
    states: dict[str, dict[str, Value]] = {
        netbox_schema.CABLES: {"a": None, "b": None},
        netbox_schema.ADDRESS_RANGES: {"start_address": first, "end_address": last},
        netbox_schema.VLANS: {"group": None},
        netbox_schema.PREFIXES: {"prefix": nowhere},
        netbox_schema.ADDRESSES: {"address": nowhere},
        netbox_schema.CIRCUITS: {"cid": name},
    }
    named: dict[str, Value] = {"name": name}
    slugged = {**named, "slug": f"parked-{holder.id}"} if "slug" in MODELS[holder.model].fields else named
    return states.get(holder.model, slugged)


def given_up(change: RecordChange) -> dict[str, Value]:
    """What a record that stepped aside gets back; late fields are set late."""
    late = MODELS[change.existing.model].late
    return {name: value for name, value in change.before.items() if name not in late}
