"""The projection while it is being made."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.model.netbox import Projection, Record, Ref, Skipped, natural_keys, references
from reconciler.model.netbox_schema import ORDER, OWNED, SITES, Kind
from reconciler.plan.projection.reading import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.netbox import NaturalKey, SharedRecord
    from reconciler.model.objects import ObjectKey

_SPARED = frozenset({"vlan", "lag", "untagged_vlan"})
_MANY = (Kind.REFERENCES, Kind.TAGS)

_OPTIONAL = MappingProxyType(
    {
        model.path: tuple(
            name
            for name, field in model.fields.items()
            if field.targets and (name in _SPARED or field.kind in _MANY or field.is_late)
        )
        for model in OWNED
    }
)
"""References without which a record can be, by model: where one leads nowhere, the field is left as it is."""

_REQUIRED = MappingProxyType(
    {
        model.path: tuple(
            name for name, field in model.fields.items() if field.targets and name not in _OPTIONAL[model.path]
        )
        for model in OWNED
    }
)
"""References without which a record cannot be, by model."""


class Draft:
    """Collects records, prerequisites and what had to be skipped. `site` is the fabric's site."""

    def __init__(self, fabric: str, site: str) -> None:
        self.fabric = fabric
        self.site = Ref(SITES, site)
        self._shared: dict[Ref, SharedRecord] = {}
        self._records: dict[Ref, tuple[ObjectKey, Record]] = {}
        self._places: dict[tuple[str, NaturalKey], Record] = {}
        self._skipped: list[Skipped] = []

    def ref(self, model: str, key: ObjectKey, part: str = "") -> Ref:
        """The record of a model that speaks of an object, or of a part of it."""
        return Ref(model, f"{self.fabric}/{key}#{part}" if part else f"{self.fabric}/{key}")

    def need(self, *records: SharedRecord) -> None:
        """Prerequisites, in dependency order."""
        for record in records:
            self._shared.setdefault(record.ref, record)

    def add(self, key: ObjectKey, record: Record) -> None:
        """A record that speaks of the object `key`. Raises MalformedError when another one has its place already: a
        Server of the same name as a Switch, two subnets with one VLAN.
        """
        places = _places(record)
        for place in places:
            if place in self._places:
                names = " and ".join(name for name in place[1][0] if name != "tenant")
                raise MalformedError(str(key), f"{names} are those of {self._places[place].ref.key} as well")
        self._places.update(dict.fromkeys(places, record))
        self._records[record.ref] = key, record

    def offer(self, key: ObjectKey, record: Record) -> None:
        """A record that is there already when another one has its place."""
        if not any(place in self._places for place in _places(record)):
            self.add(key, record)

    def holds(self, ref: Ref) -> bool:
        return ref in self._records

    def skip(self, key: ObjectKey, path: str, finding: str) -> None:
        """Note a part of an object that has no place in NetBox."""
        self._skipped.append(Skipped(key, str(MalformedError(path, finding))))

    @contextmanager
    def skipping(self, key: ObjectKey) -> Iterator[None]:
        """Note an object, or a part of it, that turns out to be malformed, and go on behind the block."""
        try:
            yield
        except MalformedError as error:
            self._skipped.append(Skipped(key, str(error)))

    def finish(self) -> Projection:
        """What was collected, prerequisites as needed and records in dependency order, then by key. A record that
        cannot be without one that is not there is skipped.
        """
        gone = self._gone()
        ordered = sorted(self._records.values(), key=lambda item: (ORDER[item[1].ref.model], item[1].ref.key))
        for key, record in ordered:
            if missing := gone.get(record.ref):
                self.skip(key, record.ref.key, f"needs {missing}, which is not there")
        records = tuple(self._without_loose_ends(record, gone) for _, record in ordered if record.ref not in gone)
        return Projection(tuple(self._shared.values()), records, tuple(self._skipped))

    def _gone(self) -> dict[Ref, Ref]:
        """The records that cannot be, each with what it lacks. Ends: each round finds at least one."""
        gone: dict[Ref, Ref] = {}
        while True:
            found: dict[Ref, Ref] = {}
            for _, record in self._records.values():
                for name in _REQUIRED[record.ref.model]:
                    needed = record.fields.get(name)
                    if isinstance(needed, Ref) and not self._is_there(needed, gone) and record.ref not in gone:
                        found[record.ref] = needed
            if not found:
                return gone
            gone |= found

    def _is_there(self, ref: Ref, gone: Mapping[Ref, Ref]) -> bool:
        return (ref in self._records and ref not in gone) or ref in self._shared

    def _without_loose_ends(self, record: Record, gone: Mapping[Ref, Ref]) -> Record:
        loose = [
            name
            for name in _OPTIONAL[record.ref.model]
            if not all(self._is_there(ref, gone) for ref in references({name: record.fields.get(name)}))
        ]
        if not loose:
            return record
        return replace(record, fields={name: value for name, value in record.fields.items() if name not in loose})


def _places(record: Record) -> list[tuple[str, NaturalKey]]:
    return [(record.ref.model, natural) for natural in natural_keys(record.ref.model, record.fields)]
