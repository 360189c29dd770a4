"""What a pass reads of the past, and where it ends."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from sys import intern
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.passes import InventoryEntry, ObjectState
from reconciler.model.revision import Revision
from reconciler.model.status import FabricRecord
from reconciler.plan.commit_status import of_begun, of_pass, of_request
from reconciler.store.approvals import spend
from reconciler.store.codec import Codec
from reconciler.store.outbox import StatusPart
from reconciler.store.per_object import Change, PerObject
from reconciler.store.rows import ensure_fabrics, fabric_record, save_requests, values_of
from reconciler.store.schema import fabrics, inventory, objects, passes, requests, webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from reconciler.model.objects import ObjectKey
    from reconciler.model.status import PassResult
    from reconciler.ports import Clock
    from reconciler.store.connection import Database


class PassPart(StatusPart):
    """Implements `ports.PassState`, but for what is kept of NetBox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._inventory = PerObject(database, inventory, Codec(InventoryEntry), _compact)
        self._objects = PerObject(database, objects, Codec(ObjectState), lambda state: state)
        self._turn = Lock()
        """Held by a pass from its look at what is stored until its own end is."""

    def fabric(self, name: str) -> FabricRecord:
        with self._database.reading() as connection:
            row = connection.execute(select(fabrics).where(fabrics.c.name == name)).one_or_none()
        return FabricRecord(name) if row is None else fabric_record(row)

    def inventory(self, fabric: str) -> Mapping[ObjectKey, InventoryEntry]:
        return dict(self._inventory.values(fabric))

    def objects(self, fabric: str) -> Sequence[ObjectState]:
        """By kind, namespace and name."""
        return list(self._objects.values(fabric).values())

    def remember(self, fabric: str, inventory: Mapping[ObjectKey, InventoryEntry]) -> None:
        with self._writing(fabric, inventory, None) as connection:
            ensure_fabrics(connection, [fabric])

    def begin(self, fabric: str, revision: str) -> None:
        if self._repository_of(fabric) is None:
            return
        with self._database.writing() as connection:
            self._note(connection, of_begun(fabric, revision))
        self._on_change()

    def checkpoint(self, result: PassResult) -> None:
        name, desired = result.fabric.name, result.fabric.desired_revision
        with self._writing(name, result.inventory, result.objects) as connection:
            ensure_fabrics(connection, [name])
            announced = _announced(connection, result)
            known = fabrics.update().where(fabrics.c.name == name)
            connection.execute(known.values(desired_revision=announced or desired))
            if announced is None:
                _note_unannounced(connection, result)
            _spend(connection, result)

    def record_pass(self, result: PassResult) -> None:
        record = result.record
        with self._writing(result.fabric.name, result.inventory, result.objects) as connection:
            if not _write_fabric(connection, result):
                _note_unannounced(connection, result)
            connection.execute(
                insert(passes).values(id=record.id, fabric=record.fabric, finished=record.finished, record=record),
            )
            save_requests(connection, result.requests, self._clock.now())
            self._note_end(connection, result)
            _spend(connection, result)
        self._on_change()

    def _note_end(self, connection: Connection, result: PassResult) -> None:
        """What the pass means to the commits that were announced, and to the one that it read."""
        self._note(connection, *map(of_request, result.requests))
        status = of_pass(result.record)
        if status is not None:
            if result.found is not None:
                # What others pushed, and our own commit lies on.
                self._note(connection, replace(status, commit=Revision.parse(result.found).commit))
            self._note(connection, status)
            self._supersede(connection, status.fabric, status.commit)

    @contextmanager
    def _writing(
        self,
        name: str,
        inventory: Mapping[ObjectKey, InventoryEntry] | None,
        objects: Sequence[ObjectState] | None,
    ) -> Iterator[Connection]:
        """A transaction of a pass. What differs of inventory and objects is written at its end, and found out and
        encoded before it begins: of thousands of objects that takes long, and deliveries wait for the file.
        """
        with self._turn:
            changes = list(self._changes(name, inventory, objects))
            try:
                with self._database.writing() as connection:
                    yield connection
                    for table, change in changes:
                        table.write(connection, change)
            except BaseException:
                for table, _ in changes:
                    table.forget(name)
                raise
            for table, change in changes:
                table.keep(change)

    def _changes(
        self,
        fabric: str,
        inventory: Mapping[ObjectKey, InventoryEntry] | None,
        objects: Sequence[ObjectState] | None,
    ) -> Iterator[tuple[PerObject[Any], Change[Any]]]:
        if inventory is not None:
            yield self._inventory, self._inventory.change(fabric, inventory)
        if objects is not None:
            yield self._objects, self._objects.change(fabric, {state.key: state for state in objects})


def _spend(connection: Connection, result: PassResult) -> None:
    if result.spent is not None:
        spend(connection, result.fabric.name, result.spent)


def _compact(entry: InventoryEntry) -> InventoryEntry:
    return replace(entry, paths=_shared(entry.paths))


@lru_cache(maxsize=1000)
def _shared(paths: frozenset[str]) -> frozenset[str]:
    """The same for every object that has these paths: objects of a kind are alike."""
    return frozenset(map(intern, paths))


def _write_fabric(connection: Connection, result: PassResult) -> bool:
    """Write the record, but for what others may have written since the pass began; see `ports.PassState`. Whether a
    push announced a revision meanwhile.
    """
    record = result.fabric
    where = fabrics.c.name == record.name
    if connection.execute(select(fabrics.c.name).where(where)).one_or_none() is None:
        values = {"name": record.name, "next_poll": record.next_poll, "effective_interval": record.effective_interval}
        connection.execute(
            insert(fabrics).values(**values, desired_revision=record.desired_revision, record=record),
        )
        return False
    announced = _announced(connection, result)
    desired = announced or record.desired_revision
    connection.execute(fabrics.update().where(where).values(desired_revision=desired, record=record))
    return announced is not None


def _announced(connection: Connection, result: PassResult) -> str | None:
    """The revision that pushes announced which the pass knew nothing of: the last one that is not applied, if any.

    Told by their requests and not by what is desired: that may have come back to what it was.
    """
    commit, revision = (func.json_extract(requests.c.request, f"$.{name}") for name in ("commit", "revision"))
    is_ours = requests.c.id.in_(values_of(result.regarded))
    statement = select(revision).where(
        requests.c.fabric == result.fabric.name, requests.c.ended.is_(None), commit.is_not(None), ~is_ours
    )
    is_applied = revision.is_not_distinct_from(result.fabric.applied_revision)
    found: str | None = connection.execute(statement.order_by(is_applied, requests.c.sequence.desc()).limit(1)).scalar()
    return found


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
