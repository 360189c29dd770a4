"""What passes and the queue before them did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from reconciler.model.passes import Outcome

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from reconciler.model.passes import PassRecord
    from reconciler.model.requests import Work

INTERNAL_ERROR = "InternalError"
"""The reason of a failure that no pass foresees."""

PRIORITIES = ("manual", "event", "poll")
"""The label of each `Work.priority`."""

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class PassCounters:
    """Told by the threads of passes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._passes = Counter("reconciler_passes", "Passes that ended", ["fabric", "outcome"], registry=registry)
        self._duration = Histogram(
            "reconciler_pass_duration_seconds",
            "Duration of a pass, by phase (`all`: the whole pass) and by how the pass ended",
            ["phase", "outcome"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._yields = Counter(
            "reconciler_pass_yields", "Times that a pass let another fabric go first", ["fabric"], registry=registry
        )
        self._exceptions = Counter("reconciler_worker_exceptions", "Unexpected errors in passes", registry=registry)
        self._written = Counter(
            "reconciler_writes", "Objects and records written or deleted", ["fabric", "what"], registry=registry
        )

    def ended(self, record: PassRecord, writes: dict[str, int]) -> None:
        outcome = record.outcome.value
        self._passes.labels(record.fabric, outcome).inc()
        self._duration.labels("all", outcome).observe((record.finished - record.started).total_seconds())
        for phase, seconds in record.phases.items():
            self._duration.labels(phase.value, outcome).observe(seconds)
        for what, number in writes.items():
            self._written.labels(record.fabric, what).inc(number)
        self._exceptions.inc(sum(failure.reason == INTERNAL_ERROR for failure in record.failures))

    def expect(self, fabric: str) -> None:
        """Begin with zeros: nobody could tell that a series rose that begins with its first failure."""
        for outcome in Outcome:
            self._passes.labels(fabric, outcome.value)

    def yielded(self, fabric: str) -> None:
        self._yields.labels(fabric).inc()

    def exception(self) -> None:
        self._exceptions.inc()

    def forget(self, fabric: str) -> None:
        for counter in (self._passes, self._yields, self._written):
            counter.remove_by_labels({"fabric": fabric})


class QueueMetrics:
    """Told by the queue, and read when it is asked for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.depth = Gauge("reconciler_queue_depth", "Fabrics that wait for a pass", registry=registry)
        self.oldest = Gauge("reconciler_queue_oldest_seconds", "Age of the longest wait", registry=registry)
        self.joined = Counter(
            "reconciler_queue_joined",
            "Triggers that joined a pass that had not begun, instead of causing one",
            registry=registry,
        )
        self._wait = Histogram(
            "reconciler_queue_wait_seconds",
            "How long a fabric was ready before its pass began, by the most urgent of its triggers",
            ["priority"],
            buckets=_BUCKETS,
            registry=registry,
        )

    def taken(self, work: Work, waited: float) -> None:
        """A pass that goes on after it yielded began before."""
        if work.remainder is None:
            self._wait.labels(PRIORITIES[work.priority]).observe(waited)
