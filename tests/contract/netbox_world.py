"""What people do in NetBox beside us."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from reconciler.targets.local.netbox_rows import Row, Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import ExistingRecord, Value
    from reconciler.ports import Documents, NetBox


class Person(Protocol):
    """Somebody who edits NetBox by hand. Fields are in symbolic form; ids are NetBox's."""

    def add(self, model: str, fields: Mapping[str, Value]) -> int:
        """Make a record without our marks."""

    def edit(self, model: str, record_id: int, fields: Mapping[str, Value]) -> None: ...

    def untag(self, model: str, record_id: int) -> None:
        """Take our tag from a record."""

    def remove(self, model: str, record_id: int) -> None: ...

    def look(self, model: str, record_id: int) -> JSONObject | None:
        """The whole record as NetBox shows it, with the time of its last change; None when it is gone."""


@dataclass(frozen=True)
class World:
    """A NetBox and who works in it. `writes` counts the write requests (or transactions) that it has seen."""

    netbox: NetBox
    person: Person
    writes: Callable[[], int]

    def remove(self, records: Iterable[ExistingRecord]) -> None:
        """The person deletes these."""
        for record in records:
            self.person.remove(record.model, record.id)


class LocalPerson:
    """A person at the embedded NetBox: edits its documents, past its rules."""

    def __init__(self, documents: Documents, name: str) -> None:
        self._documents = documents
        self._collection = f"netbox:{name}"

    def tables(self) -> Tables:
        return Tables(self._documents.load(self._collection))

    def add(self, model: str, fields: Mapping[str, Value]) -> int:
        tables = self.tables()
        row = tables.insert(Row(model, 0, {name: tables.encode(value) for name, value in fields.items()}))
        self._documents.save(self._collection, tables.changed)
        return row.id

    def edit(self, model: str, record_id: int, fields: Mapping[str, Value]) -> None:
        tables = self.tables()
        row = tables.rows[model, record_id]
        encoded = {name: tables.encode(value) for name, value in fields.items()}
        self.put(replace(row, fields={**row.fields, **encoded}))

    def untag(self, model: str, record_id: int) -> None:
        self.put(replace(self.tables().rows[model, record_id], is_tagged=False))

    def remove(self, model: str, record_id: int) -> None:
        tables = self.tables()
        tables.remove(tables.rows[model, record_id])
        self._documents.save(self._collection, tables.changed)

    def look(self, model: str, record_id: int) -> JSONObject | None:
        return self._documents.load(self._collection).get(f"{model}/{record_id}")

    def double(self, model: str, record_id: int) -> int:
        """What a race can leave: a second record with the same marks."""
        tables = self.tables()
        row = tables.insert(tables.rows[model, record_id])
        self._documents.save(self._collection, tables.changed)
        return row.id

    def put(self, *rows: Row) -> None:
        """Store rows as they are, each as a new version."""
        tables = self.tables()
        for row in rows:
            tables.put(replace(row, version=row.version + 1))
        self._documents.save(self._collection, tables.changed)
