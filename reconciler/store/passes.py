"""What a pass reads of the past, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.objects import ObjectKey
from reconciler.model.status import FabricRecord
from reconciler.store.rows import Part, ensure_fabrics, fabric_record, replace_objects, save_requests
from reconciler.store.schema import fabrics, inventory, objects, passes, webhooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from reconciler.model.passes import InventoryEntry
    from reconciler.model.status import PassResult


class PassPart(Part):
    """Implements `ports.PassState`."""

    def fabric(self, name: str) -> FabricRecord:
        with self._database.reading() as connection:
            row = connection.execute(select(fabrics).where(fabrics.c.name == name)).one_or_none()
        return FabricRecord(name) if row is None else fabric_record(row)

    def inventory(self, fabric: str) -> Mapping[ObjectKey, InventoryEntry]:
        with self._database.reading() as connection:
            rows = connection.execute(select(inventory).where(inventory.c.fabric == fabric)).all()
        return {ObjectKey(row.kind, row.namespace, row.name): row.value for row in rows}

    def checkpoint(self, result: PassResult) -> None:
        name, desired = result.fabric.name, result.fabric.desired_revision
        was_announced = fabrics.c.desired_revision.is_distinct_from(result.desired_before)
        with self._database.writing() as connection:
            ensure_fabrics(connection, [name])
            known = fabrics.update().where(fabrics.c.name == name, ~was_announced)
            if connection.execute(known.values(desired_revision=desired)).rowcount:
                _note_unannounced(connection, result)
            _write_objects(connection, result)

    def record_pass(self, result: PassResult) -> None:
        record = result.record
        with self._database.writing() as connection:
            if not _write_fabric(connection, result):
                _note_unannounced(connection, result)
            connection.execute(
                insert(passes).values(id=record.id, fabric=record.fabric, finished=record.finished, record=record),
            )
            _write_objects(connection, result)
            save_requests(connection, result.requests, self._clock.now())


def _write_objects(connection: Connection, result: PassResult) -> None:
    name = result.fabric.name
    if result.inventory is not None:
        replace_objects(connection, inventory, name, result.inventory)
    if result.objects is not None:
        replace_objects(connection, objects, name, {state.key: state for state in result.objects})


def _write_fabric(connection: Connection, result: PassResult) -> bool:
    """Write the record, but for what others may have written since the pass began; see `ports.PassState`. Whether a
    push announced a revision meanwhile.
    """
    record = result.fabric
    where = fabrics.c.name == record.name
    stored = connection.execute(select(fabrics.c.desired_revision).where(where)).one_or_none()
    if stored is None:
        values = {"name": record.name, "next_poll": record.next_poll, "effective_interval": record.effective_interval}
        connection.execute(
            insert(fabrics).values(**values, desired_revision=record.desired_revision, record=record),
        )
        return False
    was_announced = bool(stored.desired_revision != result.desired_before)
    desired = stored.desired_revision if was_announced else record.desired_revision
    connection.execute(fabrics.update().where(where).values(desired_revision=desired, record=record))
    return was_announced


def _note_unannounced(connection: Connection, result: PassResult) -> None:
    """Remember what no push announced before the pass or during it."""
    found, now = result.unannounced, result.record.finished
    if found is None:
        return
    statement = insert(webhooks).values(
        repository=found.repository, silent_since=now, last_unannounced=now, unannounced=found.revision
    )
    upsert = statement.on_conflict_do_update(
        index_elements=[webhooks.c.repository],
        set_={
            "silent_since": func.coalesce(webhooks.c.silent_since, statement.excluded.silent_since),
            "last_unannounced": statement.excluded.last_unannounced,
            "unannounced": statement.excluded.unannounced,
        },
    )
    connection.execute(upsert)
