"""Traces of passes for OpenTelemetry. The only home of its library, which is imported only where traces are wanted.

A trace is made when its pass has ended, of what was noted meanwhile: a pass waits for nothing, and nothing of an
exporter can reach it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from reconciler import __version__
from reconciler.errors import ConfigurationError
from reconciler.reconcile.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from reconciler.model.passes import PassRecord, Phase
    from reconciler.ports import Clock

log = structlog.get_logger("tracing")

EXPORT_TIMEOUT = 10.0
"""Seconds for one export with all its tries."""

EXPORT_EVERY = 5.0
"""Seconds between two exports."""

FLUSH_TIMEOUT = 2.0
"""Seconds that the last export gets when the service stops."""

MOST_SPANS = 2048
"""Spans that wait for an export; of more the oldest are dropped."""

MOST_NOTES = 1000
"""Phases of one pass that are kept, which may have many parts."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TracingAccess:
    """Where traces go. `headers` gives those of the moment, `Name: value` a line (None: there are none); `sample` is
    the part of passes that is traced, 0 to 1.
    """

    endpoint: str
    service_name: str
    sample: float = 1.0
    headers: Callable[[], bytes] | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Note:
    """A phase that ended."""

    phase: Phase
    ended: datetime
    seconds: float
    has_failed: bool


class PassTraces(Observer):
    """Notes what passes do, and makes a trace of each that ends. For the threads of passes."""

    def __init__(self, access: TracingAccess, clock: Clock, exporter: SpanExporter | None = None) -> None:
        """`exporter`: where spans go, by default the collector that `access` names."""
        self._clock = clock
        self._notes: dict[str, list[_Note]] = {}
        """By fabric, the phases of the pass that runs, or that yielded."""
        self._requests: dict[str, tuple[str, tuple[str, ...]]] = {}
        """By fabric, the pass that runs, and the requests that it answers."""
        resource = Resource({"service.name": access.service_name, "service.version": __version__})
        # Limits of our own: the library takes its defaults from the environment.
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(access.sample),
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attributes=64, max_span_attribute_length=1000),
        )
        self._processor = BatchSpanProcessor(
            Steady(exporter or Collector(access)),
            max_queue_size=MOST_SPANS,
            schedule_delay_millis=EXPORT_EVERY * 1000,
            max_export_batch_size=512,
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("reconciler", __version__)
        # What its exporter says of each try is said once, by us.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    def began(self, fabric: str, pass_id: str, requests: Sequence[str]) -> None:
        known = self._requests.get(fabric)
        if known is None or known[0] != pass_id:
            self._notes[fabric] = []
        self._requests[fabric] = pass_id, tuple(requests)

    def left(self, fabric: str, phase: Phase, seconds: float, *, has_failed: bool) -> None:
        notes = self._notes.setdefault(fabric, [])
        if len(notes) < MOST_NOTES:
            notes.append(_Note(phase, self._clock.now(), seconds, has_failed))

    def ended(self, record: PassRecord) -> None:
        """The pass has ended, as the history says it."""
        pass_id, requests = self._requests.get(record.fabric, ("", ()))
        is_last = pass_id == record.id
        notes = self._notes.pop(record.fabric, []) if is_last else []
        if is_last:
            del self._requests[record.fabric]
        root = self._tracer.start_span(
            "reconcile",
            context=trace.set_span_in_context(trace.INVALID_SPAN),
            start_time=_nanoseconds(record.started),
            attributes=_attributes(record, requests),
        )
        if not record.outcome.is_success:
            root.set_status(trace.StatusCode.ERROR, record.message)
        context = trace.set_span_in_context(root)
        for note in notes:
            began = note.ended - timedelta(seconds=note.seconds)
            child = self._tracer.start_span(note.phase.value, context=context, start_time=_nanoseconds(began))
            if note.has_failed:
                child.set_status(trace.StatusCode.ERROR)
            child.end(_nanoseconds(note.ended))
        root.end(_nanoseconds(record.finished))

    def forget(self, fabric: str) -> None:
        """The fabric left the configuration."""
        self._notes.pop(fabric, None)
        self._requests.pop(fabric, None)

    def close(self) -> None:
        """Send what waits, for a moment; whatever becomes of it, the service ends."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        closing.start()
        closing.join(FLUSH_TIMEOUT)


def _attributes(record: PassRecord, requests: tuple[str, ...]) -> dict[str, str | int | tuple[str, ...]]:
    return {
        "reconciler.fabric": record.fabric,
        "reconciler.pass": record.id,
        "reconciler.outcome": record.outcome.value,
        "reconciler.reason": record.reason,
        "reconciler.revision": record.revision or "",
        "reconciler.triggers": tuple(trigger.value for trigger in record.triggers),
        "reconciler.requests": requests[:100],
        "reconciler.failures": len(record.failures),
    }


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class Steady(SpanExporter):
    """An exporter whose trouble is logged once, when it begins, and when it ends; it raises nothing."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result, why = self._exporter.export(spans), "the collector did not take them"
        except ConfigurationError as error:
            result, why = SpanExportResult.FAILURE, error.message
        except Exception as error:  # noqa: BLE001 - traces are never worth an error
            result, why = SpanExportResult.FAILURE, type(error).__name__
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing and not self._is_failing:
            log.warning("traces are lost", error=why)
        elif self._is_failing and not is_failing:
            log.info("traces are sent again")
        self._is_failing = is_failing
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class Collector(SpanExporter):
    """The collector, with the headers of the moment."""

    def __init__(self, access: TracingAccess) -> None:
        self._access = access
        self._headers: dict[str, str] | None = None
        self._exporter: OTLPSpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Raises ConfigurationError where the headers cannot be read."""
        headers = parse_headers(self._access.headers().decode(errors="replace")) if self._access.headers else {}
        if self._exporter is None or headers != self._headers:
            self.shutdown()
            self._exporter, self._headers = self._connected(headers), headers
        return self._exporter.export(spans)

    def _connected(self, headers: dict[str, str]) -> OTLPSpanExporter:
        ca_file = None if self._access.ca_file is None else str(self._access.ca_file)
        return OTLPSpanExporter(
            endpoint=self._access.endpoint, certificate_file=ca_file, headers=headers, timeout=EXPORT_TIMEOUT
        )

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()


def parse_headers(text: str) -> dict[str, str]:
    """`Name: value` a line. Raises ConfigurationError for a line that is none, without quoting it."""
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or not name.strip():
            raise ConfigurationError(f"tracing: line {number} of the headers is not of the form Name: value")
        headers[name.strip().lower()] = value.strip()
    return headers
