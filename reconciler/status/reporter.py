"""The reporter: the one view of everything for the API, the command line and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from reconciler import __version__
from reconciler.errors import StateError
from reconciler.model.passes import SyncState
from reconciler.model.status import ConnectionState, FabricRecord, Health
from reconciler.model.topology import Topology
from reconciler.plan.device_health import device_health
from reconciler.status import views
from reconciler.status.changes import Changes
from reconciler.status.health import ComponentState
from reconciler.status.metrics import Standing
from reconciler.status.sync_status import overdue_since
from reconciler.status.times import rfc3339
from reconciler.status.topology_view import topology_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from reconciler.model.agents import AgentStatus
    from reconciler.model.fabric import Fabric
    from reconciler.model.json import JSONObject
    from reconciler.model.news import Following
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import InventoryEntry, ObjectState
    from reconciler.model.requests import Request
    from reconciler.model.status import Suspension, WebhookRecord
    from reconciler.plan.device_health import DeviceHealth
    from reconciler.ports import Clock, History
    from reconciler.reconcile.progress import Running
    from reconciler.status.health import Components
    from reconciler.status.metrics import Metrics


class Memory(Protocol):
    """What the reporter reads from the store."""

    def request(self, request_id: str) -> Request | None: ...

    def webhook(self, repository: str) -> WebhookRecord: ...

    def suspension(self, fabric: str) -> Suspension | None: ...

    def inventory(self, fabric: str) -> Mapping[ObjectKey, InventoryEntry]: ...

    def probe(self) -> None:
        """Prove that the store can be written now. Raises StateError."""


class Activity(Protocol):
    """What the reporter reads from the queue."""

    def is_active(self, key: str) -> bool: ...

    def depth(self) -> int: ...

    def oldest(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Described:
    """What the configuration says: fabrics by name, the webhook provider of each repository (None: no webhook),
    warnings (key path, message), and the digest by which the configuration is known.
    """

    fabrics: Mapping[str, Fabric]
    providers: Mapping[str, str | None]
    warnings: tuple[tuple[str, str], ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glances:
    """What is known of a fabric at the moment and stored nowhere: `agents` are those that were listed last (None: they
    are not known); `progress` tells how many writes of a long pass are made, and of how many; `running` is the pass
    that goes on; `untold` tells by repository why its forge is not told; `notes` are further warnings: key path or
    subject, and message; `build` is what was installed when the process started (None: nobody recorded that);
    `wiring` tells how a fabric's devices are linked; `changes` has those who follow the fabrics; `hanging` tells by
    name what does not get on any more, with the details.
    """

    agents: Callable[[str], Sequence[AgentStatus] | None] = field(default=lambda _: None)
    progress: Callable[[str], tuple[int, int] | None] = field(default=lambda _: None)
    running: Callable[[str], Running | None] = field(default=lambda _: None)
    untold: Callable[[], Mapping[str, str]] = field(default=dict)
    notes: Callable[[], Iterable[tuple[str, str]]] = field(default=tuple)
    build: str | None = None
    wiring: Callable[[str], Topology] = field(default=lambda _: Topology())
    changes: Changes = field(default_factory=Changes)
    hanging: Callable[[], Mapping[str, str]] = field(default=dict)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the store says at one moment: the views of all fabrics; since when which is overdue; by repository with a
    webhook, what is to be said of its silence.
    """

    fabrics: Sequence[JSONObject] = ()
    overdue: Mapping[str, datetime] = field(default_factory=dict)
    silences: Mapping[str, str | None] = field(default_factory=dict)


class Reporter:
    """Implements `ports.Status`. Every method reads the store anew: nothing that is said is older than the question."""

    def __init__(
        self,
        described: Callable[[], Described],
        history: History,
        memory: Memory,
        activity: Activity,
        live: tuple[Components, Metrics, Clock],
        glances: Glances | None = None,
    ) -> None:
        self._described_now = described
        self._history = history
        self._memory = memory
        self._activity = activity
        self._components, self._metrics, self._clock = live
        self._glances = glances or Glances()
        self._glances.changes.look_at(self.fabrics)
        self._received: dict[str, datetime] = {}
        """When the last delivery of each provider came that proved nothing: not known whose it was, and not stored, for
        strangers decide how often they come.
        """

    @property
    def _described(self) -> Described:
        """What the configuration of the moment says."""
        return self._described_now()

    def received(self, provider: str) -> None:
        """A delivery came that no secret of this provider proves."""
        if provider in self._described.providers.values():
            self._received[provider] = self._clock.now()
            self._glances.changes.wake()

    def follow(self, fabric: str | None) -> AbstractContextManager[Following]:
        return self._glances.changes.follow(fabric)

    def _webhook(self, repository: str) -> WebhookRecord:
        webhook = self._memory.webhook(repository)
        unproven = self._received.get(self._described.providers.get(repository) or "")
        times = [time for time in (webhook.last_received, unproven) if time is not None]
        return replace(webhook, last_received=max(times, default=None))

    def fabrics(self) -> JSONObject:
        active = self._active()
        records, now = self._history.fabrics(), self._clock.now()
        found = self._described.fabrics.values()
        # Many fabrics share a repository: each is looked up once.
        webhooks = {name: self._webhook(name) for name in {fabric.repository for fabric in found}}
        return {
            "fabrics": [
                self._view(f, _record(f, records), webhooks[f.repository], now, is_active=f.name in active)
                for f in found
            ]
        }

    def _active(self) -> set[str]:
        """The fabrics with a pass that runs or is due. Asked before the records are read: a pass that ends in between
        then shows as reconciling for a moment too long, never as an old state that nothing will change.
        """
        return {name for name in self._described.fabrics if self._activity.is_active(name)}

    def fabric(self, name: str) -> JSONObject | None:
        fabric = self._described.fabrics.get(name)
        if fabric is None:
            return None
        active = self._active()
        record = _record(fabric, self._history.fabrics())
        health = self._health(name, self._history.objects(name))
        details = views.fabric_details(record) | {"health": views.health_counts(health.values())}
        webhook = self._webhook(fabric.repository)
        return self._view(fabric, record, webhook, self._clock.now(), is_active=name in active) | details

    def _health(self, fabric: str, states: Sequence[ObjectState]) -> Mapping[ObjectKey, DeviceHealth]:
        """Of the devices that the cluster holds."""
        held = (state.key for state in states if state.state is not SyncState.DESIRED_ONLY)
        return device_health(held, self._glances.agents(fabric), self._clock.now())

    def _view(
        self, fabric: Fabric, record: FabricRecord, webhook: WebhookRecord, now: datetime, *, is_active: bool
    ) -> JSONObject:
        provider = self._described.providers.get(fabric.repository)
        view = views.fabric_view(
            fabric,
            record,
            views.webhook_view(provider, webhook),
            now=now,
            is_reconciling=is_active,
            suspension=self._memory.suspension(fabric.name),
        )
        progress, running = self._glances.progress(fabric.name), self._glances.running(fabric.name)
        return view | {"progress": views.progress_view(progress), "current_pass": views.running_view(running)}

    def resources(self, name: str) -> JSONObject | None:
        if name not in self._described.fabrics:
            return None
        states, inventory = self._history.objects(name), self._memory.inventory(name)
        health = self._health(name, states)
        found = (views.object_view(one, inventory.get(one.key), health.get(one.key)) for one in states)
        return {"resources": list(found)}

    def topology(self, name: str) -> JSONObject | None:
        if name not in self._described.fabrics:
            return None
        states = self._history.objects(name)
        known = {one.key: one.state for one in states}
        return topology_view(name, self._glances.wiring(name), known, self._health(name, states))

    def passes(self, name: str) -> JSONObject | None:
        if name not in self._described.fabrics:
            return None
        return {"passes": [views.pass_view(record) for record in self._history.passes(name)]}

    def pass_(self, name: str, pass_id: str) -> JSONObject | None:
        if name not in self._described.fabrics:
            return None
        record = self._history.pass_(name, pass_id)
        return None if record is None else views.pass_view(record)

    def request(self, request_id: str) -> JSONObject | None:
        request = self._memory.request(request_id)
        return None if request is None else views.request_view(request)

    def livez(self) -> Health:
        """Whether the process gets on: that its event loop answers, and that no pass of its workers hangs. Must be
        called in the event loop, and does not block.
        """
        hanging = dict(self._glances.hanging())
        if hanging:
            return Health(is_ok=False, body={"status": "hanging", "hanging": hanging})
        return Health(is_ok=True, body={"status": "ok"})

    def readyz(self) -> Health:
        """The parts of this process alone: no outside system makes it unready."""
        self._look()
        missing = self._components.not_running()
        body = {"status": "ok" if not missing else "not ready", "not_running": missing}
        return Health(is_ok=not missing, body=body)

    def healthz(self) -> Health:
        """Also while the store cannot be read: of fabrics nothing is known then, and the store is in `components`."""
        self._look()
        seen = self._seen()
        missing, troubled = self._components.not_running(), self._components.in_trouble()
        # What is known of a disabled or suspended fabric is old, and no pass will correct it.
        connections = {fabric["name"]: fabric["connections"] for fabric in seen.fabrics if _is_active(fabric)}
        failing = [
            f"{fabric}/{name}"
            for fabric, of_fabric in connections.items()
            for name, connection in of_fabric.items()
            if connection["state"] == ConnectionState.FAILING
        ]
        is_ok = not (missing or troubled or failing or seen.overdue)
        body = {
            "status": "ok" if is_ok else "degraded",
            "version": __version__,
            "build": self._glances.build,
            "configuration": self._described.digest,
            "components": self._components.as_json(),
            "connections": connections,
            "failing": failing,
            "overdue": [{"fabric": name, "since": rfc3339(since)} for name, since in seen.overdue.items()],
            "warnings": [{"key": key, "message": message} for key, message in self._warnings(seen.silences)],
        }
        return Health(is_ok=is_ok, body=body)

    def _seen(self) -> _Seen:
        """What the store says now; nothing where it cannot be read, which is then reported of it."""
        try:
            fabrics = self.fabrics()["fabrics"]
            overdue = self._overdue([one for one in fabrics if _is_active(one)])
            return _Seen(fabrics, overdue, self._silences())
        except StateError as error:
            self._components.report("store", ComponentState.FAILED, error.message)
            return _Seen()

    def _overdue(self, active: Sequence[JSONObject]) -> dict[str, datetime]:
        """Those of these fabrics (their views) whose poll is more than an interval late, and since when."""
        records, now = self._history.fabrics(), self._clock.now()
        found = ((one["name"], records.get(one["name"])) for one in active)
        since = {name: overdue_since(record, now) for name, record in found if record is not None}
        return {name: moment for name, moment in since.items() if moment is not None}

    def _warnings(self, silences: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
        """Those of the configuration, and of webhooks, forges and receivers with which it is not as it should be."""
        yield from self._described.warnings
        yield from self._glances.notes()
        untold = self._glances.untold()
        for number, repository in enumerate(self._described.providers):
            message = silences.get(repository)
            if message is not None:
                yield f"repositories[{number}].webhook", message
            if repository in untold:
                yield f"repositories[{number}].forge", untold[repository]

    def _silences(self) -> dict[str, str | None]:
        """By repository with a webhook, what is to be said of its silence; None: it is not silent."""
        providers = self._described.providers.items()
        return {name: views.silence(self._webhook(name)) for name, provider in providers if provider}

    def _look(self) -> None:
        """Have those parts answer that only speak when they are asked."""
        try:
            self._memory.probe()
        except StateError as error:
            self._components.report("store", ComponentState.FAILED, error.message)
        else:
            self._components.report("store", ComponentState.RUNNING)
            self._components.progress("store")
        self._activity.depth()
        self._components.progress("queue")

    def metrics(self) -> tuple[bytes, str]:
        """Also while the store cannot be read: without the series of fabrics then."""
        self._look()
        seen = self._seen()
        # After both looks at the store, and once: one scrape must not contradict itself.
        components = self._components.all()
        standing = Standing(
            now=self._clock.now(),
            components=components,
            is_ready=all(one.state is ComponentState.RUNNING for one in components.values()),
            overdue=seen.overdue,
            silent={name: message is not None for name, message in seen.silences.items()},
        )
        depth, oldest = self._activity.depth(), self._activity.oldest()
        return self._metrics.render(seen.fabrics, depth=depth, oldest=oldest, standing=standing)


def _is_active(view: JSONObject) -> bool:
    return bool(view["enabled"]) and view["suspended"] is None


def _record(fabric: Fabric, records: Mapping[str, FabricRecord]) -> FabricRecord:
    return records.get(fabric.name) or FabricRecord(fabric.name, effective_interval=min(300.0, fabric.interval))
