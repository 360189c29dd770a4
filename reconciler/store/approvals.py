"""Which plan of each fabric was approved, and not carried out yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.status import Approval
from reconciler.store.rows import Part
from reconciler.store.schema import approvals

if TYPE_CHECKING:
    from sqlalchemy import Connection


class ApprovalPart(Part):
    """Implements `ports.Approvals`."""

    def approval(self, fabric: str) -> Approval | None:
        with self._database.reading() as connection:
            row = connection.execute(select(approvals).where(approvals.c.fabric == fabric)).one_or_none()
        return None if row is None else Approval(row.hash, row.since, row.by)

    def approve(self, fabric: str, plan_hash: str, by: str | None) -> Approval:
        approval = Approval(plan_hash, self._clock.now(), by)
        said = {"hash": approval.hash, "since": approval.since, "by": approval.by}
        statement = insert(approvals).values(fabric=fabric, **said)
        with self._database.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=[approvals.c.fabric], set_=said))
        return approval


def spend(connection: Connection, fabric: str, plan_hash: str) -> None:
    """End the approval of this plan; one that was given to another plan meanwhile stays."""
    connection.execute(delete(approvals).where(approvals.c.fabric == fabric, approvals.c.hash == plan_hash))
