"""Durable requests and deliveries."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from reconciler.model.requests import RequestState
from reconciler.plan.commit_status import of_request
from reconciler.store.connection import is_of_the_file
from reconciler.store.grouping import Grouped
from reconciler.store.outbox import StatusPart
from reconciler.store.rows import ensure_fabrics, save_requests, values_of
from reconciler.store.schema import deliveries, fabrics, requests, webhooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.dialects.sqlite import Insert

    from reconciler.model.requests import Delivery, Request
    from reconciler.ports import Clock
    from reconciler.store.connection import Database


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What `ports.Requests.accept` is given."""

    requests: Sequence[Request]
    delivery: Delivery | None
    seen: Sequence[str]

    @property
    def key(self) -> tuple[str, str] | None:
        return (self.delivery.provider, self.delivery.id) if self.delivery else None


class RequestPart(StatusPart):
    """Implements `ports.Requests`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._arrivals = Grouped(self._accept, is_of_the_file)

    def accept(
        self,
        requests: Sequence[Request],
        delivery: Delivery | None = None,
        seen: Sequence[str] = (),
    ) -> Sequence[str] | None:
        return self._arrivals.add(_Arrival(requests, delivery, seen))

    def _accept(self, arrivals: Sequence[_Arrival]) -> Sequence[Sequence[str] | None]:
        """Store arrivals in one transaction; for each None, or the ids of its first arrival's requests."""
        now = self._clock.now()
        with self._database.writing() as connection:
            known = _known(connection, [arrival.key for arrival in arrivals if arrival.key])
            answers, fresh = _sort_out(arrivals, known)
            _remember(connection, fresh, now)
            accepted = [request for arrival in fresh for request in arrival.requests]
            ensure_fabrics(connection, {request.fabric for request in accepted})
            save_requests(connection, accepted, now)
            self._note(connection, *map(of_request, accepted))
            _announce(connection, accepted)
            _mark_verified(connection, {repository for arrival in fresh for repository in arrival.seen}, now)
        self._on_change()
        return answers

    def delivered(self, provider: str, delivery_id: str) -> Sequence[str] | None:
        with self._database.reading() as connection:
            return _known(connection, [(provider, delivery_id)]).get((provider, delivery_id))

    def mark_verified(self, repositories: Sequence[str]) -> None:
        now = self._clock.now()
        with self._database.writing() as connection:
            _mark_verified(connection, set(repositories), now)

    def request(self, request_id: str) -> Request | None:
        return next(iter(self.requests([request_id])), None)

    def requests(self, ids: Iterable[str]) -> Sequence[Request]:
        """In the order of `ids`; those that are not known are left out."""
        wanted = list(ids)
        with self._database.reading() as connection:
            found = {request.id: request for request in _by_id(connection, wanted)}
        return [found[request_id] for request_id in wanted if request_id in found]

    def unfinished(self) -> Sequence[Request]:
        with self._database.reading() as connection:
            return _unfinished(connection)

    def set_state(self, ids: Sequence[str], state: RequestState, pass_id: str | None = None) -> None:
        with self._database.writing() as connection:
            found = _by_id(connection, ids)
            open_ = filter(_is_open, found)
            self._save(connection, [replace(r, state=state, pass_id=pass_id or r.pass_id) for r in open_])
        self._on_change()

    def end(self, ids: Sequence[str], reason: str, message: str) -> None:
        with self._database.writing() as connection:
            found = _by_id(connection, ids)
            open_ = filter(_is_open, found)
            ended = [replace(r, state=RequestState.SUPERSEDED, reason=reason, message=message) for r in open_]
            self._save(connection, ended)
        self._on_change()

    def _save(self, connection: Connection, moved: Sequence[Request]) -> None:
        save_requests(connection, moved, self._clock.now())
        self._note(connection, *map(of_request, moved))


def _is_open(request: Request) -> bool:
    """Whether its end is yet to come: one that has ended stays as it ended."""
    return not request.state.is_terminal


def _sort_out(
    arrivals: Sequence[_Arrival], known: Mapping[tuple[str, str], Sequence[str]]
) -> tuple[list[Sequence[str] | None], list[_Arrival]]:
    """The answers to arrivals, and those that are new. A delivery may arrive twice in one group."""
    found = dict(known)
    answers: list[Sequence[str] | None] = []
    fresh = []
    for arrival in arrivals:
        first = found.get(arrival.key) if arrival.key else None
        answers.append(first)
        if first is None:
            fresh.append(arrival)
            if arrival.key:
                found[arrival.key] = tuple(request.id for request in arrival.requests)
    return answers, fresh


def _known(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Sequence[str]]:
    """The ids of the requests of each delivery that was stored before."""
    by_provider: dict[str, list[str]] = {}
    for provider, delivery_id in keys:
        by_provider.setdefault(provider, []).append(delivery_id)
    return {
        (provider, row.id): row.requests
        for provider, ids in by_provider.items()
        for row in connection.execute(_DELIVERED, {"of": provider, "ids": json.dumps(ids)})
    }


def _remember(connection: Connection, arrivals: Iterable[_Arrival], now: datetime) -> None:
    rows = [
        {
            "provider": arrival.delivery.provider,
            "id": arrival.delivery.id,
            "received": now,
            "requests": tuple(request.id for request in arrival.requests),
        }
        for arrival in arrivals
        if arrival.delivery
    ]
    if rows:
        connection.execute(_REMEMBER, rows)


def _by_id(connection: Connection, ids: Iterable[str]) -> Sequence[Request]:
    return connection.execute(select(requests.c.request).where(requests.c.id.in_(values_of(ids)))).scalars().all()


def _unfinished(connection: Connection) -> Sequence[Request]:
    statement = select(requests.c.request).where(requests.c.ended.is_(None)).order_by(requests.c.sequence)
    return connection.execute(statement).scalars().all()


def _announce(connection: Connection, accepted: Iterable[Request]) -> None:
    """From now on the fabric is not in sync until the announced commit, the last one of several, is applied. One that
    is applied already does not hide another that is not.
    """
    announced: dict[str, dict[str, None]] = {}
    for request in accepted:
        if request.commit and request.revision:
            revisions = announced.setdefault(request.fabric, {})
            revisions.pop(request.revision, None)
            revisions[request.revision] = None
    # Of the last two, one at least is not applied.
    rows = [{"of": fabric, "announced": one} for fabric, revisions in announced.items() for one in list(revisions)[-2:]]
    if rows:
        connection.execute(_ANNOUNCE, rows)


def _mark_verified(connection: Connection, repositories: Iterable[str], now: datetime) -> None:
    times = {"last_received": now, "last_verified": now}
    # What polls found without it is no reproach any more.
    silence = {"silent_since": None, "last_unannounced": None, "unannounced": None}
    rows = [{"repository": repository, **times, **silence} for repository in repositories]
    if rows:
        connection.execute(_SAVE_WEBHOOKS, rows)


def _webhooks_upsert() -> Insert:
    statement = upsert(webhooks)
    changed = {column.name: column for column in statement.excluded if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=[webhooks.c.repository], set_=changed)


# Built once: building them takes longer than running them, and every delivery does.
_DELIVERED = select(deliveries.c.id, deliveries.c.requests).where(
    deliveries.c.provider == bindparam("of"),
    deliveries.c.id.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value)),
)
_REMEMBER = insert(deliveries)
_ANNOUNCE = (
    update(fabrics)
    .where(
        fabrics.c.name == bindparam("of"),
        func.json_extract(fabrics.c.record, "$.applied_revision").is_distinct_from(bindparam("announced")),
    )
    .values(desired_revision=bindparam("announced"))
)
_SAVE_WEBHOOKS = _webhooks_upsert()
