"""Metrics for Prometheus. The only home of its client library."""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from reconciler import __version__
from reconciler.model.status import SyncStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSONObject
    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Work
    from reconciler.reconcile.breaker import Breaker

INTERNAL_ERROR = "InternalError"
"""The reason of a failure that no pass foresees."""

PRIORITIES = ("manual", "event", "poll")
"""The label of each `Work.priority`."""

_PASS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class _FabricGauges:
    """What is told of each fabric, and read when it is asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.status = Gauge(
            "reconciler_fabric_sync_status", "1 for the present status", ["fabric", "status"], registry=registry
        )
        self.objects = Gauge("reconciler_fabric_objects", "Objects by state", ["fabric", "state"], registry=registry)
        self.drift = Gauge(
            "reconciler_fabric_drift_objects",
            "Objects that differ from Git, and records that others changed in NetBox and that are left so",
            ["fabric"],
            registry=registry,
        )
        self.synced_at = Gauge(
            "reconciler_fabric_last_sync_timestamp_seconds",
            "End of the last successful full pass; 0: never",
            ["fabric"],
            registry=registry,
        )
        self.simulated = Gauge(
            "reconciler_fabric_simulated",
            "1 for a target that is an embedded store",
            ["fabric", "target"],
            registry=registry,
        )
        self.connection = Gauge(
            "reconciler_connection_up", "1: ok, 0: failing", ["fabric", "connection"], registry=registry
        )
        self.breaker = Gauge(
            "reconciler_breaker_open",
            "1: the target is left alone until a probe succeeds",
            ["fabric", "target"],
            registry=registry,
        )

    def forget(self) -> None:
        """What was read of fabrics before: one may have left the configuration."""
        found = self.status, self.objects, self.drift, self.synced_at, self.simulated, self.connection, self.breaker
        for gauge in found:
            gauge.clear()

    def set(self, fabric: JSONObject, is_open: AbstractSet[tuple[str, str]]) -> None:
        """`is_open` holds fabric and target of each breaker that is open."""
        name = fabric["name"]
        for status in SyncStatus:
            self.status.labels(name, status.value).set(fabric["sync_status"] == status.value)
        for state, number in fabric["counts"].items():
            self.objects.labels(name, state).set(number)
        self.drift.labels(name).set(fabric["drift"]["count"])
        for target in ("cluster", "netbox"):
            self.simulated.labels(name, target).set(target in fabric["simulated"])
            if fabric["connections"][target]["state"] != "not_configured":
                self.breaker.labels(name, target).set((name, target) in is_open)
        for connection, view in fabric["connections"].items():
            if view["state"] in {"ok", "failing"}:
                self.connection.labels(name, connection).set(view["state"] == "ok")
        self.synced_at.labels(name).set(_timestamp(fabric["last_sync"]))


class Metrics:
    """All metrics of the process. Counters are told what happened; gauges are read when they are asked for."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        r = self._registry
        info = Gauge("reconciler_build_info", "Always 1; the version is a label", ["version"], registry=r)
        info.labels(__version__).set(1)
        self._passes = Counter("reconciler_passes", "Passes that ended", ["fabric", "outcome"], registry=r)
        self._duration = Histogram(
            "reconciler_pass_duration_seconds",
            "Duration of a pass, by phase (`all`: the whole pass)",
            ["phase"],
            buckets=_PASS_BUCKETS,
            registry=r,
        )
        self._wait = Histogram(
            "reconciler_queue_wait_seconds",
            "How long a fabric was ready before its pass began, by the most urgent of its triggers",
            ["priority"],
            buckets=_PASS_BUCKETS,
            registry=r,
        )
        self._joined = Counter(
            "reconciler_queue_joined",
            "Triggers that joined a pass that had not begun, instead of causing one",
            registry=r,
        )
        self._yields = Counter(
            "reconciler_pass_yields", "Times that a pass let another fabric go first", ["fabric"], registry=r
        )
        self._deliveries = Counter("reconciler_deliveries", "Webhook deliveries", ["provider", "result"], registry=r)
        self._statuses = Counter(
            "reconciler_commit_statuses",
            "Commit statuses, by what the forge made of them: sent, retried, refused, stalled",
            ["forge", "result"],
            registry=r,
        )
        self._notifications = Counter(
            "reconciler_notifications",
            "Notifications, by what the receiver made of them: sent, retried, refused, stalled",
            ["kind", "result"],
            registry=r,
        )
        self._exceptions = Counter("reconciler_worker_exceptions", "Unexpected errors in passes", registry=r)
        self._written = Counter(
            "reconciler_writes", "Objects and records written or deleted", ["fabric", "what"], registry=r
        )
        self._depth = Gauge("reconciler_queue_depth", "Fabrics that wait for a pass", registry=r)
        self._oldest = Gauge("reconciler_queue_oldest_seconds", "Age of the longest wait", registry=r)
        self._fabrics = _FabricGauges(r)
        self._open: set[tuple[str, str]] = set()
        """Fabric and target of each breaker that is open."""
        self._rendering = Lock()

    def pass_ended(self, record: PassRecord, writes: dict[str, int]) -> None:
        """Count a pass; `writes` are numbers by what was written."""
        self._passes.labels(record.fabric, record.outcome.value).inc()
        self._duration.labels("all").observe((record.finished - record.started).total_seconds())
        for phase, seconds in record.phases.items():
            self._duration.labels(phase.value).observe(seconds)
        for what, number in writes.items():
            self._written.labels(record.fabric, what).inc(number)
        self._exceptions.inc(sum(failure.reason == INTERNAL_ERROR for failure in record.failures))

    def pass_taken(self, work: Work, waited: float) -> None:
        """A pass begins, over a fabric that was ready for `waited` seconds. One that goes on after it yielded began
        before.
        """
        if work.remainder is None:
            self._wait.labels(PRIORITIES[work.priority]).observe(waited)

    def pass_yielded(self, fabric: str) -> None:
        self._yields.labels(fabric).inc()

    def joined(self) -> None:
        """A trigger joined a pass that waits."""
        self._joined.inc()

    def breaker(self, breaker: Breaker) -> None:
        """A breaker opened or closed."""
        key = (breaker.fabric, breaker.target)
        if breaker.is_open:
            self._open.add(key)
        else:
            self._open.discard(key)

    def exception(self) -> None:
        """A pass ended by an error instead of with a record."""
        self._exceptions.inc()

    def forget(self, fabric: str) -> None:
        """A fabric left the configuration: what was counted of it goes too. Gauges follow what is rendered."""
        for counter in (self._passes, self._yields, self._written):
            counter.remove_by_labels({"fabric": fabric})

    def delivery(self, provider: str, result: str) -> None:
        self._deliveries.labels(provider, result).inc()

    def commit_status(self, forge: str, result: str) -> None:
        """A forge (its kind) was told a status, or was not."""
        self._statuses.labels(forge, result).inc()

    def notification(self, kind: str, result: str) -> None:
        """A receiver (its kind) was told of a fabric, or was not."""
        self._notifications.labels(kind, result).inc()

    def render(self, fabrics: Iterable[JSONObject], *, depth: int, oldest: float) -> tuple[bytes, str]:
        """The text format and its content type. `fabrics` are those of `GET /fabrics`, so that status and metrics
        can never disagree.
        """
        with self._rendering:
            self._depth.set(depth)
            self._oldest.set(oldest)
            self._fabrics.forget()
            for fabric in fabrics:
                self._fabrics.set(fabric, self._open)
            return generate_latest(self._registry), CONTENT_TYPE_LATEST


def _timestamp(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
