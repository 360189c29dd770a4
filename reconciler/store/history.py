"""What the API and the command line read, and how long it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from reconciler.store.rows import Part, fabric_record
from reconciler.store.schema import deliveries, fabrics, passes, requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.model.passes import PassRecord
    from reconciler.model.status import FabricRecord

MEMORY = timedelta(days=7)
"""How long a delivery's id and a request that ended are known: longer than any forge redelivers by itself."""


class HistoryPart(Part):
    """Implements `ports.History`, but for `objects`, which is that of `ports.PassState`."""

    def fabrics(self) -> Mapping[str, FabricRecord]:
        """Every fabric that was ever seen, also one that is no longer configured."""
        with self._database.reading() as connection:
            return {row.name: fabric_record(row) for row in connection.execute(select(fabrics))}

    def passes(self, fabric: str, limit: int = 100) -> Sequence[PassRecord]:
        statement = select(passes.c.record).where(passes.c.fabric == fabric)
        newest = statement.order_by(passes.c.sequence.desc()).limit(limit)
        with self._database.reading() as connection:
            return connection.execute(newest).scalars().all()

    def pass_(self, fabric: str, pass_id: str) -> PassRecord | None:
        where = (passes.c.fabric == fabric) & (passes.c.id == pass_id)
        with self._database.reading() as connection:
            return connection.execute(select(passes.c.record).where(where)).scalar_one_or_none()

    def prune(self, keep_for: timedelta, keep_passes: int, now: datetime) -> None:
        rank = func.row_number().over(partition_by=passes.c.fabric, order_by=passes.c.sequence.desc())
        ranked = select(passes.c.sequence, passes.c.finished, rank.label("rank")).subquery()
        old = select(ranked.c.sequence).where(ranked.c.finished < now - keep_for, ranked.c.rank > keep_passes)
        with self._database.writing() as connection:
            connection.execute(delete(passes).where(passes.c.sequence.in_(old)))
            connection.execute(delete(requests).where(requests.c.ended < now - MEMORY))
            connection.execute(delete(deliveries).where(deliveries.c.received < now - MEMORY))
