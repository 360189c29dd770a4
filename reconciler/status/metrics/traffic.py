"""What comes in over HTTP, and what we ask of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_CALL_BUCKETS = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 60)

OTHER = "other"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A stranger may send any word as a method. What is not here counts as one."""


class TrafficMetrics:
    """No label takes a value that strangers choose: paths are templates of ours, methods are known ones."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            "reconciler_deliveries", "Webhook deliveries", ["provider", "result"], registry=registry
        )
        self._statuses = Counter(
            "reconciler_commit_statuses",
            "Commit statuses, by what the forge made of them: sent, retried, refused, stalled",
            ["forge", "result"],
            registry=registry,
        )
        self._notifications = Counter(
            "reconciler_notifications",
            "Notifications, by what the receiver made of them: sent, retried, refused, stalled",
            ["kind", "result"],
            registry=registry,
        )
        self._requests = Counter(
            "reconciler_http_requests",
            "Requests, by template of the path (`unmatched`: there is no such route)",
            ["method", "route", "code"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "reconciler_http_request_duration_seconds",
            "Duration of a request, until its answer was sent",
            ["method", "route"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self._calls = Histogram(
            "reconciler_client_call_duration_seconds",
            "Calls of Git, clusters and NetBox, by method or verb, and by class of the result",
            ["target", "method", "result"],
            buckets=_CALL_BUCKETS,
            registry=registry,
        )

    def delivery(self, provider: str, result: str) -> None:
        self._deliveries.labels(provider, result).inc()

    def commit_status(self, forge: str, result: str) -> None:
        """A forge (its kind) was told a status, or was not."""
        self._statuses.labels(forge, result).inc()

    def notification(self, kind: str, result: str) -> None:
        """A receiver (its kind) was told of a fabric, or was not."""
        self._notifications.labels(kind, result).inc()

    def request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """A request was answered. `route` is a template, never the path itself; `seconds` is None for a stream, which
        lasts as long as somebody listens.
        """
        known = method if method in METHODS else OTHER
        self._requests.labels(known, route, str(status)).inc()
        if seconds is not None:
            self._request_seconds.labels(known, route).observe(seconds)

    def call(self, target: str, method: str, seconds: float, result: str) -> None:
        """One call of an outside system ended."""
        self._calls.labels(target, method, result).observe(seconds)
