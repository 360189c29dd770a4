"""The poll's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from reconciler.model.status import WebhookRecord
from reconciler.store.rows import Part, ensure_fabrics
from reconciler.store.schema import fabrics, webhooks

if TYPE_CHECKING:
    from datetime import datetime


class SchedulePart(Part):
    """Implements `ports.Schedule`."""

    def schedule_poll(self, fabric: str, due: datetime, interval: float) -> None:
        with self._database.writing() as connection:
            ensure_fabrics(connection, [fabric])
            where = fabrics.c.name == fabric
            connection.execute(update(fabrics).where(where).values(next_poll=due, effective_interval=interval))

    def webhook(self, repository: str) -> WebhookRecord:
        with self._database.reading() as connection:
            row = connection.execute(select(webhooks).where(webhooks.c.repository == repository)).one_or_none()
        return WebhookRecord(repository) if row is None else WebhookRecord(*row)
