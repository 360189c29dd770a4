"""What receivers of notifications know of fabrics, and are still to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.store.rows import Part
from reconciler.store.schema import notifications

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.notifications import Followed

_INSERT = insert(notifications)
_SAVE = _INSERT.on_conflict_do_update(
    index_elements=[notifications.c.notification, notifications.c.fabric],
    set_={"followed": _INSERT.excluded.followed},
)


class NotificationPart(Part):
    """Implements `status.notifications.Ledger`."""

    def followed(self) -> Mapping[tuple[str, str], Followed]:
        """All, by the names of notification and fabric."""
        with self._database.reading() as connection:
            rows = connection.execute(select(notifications)).all()
        return {(row.notification, row.fabric): row.followed for row in rows}

    def save_followed(self, changes: Mapping[tuple[str, str], Followed | None]) -> None:
        """In one transaction; None forgets."""
        kept = [
            {"notification": notification, "fabric": fabric, "followed": followed}
            for (notification, fabric), followed in changes.items()
            if followed is not None
        ]
        gone = [key for key, followed in changes.items() if followed is None]
        with self._database.writing() as connection:
            if kept:
                connection.execute(_SAVE, kept)
            for notification, fabric in gone:
                where = (notifications.c.notification == notification) & (notifications.c.fabric == fabric)
                connection.execute(delete(notifications).where(where))
