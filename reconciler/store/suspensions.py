"""Which fabrics are suspended: in the file, and in memory for those who ask often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.status import Suspension
from reconciler.store.rows import Part
from reconciler.store.schema import suspensions

if TYPE_CHECKING:
    from reconciler.ports import Clock
    from reconciler.store.connection import Database


class SuspensionPart(Part):
    """Implements `ports.Suspensions`. This process is the only writer of its file: memory is never outdated."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        with database.reading() as connection:
            rows = connection.execute(select(suspensions)).all()
        self._suspensions = {row.fabric: Suspension(row.since, row.reason, row.by) for row in rows}

    def suspension(self, fabric: str) -> Suspension | None:
        return self._suspensions.get(fabric)

    def suspend(self, fabric: str, reason: str | None, by: str | None = None) -> Suspension:
        now, why = self._clock.now(), {"reason": reason, "by": by}
        statement = insert(suspensions).values(fabric=fabric, since=now, **why)
        upsert = statement.on_conflict_do_update(index_elements=[suspensions.c.fabric], set_=why)
        with self._database.writing() as connection:
            connection.execute(upsert)
            row = connection.execute(select(suspensions).where(suspensions.c.fabric == fabric)).one()
        suspension = self._suspensions[fabric] = Suspension(row.since, row.reason, row.by)
        return suspension

    def resume(self, fabric: str) -> bool:
        with self._database.writing() as connection:
            connection.execute(delete(suspensions).where(suspensions.c.fabric == fabric))
        return self._suspensions.pop(fabric, None) is not None
