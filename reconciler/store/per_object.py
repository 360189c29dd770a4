"""The tables with a row per object: kept in memory as they are in the file, so that a pass reads nothing again and
writes only what it changed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy import Text, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.objects import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Delete, Table
    from sqlalchemy.dialects.sqlite import Insert

    from reconciler.store.codec import Codec
    from reconciler.store.connection import Database

Value = TypeVar("Value")

MOST_KEPT = 100_000
"""Values of one table in memory, up to two kilobytes each. The fabrics written longest ago go first: theirs are read
from the file when they are needed.
"""


@dataclass(frozen=True, slots=True)
class Change(Generic[Value]):
    """What to do to a table, so that it holds just `values` of a fabric. `written` are rows, encoded."""

    fabric: str
    values: Mapping[ObjectKey, Value]
    gone: list[dict[str, str]]
    written: list[dict[str, str]]


class PerObject(Generic[Value]):
    """One such table. Memory is never outdated: this process is the only writer of its file, and one thread at a time
    has the turn that begins with `change` and ends with `keep` or `forget`.
    """

    def __init__(
        self, database: Database, table: Table, codec: Codec[Value], compact: Callable[[Value], Value]
    ) -> None:
        """`compact` gives an equal value that takes less memory."""
        self._database = database
        self._table = table
        self._codec = codec
        self._compact = compact
        self._upsert = _upsert(table)
        self._delete = _delete(table)
        self._kept: OrderedDict[str, Mapping[ObjectKey, Value]] = OrderedDict()
        self._lock = Lock()

    def values(self, fabric: str) -> Mapping[ObjectKey, Value]:
        """By key, in its order. Not to be changed. Raises StateError."""
        with self._lock:
            kept = self._kept.get(fabric)
        return self._stored(fabric) if kept is None else kept

    def _stored(self, fabric: str) -> Mapping[ObjectKey, Value]:
        columns = self._table.c
        ordered = select(self._table).where(columns.fabric == fabric).order_by(*self._table.primary_key)
        with self._database.reading() as connection:
            rows = connection.execute(ordered).all()
        return {ObjectKey(row.kind, row.namespace, row.name): self._compact(row.value) for row in rows}

    def change(self, fabric: str, values: Mapping[ObjectKey, Value]) -> Change[Value]:
        """What differs from what is stored. All the work is done here, before anybody has to wait for the file."""
        stored = self.values(fabric)
        gone = [_row(fabric, key) for key in stored.keys() - values.keys()]
        # What a pass did not touch is the very value that it was given: most comparisons end there.
        changed = {key: v for key, v in values.items() if (old := stored.get(key)) is not v and old != v}
        written = [{**_row(fabric, key), "text": self._codec.encode(value)} for key, value in changed.items()]
        ordered = sorted(values)
        whole = {key: self._compact(changed[key]) if key in changed else stored[key] for key in ordered}
        return Change(fabric, whole, gone, written)

    def write(self, connection: Connection, change: Change[Value]) -> None:
        if change.gone:
            connection.execute(self._delete, change.gone)
        if change.written:
            connection.execute(self._upsert, change.written)

    def keep(self, change: Change[Value]) -> None:
        """The change is in the file."""
        with self._lock:
            self._kept[change.fabric] = change.values
            self._kept.move_to_end(change.fabric)
            while sum(map(len, self._kept.values())) > MOST_KEPT:
                self._kept.popitem(last=False)

    def forget(self, fabric: str) -> None:
        """A change of this fabric may be in the file or not."""
        with self._lock:
            self._kept.pop(fabric, None)


def _row(fabric: str, key: ObjectKey) -> dict[str, str]:
    return {"of": fabric, "at_kind": key.kind, "at_namespace": key.namespace, "at_name": key.name}


def _upsert(table: Table) -> Insert:
    statement = insert(table).values(
        fabric=bindparam("of"),
        kind=bindparam("at_kind"),
        namespace=bindparam("at_namespace"),
        name=bindparam("at_name"),
        # Encoded already: the column's own type would do it while others wait.
        value=bindparam("text", type_=Text()),
    )
    return statement.on_conflict_do_update(
        index_elements=[*table.primary_key], set_={"value": statement.excluded.value}
    )


def _delete(table: Table) -> Delete:
    columns = table.c
    return delete(table).where(
        columns.fabric == bindparam("of"),
        columns.kind == bindparam("at_kind"),
        columns.namespace == bindparam("at_namespace"),
        columns.name == bindparam("at_name"),
    )
