"""An embedded NetBox for demonstrations and rehearsals: the port's behaviour without a server.

It keeps the promises that the reconciler builds on (unique keys and natural keys, protected deletes, references that
must exist, records of people beside ours) and nothing else of NetBox.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from reconciler.model.netbox import Observation, Ref, WriteResult
from reconciler.model.netbox_schema import MODELS
from reconciler.targets.local import netbox_sites
from reconciler.targets.local.netbox_rows import Row, Tables
from reconciler.targets.local.netbox_rules import findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.model.netbox import ExistingRecord, Projection, Record, RecordChange, SharedRecord, Value
    from reconciler.model.netbox_site import Site, SiteValue
    from reconciler.ports import Documents

T = TypeVar("T")

STALE = "somebody changed it since it was read; the next pass looks again"
UNMARKED = "it no longer carries our marks"
NOT_CREATED = "it was not created"


class LocalNetBox:
    """Implements `ports.NetBox` on a collection of documents that no other store writes."""

    def __init__(self, documents: Documents, name: str) -> None:
        """`name` tells embedded stores in one set of documents apart. Nothing is read yet."""
        self._documents = documents
        self._name = name
        self._written: dict[tuple[str, int], str] = {}

    @property
    def address(self) -> str:
        return f"local:{self._name}"

    def version(self) -> str:
        return "simulated"

    def observe(
        self,
        fabric: str,  # noqa: ARG002 - all that is here is near
        projection: Projection,  # noqa: ARG002
        *,
        is_full: bool = True,  # noqa: ARG002
        cause: str = "",  # noqa: ARG002 - it keeps no log
    ) -> Observation:
        self._written.clear()
        tables = self._load()
        records = tuple(tables.existing(row) for model in MODELS for row in tables.of(model))
        shared = (Ref(row.model, row.key) for row in tables.rows.values() if row.model not in MODELS and row.key)
        return Observation(records, frozenset(shared))

    def create_shared(self, records: Sequence[SharedRecord]) -> Sequence[WriteResult]:
        return self._write(records, lambda tables, record: (record.ref, _create_shared(tables, record)))

    def create(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        return self._write(records, lambda tables, record: (record.ref, _create(tables, record)))

    def update(self, changes: Sequence[RecordChange]) -> Sequence[WriteResult]:
        return self._write(changes, lambda tables, change: (change.ref, self._update(tables, change)))

    def complete(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        return self._write(records, lambda tables, record: (record.ref, self._complete(tables, record)))

    def delete(self, records: Sequence[ExistingRecord]) -> Sequence[WriteResult]:
        return self._write(records, lambda tables, existing: (existing.ref, self._delete(tables, existing)))

    def site(self, slug: str) -> Site | None:
        return netbox_sites.find(self._load(), slug)

    def prepare_sites(self) -> None:
        self._change(netbox_sites.prepare)

    def write_site(self, site: Site, fields: Mapping[str, SiteValue]) -> None:
        self._change(lambda tables: netbox_sites.write(tables, site, fields))

    def note(self, site: Site, text: str, *, is_trouble: bool = False) -> None:
        self._change(lambda tables: netbox_sites.note(tables, site, text, is_trouble=is_trouble))

    def _change(self, work: Callable[[Tables], None]) -> None:
        tables = self._load()
        work(tables)
        if tables.changed:
            self._documents.save(self._collection, tables.changed)

    def _load(self) -> Tables:
        return Tables(self._documents.load(self._collection))

    @property
    def _collection(self) -> str:
        return f"netbox:{self._name}"

    def _write(self, items: Iterable[T], one: Callable[[Tables, T], tuple[Ref, str | None]]) -> Sequence[WriteResult]:
        """Write items one after the other, all that are accepted in one transaction."""
        tables = self._load()
        results = [WriteResult(*one(tables, item)) for item in items]
        if tables.changed:
            self._documents.save(self._collection, tables.changed)
        return results

    def _update(self, tables: Tables, change: RecordChange) -> str | None:
        row = tables.rows.get((change.existing.model, change.existing.id))
        if row is None or self._is_stale(row, change.existing):
            return STALE
        if change.takes:
            row = replace(row, key=change.takes.key, is_tagged=True)
        return self._rewrite(tables, row, change.fields)

    def _complete(self, tables: Tables, record: Record) -> str | None:
        row = tables.find(record.ref)
        return NOT_CREATED if row is None else self._rewrite(tables, row, record.fields)

    def _rewrite(self, tables: Tables, row: Row, changed: Mapping[str, Value]) -> str | None:
        try:
            fields = {name: tables.encode(value) for name, value in changed.items()}
        except LookupError as error:
            return str(error.args[0])
        updated = replace(row, fields={**row.fields, **fields}, version=row.version + 1)
        if refusal := "; ".join(findings(tables, updated)):
            return refusal
        tables.put(updated)
        self._written[row.model, row.id] = str(updated.version)
        return None

    def _delete(self, tables: Tables, existing: ExistingRecord) -> str | None:
        row = tables.rows.get((existing.model, existing.id))
        if row is None:
            return None
        if not row.is_tagged or row.key is None or row.key != existing.key:
            return UNMARKED
        if self._is_stale(row, existing):
            return STALE
        if dependents := tables.dependents(row):
            return f"records depend on it: {', '.join(other.label for other in dependents)}"
        tables.remove(row)
        return None

    def _is_stale(self, row: Row, existing: ExistingRecord) -> bool:
        """Whether somebody else wrote the row since it was observed."""
        return str(row.version) != self._written.get((row.model, row.id), existing.version)


def _create_shared(tables: Tables, record: SharedRecord) -> str | None:
    if tables.find(record.ref) is not None:
        return None
    return _insert(tables, Row(record.ref.model, 0, {}, record.ref.key), record)


def _create(tables: Tables, record: Record) -> str | None:
    return _insert(tables, Row(record.ref.model, 0, {}, record.ref.key, is_tagged=True), record)


def _insert(tables: Tables, row: Row, record: Record | SharedRecord) -> str | None:
    try:
        filled = replace(row, fields={name: tables.encode(value) for name, value in record.fields.items()})
    except LookupError as error:
        return str(error.args[0])
    if row.model in MODELS and (refusal := "; ".join(findings(tables, filled))):
        return refusal
    tables.insert(filled)
    return None
