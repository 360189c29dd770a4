"""Fakes of the ports that the web application stands on. They behave: what goes in through `FakeIntake` is seen
through `FakeStatus`, and ends when `FakeIntake.finish` says so.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from reconciler.errors import (
    FabricDisabledError,
    FabricNotSuspendedError,
    FabricSuspendedError,
    PlanChangedError,
    UnknownFabricError,
)
from reconciler.model.news import News, NewsKind
from reconciler.model.requests import Accepted, AcceptedRequest, Delivery, Receiver, Request, RequestState, Trigger
from reconciler.model.status import Health

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.json import JSONObject

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

EMPTY: JSONObject = {"nodes": [], "links": []}
"""A fabric without a device."""


@dataclass(frozen=True, slots=True)
class FakeFabric:
    """A fabric as far as the intake cares: which branch of which repository moves it."""

    name: str
    repository: str = "gitops"
    branch: str = "main"
    is_enabled: bool = True


@dataclass
class FakeIntake:
    """An `Intake` in memory. Set `failure` to have every call that touches the state raise it; `ends_as` to have
    requests end at once.
    """

    webhooks: Sequence[Receiver] = ()
    fabrics: Sequence[FakeFabric] = ()
    is_stopped: bool = False
    failure: Exception | None = None
    ends_as: RequestState | None = None
    own_writes: set[str] = field(default_factory=set)
    """Ids of the HTTP requests by which NetBox was changed by us."""
    requests: dict[str, Request] = field(default_factory=dict)
    suspended: dict[str, str | None] = field(default_factory=dict)
    """Why each suspended fabric is."""
    names: dict[str, str | None] = field(default_factory=dict)
    """Who suspended, resumed or approved last, by fabric."""
    approved: dict[str, str] = field(default_factory=dict)
    """The hash of the plan that was approved last, by fabric."""
    working: set[str] = field(default_factory=set)
    """Repositories of which a delivery has verified."""
    delivered: list[tuple[Delivery, tuple[str, ...]]] = field(default_factory=list)
    _answers: dict[tuple[str, str], Accepted] = field(default_factory=dict, init=False)
    _changed: anyio.Event | None = field(default=None, init=False)

    def receivers(self, provider: str) -> Sequence[Receiver]:
        return tuple(one for one in self.webhooks if one.provider == provider)

    def is_stopping(self) -> bool:
        return self.is_stopped

    async def known(self, provider: str, delivery_id: str) -> Accepted | None:
        self._fail()
        return self._first_answer(provider, delivery_id)

    async def deliver(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
        self._fail()
        again = self._first_answer(delivery.provider, delivery.id)
        if again is not None:
            return again
        self.delivered.append((delivery, tuple(repositories)))
        accepted = self._taken(delivery, repositories)
        if accepted.result == "accepted":
            self._answers[delivery.provider, delivery.id] = accepted
            self.working |= set(repositories)
        return accepted

    async def edited(self, delivery: Delivery, fabrics: Sequence[str]) -> Accepted:
        self._fail()
        again = self._first_answer(delivery.provider, delivery.id)
        if again is not None:
            return again
        self.delivered.append((delivery, tuple(fabrics)))
        if delivery.origin in self.own_writes:
            return Accepted("ignored", reason="our own write")
        owners = {key.partition("/")[0] for key in delivery.keys} & set(fabrics)
        named = [one for one in self.fabrics if one.name in owners and self._is_active(one)]
        if not named:
            return Accepted("ignored", reason="the record belongs to no fabric that is enabled")
        accepted = self._answers[delivery.provider, delivery.id] = self._queued(named, Trigger.NETBOX)
        return accepted

    async def verified(self, repositories: Sequence[str]) -> None:
        self._fail()
        self.working |= set(repositories)

    async def reconcile(self, fabric: str | None) -> Accepted:
        self._fail()
        if fabric is None:
            return self._queued(self.fabrics, Trigger.REQUEST)
        return self._queued([self._reconciled(fabric)], Trigger.REQUEST)

    async def approve_plan(self, fabric: str, plan_hash: str, by: str | None) -> Accepted:
        self._fail()
        named = self._reconciled(fabric)
        self.approved[fabric], self.names[fabric] = plan_hash, by
        return self._queued([named], Trigger.REQUEST)

    def _reconciled(self, fabric: str) -> FakeFabric:
        named = self._named(fabric)
        if not named.is_enabled:
            raise FabricDisabledError(f"the fabric {fabric} is disabled")
        if fabric in self.suspended:
            raise FabricSuspendedError(f"the fabric {fabric} is suspended")
        return named

    def _named(self, fabric: str) -> FakeFabric:
        for one in self.fabrics:
            if one.name == fabric:
                return one
        raise UnknownFabricError(f"no fabric {fabric} is configured")

    async def suspend_fabric(self, fabric: str, reason: str | None, by: str | None = None) -> None:
        self._fail()
        self._named(fabric)
        self.suspended[fabric], self.names[fabric] = reason, by
        for request in list(self.requests.values()):
            if request.fabric == fabric and request.state is RequestState.QUEUED:
                self.finish(request.id, RequestState.SUPERSEDED)

    async def resume_fabric(self, fabric: str, by: str | None = None) -> Accepted:
        self._fail()
        named = self._named(fabric)
        if fabric not in self.suspended:
            raise FabricNotSuspendedError(f"the fabric {fabric} is not suspended")
        del self.suspended[fabric]
        self.names[fabric] = by
        return self._queued([named], Trigger.REQUEST)

    def _is_active(self, fabric: FakeFabric) -> bool:
        return fabric.is_enabled and fabric.name not in self.suspended

    async def wait(self, requests: Sequence[str], seconds: float) -> bool:
        self._fail()
        with anyio.move_on_after(seconds):
            while not self._are_terminal(requests):
                self._changed = self._changed or anyio.Event()
                await self._changed.wait()
        return self._are_terminal(requests)

    def finish(self, request_id: str, state: RequestState = RequestState.SUCCEEDED) -> None:
        """End a request, as its pass would. Call it in the event loop when someone waits."""
        self.requests[request_id] = replace(self.requests[request_id], state=state)
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _first_answer(self, provider: str, delivery_id: str) -> Accepted | None:
        first = self._answers.get((provider, delivery_id))
        return None if first is None else replace(first, result="duplicate")

    def _taken(self, delivery: Delivery, repositories: Sequence[str]) -> Accepted:
        if all(update.is_deletion for update in delivery.updates):
            return Accepted("ignored", reason="the branch was deleted")
        moved = [
            one
            for one in self.fabrics
            if one.repository in repositories and delivery.update_of(f"refs/heads/{one.branch}").commit
        ]
        if not moved:
            return Accepted("ignored", reason="no fabric follows this branch")
        accepted = self._queued(moved, Trigger.PUSH, delivery)
        return accepted if accepted.requests else Accepted("ignored", reason="the fabrics are disabled")

    def _queued(self, fabrics: Iterable[FakeFabric], trigger: Trigger, delivery: Delivery | None = None) -> Accepted:
        chosen = tuple(fabrics)
        return Accepted(
            "accepted",
            requests=tuple(self._request(one, trigger, delivery) for one in chosen if self._is_active(one)),
            skipped=tuple(one.name for one in chosen if not self._is_active(one)),
        )

    def _request(self, fabric: FakeFabric, trigger: Trigger, delivery: Delivery | None) -> AcceptedRequest:
        waits = any(one.fabric == fabric.name and one.state is RequestState.QUEUED for one in self.requests.values())
        commit = delivery.update_of(f"refs/heads/{fabric.branch}").commit if delivery else None
        request = Request(f"r{len(self.requests) + 1}", fabric.name, trigger, EPOCH, commit=commit)
        self.requests[request.id] = request
        if self.ends_as is not None:
            self.finish(request.id, self.ends_as)
        return AcceptedRequest(request.id, fabric.name, "joined" if waits else "queued")

    def _are_terminal(self, requests: Sequence[str]) -> bool:
        return all(self.requests[one].state.is_terminal for one in requests)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeFollowing:
    """A `Following`. Made, and told news, in the event loop."""

    def __init__(self) -> None:
        self._news: list[News] = []
        self._is_over = False
        self._changed = anyio.Event()

    def tell(self, *news: News) -> None:
        self._news += news
        self._changed.set()

    def end(self) -> None:
        self._is_over = True
        self._changed.set()

    async def next(self) -> Sequence[News] | None:
        await self._changed.wait()
        if self._is_over:
            return None
        self._changed = anyio.Event()
        news, self._news = self._news, []
        return news


@dataclass
class FakeStatus:
    """A `Status` over a `FakeIntake`. `histories`, `objects` and `wirings` hold what a fabric's passes, resources and
    topology answer with; `failure` is raised by every call except `livez`. `followers` are those who follow now.
    """

    intake: FakeIntake = field(default_factory=FakeIntake)
    histories: dict[str, list[JSONObject]] = field(default_factory=dict)
    objects: dict[str, list[JSONObject]] = field(default_factory=dict)
    wirings: dict[str, JSONObject] = field(default_factory=dict)
    views: dict[str, JSONObject] = field(default_factory=dict)
    """What else the answer about a fabric holds."""
    details: JSONObject = field(default_factory=dict)
    """What else `healthz` says."""
    is_ready: bool = True
    failure: Exception | None = None
    followers: list[FakeFollowing] = field(default_factory=list)

    @contextmanager
    def follow(self, fabric: str | None) -> Iterator[FakeFollowing]:
        fabrics = [one for one in self.fabrics()["fabrics"] if fabric in {None, one["name"]}]
        following = FakeFollowing()
        following.tell(*(News(NewsKind.FABRIC, one["name"], json.dumps(one)) for one in fabrics))
        self.followers.append(following)
        try:
            yield following
        finally:
            self.followers.remove(following)

    def fabrics(self) -> JSONObject:
        self._fail()
        return {"fabrics": [self._fabric(one) for one in self.intake.fabrics]}

    def fabric(self, name: str) -> JSONObject | None:
        self._fail()
        return next((self._fabric(one) for one in self.intake.fabrics if one.name == name), None)

    def resources(self, name: str) -> JSONObject | None:
        return None if self.fabric(name) is None else {"resources": self.objects.get(name, [])}

    def topology(self, name: str) -> JSONObject | None:
        return None if self.fabric(name) is None else {"fabric": name, **self.wirings.get(name, EMPTY)}

    def passes(self, name: str) -> JSONObject | None:
        return None if self.fabric(name) is None else {"passes": self.histories.get(name, [])}

    def pass_(self, name: str, pass_id: str) -> JSONObject | None:
        self._fail()
        return next((one for one in self.histories.get(name, []) if one["id"] == pass_id), None)

    def request(self, request_id: str) -> JSONObject | None:
        self._fail()
        request = self.intake.requests.get(request_id)
        return None if request is None else _request_json(request)

    def livez(self) -> Health:
        return Health(is_ok=True, body={"status": "ok"})

    def readyz(self) -> Health:
        self._fail()
        return Health(self.is_ready, {"status": "ok" if self.is_ready else "failing"})

    def healthz(self) -> Health:
        ready = self.readyz()
        return Health(ready.is_ok, self.details | ready.body)

    def metrics(self) -> tuple[bytes, str]:
        self._fail()
        lines = f"reconciler_requests_total {len(self.intake.requests)}\n"
        return lines.encode(), "text/plain; version=0.0.4; charset=utf-8"

    def _fabric(self, fabric: FakeFabric) -> JSONObject:
        suspended = {
            "since": "2026-01-01T00:00:00Z",
            "reason": self.intake.suspended.get(fabric.name),
            "by": self.intake.names.get(fabric.name),
        }
        return self.views.get(fabric.name, {}) | {
            "name": fabric.name,
            "repository": fabric.repository,
            "enabled": fabric.is_enabled,
            "suspended": suspended if fabric.name in self.intake.suspended else None,
        }

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class FakePlans:
    """A `Plans` over a `FakeIntake`: `hashes` holds the hash of the present plan of each fabric, and a fabric that has
    none has nothing to do. `fetched` are the fabrics that were fetched for it; `failure` is raised by every call.
    """

    intake: FakeIntake = field(default_factory=FakeIntake)
    hashes: dict[str, str] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    views: dict[str, JSONObject] = field(default_factory=dict)
    """What else a fabric's plan holds."""
    failure: Exception | None = None

    def plan(self, fabric: str, *, is_fetching: bool = False) -> JSONObject:
        if self.failure is not None:
            raise self.failure
        if fabric not in {one.name for one in self.intake.fabrics}:
            raise UnknownFabricError(f"no fabric {fabric} is configured")
        if is_fetching:
            self.fetched.append(fabric)
        return {"fabric": fabric, "hash": self.hashes.get(fabric), "actions": []} | self.views.get(fabric, {})

    def named(self, fabric: str, beginning: str) -> str:
        present: str = self.plan(fabric)["hash"] or ""
        if not present.startswith(beginning):
            raise PlanChangedError(f"{beginning} is not the present plan of {fabric}")
        return present


def _request_json(request: Request) -> JSONObject:
    return {
        "id": request.id,
        "fabric": request.fabric,
        "trigger": request.trigger.value,
        "accepted": request.accepted.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "state": request.state.value,
        "outcome": request.outcome,
        "pass": request.pass_id,
        "revision": request.revision,
        "reason": request.reason,
        "message": request.message,
    }
