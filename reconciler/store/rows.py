"""What the parts of the store share: rows of fabrics, of objects and of requests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.status import FabricRecord
from reconciler.store.schema import fabrics, requests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Row, Select
    from sqlalchemy.dialects.sqlite import Insert

    from reconciler.model.requests import Request
    from reconciler.ports import Clock
    from reconciler.store.connection import Database


def _requests_upsert() -> Insert:
    statement = insert(requests)
    return statement.on_conflict_do_update(
        index_elements=[requests.c.id],
        set_={"ended": statement.excluded.ended, "request": statement.excluded.request},
        where=requests.c.ended.is_(None),
    )


# Built once: building these takes longer than running them, and every delivery does.
_INSERT_FABRICS = insert(fabrics).on_conflict_do_nothing()
_SAVE_REQUESTS = _requests_upsert()


class Part:
    """One port of the store, on the common file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock


def values_of(names: Iterable[str | int]) -> Select[tuple[Any]]:
    """The values, for `in_`. One parameter, however many there are: SQLite limits the number of parameters."""
    return select(func.json_each(json.dumps(list(names))).table_valued("value").c.value)


def fabric_record(row: Row[Any]) -> FabricRecord:
    record: FabricRecord = row.record
    return replace(
        record,
        desired_revision=row.desired_revision,
        next_poll=row.next_poll,
        effective_interval=row.effective_interval,
    )


def ensure_fabrics(connection: Connection, names: Iterable[str]) -> None:
    """Give every fabric a row, a fresh one where it has none."""
    rows = [
        {"name": name, "effective_interval": FabricRecord(name).effective_interval, "record": FabricRecord(name)}
        for name in names
    ]
    if rows:
        connection.execute(_INSERT_FABRICS, rows)


def save_requests(connection: Connection, changed: Iterable[Request], now: datetime) -> None:
    """Write requests, known or new. One that has ended stays as it ended, whatever comes later."""
    rows = [
        {"id": r.id, "fabric": r.fabric, "ended": now if r.state.is_terminal else None, "request": r} for r in changed
    ]
    if rows:
        connection.execute(_SAVE_REQUESTS, rows)
