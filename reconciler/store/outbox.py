"""What forges are to be told of commits: written in the transaction of what it speaks of, so that no end is forgotten.

There is a row for each fabric and commit, with the newest state alone: what a later one replaced is never sent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Boolean, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from reconciler.model.commit_status import CommitStatus, OwedStatus, StatusState
from reconciler.plan.commit_status import is_news
from reconciler.store.rows import Part, values_of
from reconciler.store.schema import commit_statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from reconciler.ports import Clock
    from reconciler.store.connection import Database

log = structlog.get_logger("statuses")

MOST = 10_000
"""Changes of statuses that are remembered. What changed before them is forgotten, told or not: a forge that is away for
so long gets what is newest.
"""

LONGEST_MESSAGE = 500
"""Characters of a message that are kept: forges show fewer."""

_NO_MORE = "the fabric is no longer configured or enabled"


class StatusPart(Part):
    """Implements `status.commit_status.Outbox`, and takes in what the other parts of the store note."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._repository_of: Callable[[str], str | None] = lambda _: None
        self._on_change: Callable[[], None] = lambda: None
        with database.reading() as connection:
            self._told = set(connection.execute(select(commit_statuses.c.fabric).distinct()).scalars())
            """Fabrics with a row. Of others that have no forge nothing need be looked up."""

    def tell_statuses(self, repository_of: Callable[[str], str | None], on_change: Callable[[], None]) -> None:
        """From now on note the statuses of those fabrics for which there is a repository (its name) with a forge;
        `on_change` is called, in any thread, when some may be owed. Both must not block.
        """
        self._repository_of, self._on_change = repository_of, on_change

    def owing_repositories(self) -> set[str]:
        """Those of whose commits something is to be told."""
        statement = select(commit_statuses.c.repository).where(commit_statuses.c.is_owed).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(statement).scalars())

    def owed_statuses(self, repository: str, limit: int) -> Sequence[OwedStatus]:
        """Those that changed first."""
        table = commit_statuses
        where = table.c.is_owed & (table.c.repository == repository)
        statement = select(table.c.sequence, table.c.status).where(where).order_by(table.c.sequence).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(statement).all()
        return [OwedStatus(repository, row.sequence, row.status) for row in rows]

    def settle_status(self, sequence: int) -> None:
        """The forge has what changed so, or will never take it. What changed meanwhile has another number."""
        settled = update(commit_statuses).where(commit_statuses.c.sequence == sequence).values(is_owed=False)
        with self._database.writing() as connection:
            connection.execute(settled)

    def keep_statuses(self, repositories: Iterable[str], fabrics: Iterable[str]) -> None:
        """Forget what is for other repositories than these; and end what no pass will, since its fabric is none of
        these.
        """
        with self._database.writing() as connection:
            connection.execute(
                delete(commit_statuses).where(commit_statuses.c.repository.not_in(values_of(repositories)))
            )
            self._end(connection, commit_statuses.c.fabric.not_in(values_of(fabrics)), _NO_MORE)

    def _note(self, connection: Connection, *statuses: CommitStatus | None) -> None:
        """Store what is news, in the transaction of what it speaks of."""
        for status in statuses:
            repository = self._repository_of(status.fabric) if status else None
            if status is not None and (repository is not None or status.fabric in self._told):
                self._note_one(connection, status, repository)

    def _note_one(self, connection: Connection, status: CommitStatus, repository: str | None) -> None:
        known = _known(connection, status)
        before = known[1] if known else None
        # Of a fabric that left the configuration only what was begun is told: its end.
        where = repository or (known[0] if known else None)
        if where is None or not is_news(before, status):
            return
        if before is not None and status.state is StatusState.RUNNING:
            status = replace(status, is_of_request=status.is_of_request or before.is_of_request)
        _save(connection, replace(status, message=(status.message or "")[:LONGEST_MESSAGE] or None), where)
        self._told.add(status.fabric)

    def _supersede(self, connection: Connection, fabric: str, commit: str) -> None:
        """End what passes began over other commits, and did not end: a crash came between, and the branch moved on."""
        if fabric in self._told:
            others = (commit_statuses.c.fabric == fabric) & (commit_statuses.c.commit != commit)
            self._end(connection, others, f"superseded by {commit}")

    def _end(self, connection: Connection, where: object, message: str) -> None:
        # What a push asked for ends with its request.
        open_ = func.json_extract(commit_statuses.c.status, "$.state") == StatusState.RUNNING.value
        is_asked_for = func.json_extract(commit_statuses.c.status, "$.is_of_request", type_=Boolean)
        statement = select(commit_statuses).where(where, open_, ~is_asked_for)  # type: ignore[arg-type]
        for row in connection.execute(statement).all():
            ended = replace(row.status, state=StatusState.SUPERSEDED, reason="Superseded", message=message)
            _save(connection, ended, row.repository)


def _known(connection: Connection, status: CommitStatus) -> tuple[str, CommitStatus] | None:
    """The repository and the status that is stored."""
    table = commit_statuses
    where = (table.c.fabric == status.fabric) & (table.c.commit == status.commit)
    row = connection.execute(select(table.c.repository, table.c.status).where(where)).one_or_none()
    return None if row is None else (row.repository, row.status)


def _save(connection: Connection, status: CommitStatus, repository: str) -> None:
    table = commit_statuses
    last = connection.execute(select(func.max(table.c.sequence))).scalar() or 0
    values = {"repository": repository, "sequence": last + 1, "is_owed": True, "status": status}
    statement = insert(table).values(fabric=status.fabric, commit=status.commit, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[table.c.fabric, table.c.commit], set_=values))
    beyond = delete(table).where(table.c.sequence <= last + 1 - MOST).returning(table.c.is_owed)
    if any(connection.execute(beyond).scalars().all()):
        log.warning("a commit status was forgotten before it could be sent", repository=repository)
