"""What the API and the command line read, and how long it is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, func, or_, select

from reconciler.store.rows import Part, fabric_record, values_of
from reconciler.store.schema import deliveries, fabrics, passes, requests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Select

    from reconciler.model.passes import PassRecord
    from reconciler.model.status import FabricRecord

MEMORY = timedelta(days=7)
"""How long a delivery's id and a request that ended are known: longer than any forge redelivers by itself."""

MOST = 5
"""Times the number of passes to keep, that passes over some objects may be, and passes over a whole fabric, however
young they are: an object that changes each second makes 86,400 passes a day, and must not push out the others.
"""


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
        with self._database.reading() as connection:
            # Looked for outside of the transaction that writes: it takes long, and deliveries wait for the file.
            gone = connection.execute(_beyond(now - keep_for, keep_passes)).scalars().all()
        with self._database.writing() as connection:
            connection.execute(delete(passes).where(passes.c.sequence.in_(values_of(gone))))
            connection.execute(delete(requests).where(requests.c.ended < now - MEMORY))
            connection.execute(delete(deliveries).where(deliveries.c.received < now - MEMORY))


def _beyond(oldest: datetime, keep: int) -> Select[Any]:
    """Passes that are too old and too many, or far too many."""
    newest = passes.c.sequence.desc()
    # What is not JSON would end the statement.
    scope = case((func.json_valid(passes.c.record), func.json_extract(passes.c.record, "$.scope")))
    ranked = select(
        passes.c.sequence,
        passes.c.finished,
        func.row_number().over(partition_by=passes.c.fabric, order_by=newest).label("rank"),
        func.row_number().over(partition_by=(passes.c.fabric, scope.is_(None)), order_by=newest).label("rank_of_sort"),
    ).subquery()
    is_old = and_(ranked.c.finished < oldest, ranked.c.rank > keep)
    return select(ranked.c.sequence).where(or_(is_old, ranked.c.rank_of_sort > MOST * max(keep, 1)))
