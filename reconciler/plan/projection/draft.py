"""The projection while it is being made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.model.netbox import Projection, Ref, Skipped, natural_keys
from reconciler.model.netbox_schema import ORDER, SITES
from reconciler.plan.projection.reading import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.netbox import NaturalKey, Record, SharedRecord
    from reconciler.model.objects import ObjectKey


class Draft:
    """Collects records, prerequisites and what had to be skipped. `site` is the fabric's site."""

    def __init__(self, fabric: str, site: str) -> None:
        self.fabric = fabric
        self.site = Ref(SITES, site)
        self._shared: dict[Ref, SharedRecord] = {}
        self._records: dict[Ref, Record] = {}
        self._places: dict[tuple[str, NaturalKey], Record] = {}
        self._skipped: list[Skipped] = []

    def need(self, *records: SharedRecord) -> None:
        """Prerequisites, in dependency order."""
        for record in records:
            self._shared.setdefault(record.ref, record)

    def add(self, key: ObjectKey, record: Record) -> None:
        """A record that speaks of the object `key`. Raises MalformedError when another one has its place already: a
        Server of the same name as a Switch, two subnets with one VLAN.
        """
        places = [(record.ref.model, natural) for natural in natural_keys(record.ref.model, record.fields)]
        for place in places:
            if place in self._places:
                names = " and ".join(name for name in place[1][0] if name != "tenant")
                raise MalformedError(str(key), f"{names} are those of {self._places[place].ref.key} as well")
        self._places.update(dict.fromkeys(places, record))
        self._records[record.ref] = record

    @contextmanager
    def skipping(self, key: ObjectKey) -> Iterator[None]:
        """Note an object, or a part of it, that turns out to be malformed, and go on behind the block."""
        try:
            yield
        except MalformedError as error:
            self._skipped.append(Skipped(key, str(error)))

    def finish(self) -> Projection:
        """What was collected, prerequisites as needed and records in dependency order, then by key."""
        records = sorted(self._records.values(), key=lambda record: (ORDER[record.ref.model], record.ref.key))
        return Projection(tuple(self._shared.values()), tuple(records), tuple(self._skipped))
