"""Durable requests and deliveries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from reconciler.model.requests import RequestState
from reconciler.store.rows import Part, ensure_fabrics, save_requests, values_of
from reconciler.store.schema import deliveries, fabrics, requests, webhooks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from reconciler.model.requests import Delivery, Request


class RequestPart(Part):
    """Implements `ports.Requests`."""

    def accept(
        self,
        requests: Sequence[Request],
        delivery: Delivery | None = None,
        seen: Sequence[str] = (),
    ) -> Sequence[str] | None:
        now = self._clock.now()
        with self._database.writing() as connection:
            if delivery is not None:
                known = _delivered(connection, delivery.provider, delivery.id)
                if known is not None:
                    return known
                _remember(connection, delivery, requests, now)
            ensure_fabrics(connection, {request.fabric for request in requests})
            save_requests(connection, requests, now)
            _announce(connection, requests)
            _mark_verified(connection, seen, now)
        return None

    def delivered(self, provider: str, delivery_id: str) -> Sequence[str] | None:
        with self._database.reading() as connection:
            return _delivered(connection, provider, delivery_id)

    def mark_verified(self, repositories: Sequence[str]) -> None:
        now = self._clock.now()
        with self._database.writing() as connection:
            _mark_verified(connection, repositories, now)

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
            moved = [replace(r, state=state, pass_id=pass_id or r.pass_id) for r in found]
            save_requests(connection, moved, self._clock.now())

    def supersede(self, fabrics: Sequence[str], message: str) -> None:
        kept = set(fabrics)
        with self._database.writing() as connection:
            ended = [
                replace(request, state=RequestState.SUPERSEDED, reason="Superseded", message=message)
                for request in _unfinished(connection)
                if request.fabric not in kept
            ]
            save_requests(connection, ended, self._clock.now())

    def end(self, ids: Sequence[str], reason: str, message: str) -> None:
        with self._database.writing() as connection:
            found = _by_id(connection, ids)
            ended = [replace(r, state=RequestState.SUPERSEDED, reason=reason, message=message) for r in found]
            save_requests(connection, ended, self._clock.now())


def _delivered(connection: Connection, provider: str, delivery_id: str) -> Sequence[str] | None:
    where = (deliveries.c.provider == provider) & (deliveries.c.id == delivery_id)
    return connection.execute(select(deliveries.c.requests).where(where)).scalar_one_or_none()


def _remember(connection: Connection, delivery: Delivery, accepted: Sequence[Request], now: datetime) -> None:
    ids = tuple(request.id for request in accepted)
    values = {"provider": delivery.provider, "id": delivery.id, "received": now, "requests": ids}
    connection.execute(insert(deliveries).values(**values))


def _by_id(connection: Connection, ids: Iterable[str]) -> Sequence[Request]:
    return connection.execute(select(requests.c.request).where(requests.c.id.in_(values_of(ids)))).scalars().all()


def _unfinished(connection: Connection) -> Sequence[Request]:
    statement = select(requests.c.request).where(requests.c.ended.is_(None)).order_by(requests.c.sequence)
    return connection.execute(statement).scalars().all()


def _announce(connection: Connection, accepted: Sequence[Request]) -> None:
    """From now on the fabric is not in sync until the announced commit is applied."""
    for request in accepted:
        if request.commit is not None and request.revision is not None:
            where = fabrics.c.name == request.fabric
            connection.execute(update(fabrics).where(where).values(desired_revision=request.revision))


def _mark_verified(connection: Connection, repositories: Sequence[str], now: datetime) -> None:
    for repository in repositories:
        # What polls found without it is no reproach any more.
        silence = {"silent_since": None, "last_unannounced": None, "unannounced": None}
        times = {"last_received": now, "last_verified": now, **silence}
        statement = upsert(webhooks).values(repository=repository, **times)
        connection.execute(statement.on_conflict_do_update(index_elements=[webhooks.c.repository], set_=times))
