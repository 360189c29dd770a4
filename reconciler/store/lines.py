"""What is kept of the records in NetBox that we wrote."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.netbox import Ref
from reconciler.store.rows import Part, ensure_fabrics
from reconciler.store.schema import netbox_lines, netbox_places

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

_AT_ONCE = 10_000
"""Lines of one transaction: deliveries wait for the file meanwhile."""

_ROW = netbox_lines.c
_INSERT = insert(netbox_lines)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=[*netbox_lines.primary_key], set_={"line": _INSERT.excluded.line}
)
_DELETE = delete(netbox_lines).where(
    _ROW.fabric == bindparam("of"), _ROW.model == bindparam("at_model"), _ROW.key == bindparam("at_key")
)


class LinesPart(Part):
    """Implements `lines` and `keep_lines` of `ports.PassState`."""

    def lines(self, fabric: str, place: str) -> Mapping[Ref, str]:
        with self._database.reading() as connection:
            if _place(connection, fabric) != place:
                return {}
            rows = connection.execute(select(_ROW.model, _ROW.key, _ROW.line).where(_ROW.fabric == fabric))
            return {Ref(model, key): line for model, key, line in rows}

    def keep_lines(self, fabric: str, place: str, changes: Mapping[Ref, str | None]) -> None:
        for some in _parts(changes):
            with self._database.writing() as connection:
                _move(connection, fabric, place)
                _write(connection, fabric, some)


def _parts(changes: Mapping[Ref, str | None]) -> Iterator[dict[Ref, str | None]]:
    remaining = iter(changes.items())
    while some := dict(islice(remaining, _AT_ONCE)):
        yield some


def _place(connection: Connection, fabric: str) -> str | None:
    found = select(netbox_places.c.place).where(netbox_places.c.fabric == fabric)
    return connection.execute(found).scalar_one_or_none()


def _move(connection: Connection, fabric: str, place: str) -> None:
    """Forget what was written to another place."""
    if _place(connection, fabric) == place:
        return
    ensure_fabrics(connection, [fabric])
    connection.execute(delete(netbox_lines).where(_ROW.fabric == fabric))
    statement = insert(netbox_places).values(fabric=fabric, place=place)
    connection.execute(statement.on_conflict_do_update(index_elements=["fabric"], set_={"place": place}))


def _write(connection: Connection, fabric: str, changes: Mapping[Ref, str | None]) -> None:
    kept = [
        {"fabric": fabric, "model": ref.model, "key": ref.key, "line": line}
        for ref, line in changes.items()
        if line is not None
    ]
    gone = [{"of": fabric, "at_model": ref.model, "at_key": ref.key} for ref, line in changes.items() if line is None]
    if kept:
        connection.execute(_UPSERT, kept)
    if gone:
        connection.execute(_DELETE, gone)
