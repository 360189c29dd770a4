"""All metrics of the process."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from reconciler.status.metrics.fabrics import FabricGauges
from reconciler.status.metrics.passes import INTERNAL_ERROR, PRIORITIES, PassCounters, QueueMetrics
from reconciler.status.metrics.process import ComponentCollector, ProcessMetrics
from reconciler.status.metrics.traffic import TrafficMetrics

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from reconciler.model.json import JSONObject
    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Work
    from reconciler.reconcile.breaker import Breaker
    from reconciler.status.health import Component

__all__ = ["INTERNAL_ERROR", "PRIORITIES", "Metrics", "Standing"]

# A second series for each, which nothing asks for: when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the process stands when metrics are read: its parts by name, and when they were looked at; whether it is
    ready; the names of fabrics that are overdue; by repository with a webhook, whether that is silent.
    """

    now: datetime
    components: Mapping[str, Component]
    is_ready: bool
    overdue: Collection[str] = ()
    silent: Mapping[str, bool] = field(default_factory=dict)


class Metrics:
    """Counters are told what happened; gauges are read when they are asked for."""

    def __init__(self, commit: str | None = None) -> None:
        """`commit` is the one of which this program was built, where that is known."""
        self._registry = registry = CollectorRegistry()
        self._passes = PassCounters(registry)
        self._queue = QueueMetrics(registry)
        self._traffic = TrafficMetrics(registry)
        self._process = ProcessMetrics(registry, commit)
        self._components = ComponentCollector(registry)
        self._fabrics = FabricGauges(registry)
        self._silent = Gauge(
            "reconciler_webhook_silent",
            "1: polls find commits that no delivery of the repository's webhook announced",
            ["repository"],
            registry=registry,
        )
        self._open: set[tuple[str, str]] = set()
        """Fabric and target of each breaker that is open."""
        self._rendering = Lock()
        self.delivery = self._traffic.delivery
        self.commit_status = self._traffic.commit_status
        self.notification = self._traffic.notification
        self.request = self._traffic.request
        self.call = self._traffic.call

    def pass_ended(self, record: PassRecord, writes: dict[str, int]) -> None:
        """Count a pass; `writes` are numbers by what was written."""
        self._passes.ended(record, writes)

    def pass_taken(self, work: Work, waited: float) -> None:
        """A pass begins, over a fabric that was ready for `waited` seconds."""
        self._queue.taken(work, waited)

    def pass_yielded(self, fabric: str) -> None:
        self._passes.yielded(fabric)

    def joined(self) -> None:
        """A trigger joined a pass that waits."""
        self._queue.joined.inc()

    def breaker(self, breaker: Breaker) -> None:
        """A breaker opened or closed."""
        key = (breaker.fabric, breaker.target)
        if breaker.is_open:
            self._open.add(key)
        else:
            self._open.discard(key)

    def exception(self) -> None:
        """A pass ended by an error instead of with a record."""
        self._passes.exception()

    def lag(self, seconds: float) -> None:
        """The event loop came round, so much later than it was asked to."""
        self._process.lag.observe(seconds)

    def hung(self, workers: int) -> None:
        """So many workers hang."""
        self._process.hung.set(workers)

    def blocked(self) -> None:
        """The event loop does not come round."""
        self._process.blocked.inc()

    def forget(self, fabric: str) -> None:
        """A fabric left the configuration: what was counted of it goes too. Gauges follow what is rendered."""
        self._passes.forget(fabric)

    def render(
        self, fabrics: Iterable[JSONObject], *, depth: int, oldest: float, standing: Standing | None = None
    ) -> tuple[bytes, str]:
        """The text format and its content type. `fabrics` are those of `GET /fabrics`, so that status and metrics
        can never disagree.
        """
        with self._rendering:
            self._queue.depth.set(depth)
            self._queue.oldest.set(oldest)
            self._stand(standing)
            self._fabrics.forget()
            for fabric in fabrics:
                self._passes.expect(fabric["name"])
                self._fabrics.set(fabric, self._open, standing.overdue if standing else ())
            return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _stand(self, standing: Standing | None) -> None:
        if standing is None:
            return
        self._silent.clear()
        self._process.ready.set(standing.is_ready)
        self._components.look(standing.components, standing.now)
        for repository, is_silent in standing.silent.items():
            self._silent.labels(repository).set(is_silent)
