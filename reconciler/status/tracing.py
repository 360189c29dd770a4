"""Traces of passes for OpenTelemetry. The only home of its library, which is imported only where traces are wanted.

A trace is made when its pass has ended, of what was noted meanwhile: a pass waits for nothing, and nothing of an
exporter can reach it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import requests
import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from reconciler import __version__
from reconciler.errors import ConfigurationError
from reconciler.reconcile.observer import Observer
from reconciler.status.asking import system_certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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

STOP_TIMEOUT = 1.0
"""Seconds that an export which was given up gets to end."""

_REDIRECT = 300
_BAD_REQUEST = 400

_LIMITS = SpanLimits(
    max_attributes=64,
    max_events=0,
    max_links=0,
    max_span_attributes=64,
    max_event_attributes=0,
    max_link_attributes=0,
    max_attribute_length=1000,
    max_span_attribute_length=1000,
)

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
        # All of it is said: the library takes its defaults from the environment.
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(access.sample),
            resource=resource,
            shutdown_on_exit=False,
            span_limits=_LIMITS,
            meter_provider=NoOpMeterProvider(),
        )
        # The configuration wants traces: a variable that nobody named there must not end them.
        self._provider._disabled = False  # noqa: SLF001 - nothing else overrules OTEL_SDK_DISABLED
        self._exporter = Steady(exporter or Collector(access))
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=MOST_SPANS,
            schedule_delay_millis=EXPORT_EVERY * 1000,
            max_export_batch_size=512,
            export_timeout_millis=EXPORT_TIMEOUT * 1000,
            meter_provider=NoOpMeterProvider(),
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
            # The fabric may be forgotten at this moment, by another thread.
            self._requests.pop(record.fabric, None)
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
        if closing.is_alive():
            # A thread of it that goes on while the interpreter ends could fell that.
            self._exporter.give_up()
            closing.join(STOP_TIMEOUT)


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

    def give_up(self) -> None:
        """From another thread than that of an export, which ends as soon as it can."""
        self._exporter.shutdown()


class Collector(SpanExporter):
    """The collector, with the headers of the moment. `shutdown` may be called by another thread than `export`."""

    def __init__(self, access: TracingAccess) -> None:
        self._access = access
        self._headers: dict[str, str] | None = None
        self._exporter: OTLPSpanExporter | None = None
        self._is_over = False
        self._turn = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Raises ConfigurationError where the headers cannot be read."""
        headers = parse_headers(self._access.headers().decode(errors="replace")) if self._access.headers else {}
        exporter = self._present(headers)
        return SpanExportResult.FAILURE if exporter is None else exporter.export(spans)

    def _present(self, headers: dict[str, str]) -> OTLPSpanExporter | None:
        """That with these headers; None once it is over."""
        with self._turn:
            if self._is_over:
                return None
            if self._exporter is None or headers != self._headers:
                self._end()
                self._exporter, self._headers = self._connected(headers), headers
            return self._exporter

    def _connected(self, headers: dict[str, str]) -> OTLPSpanExporter:
        return OTLPSpanExporter(
            endpoint=self._access.endpoint,
            timeout=EXPORT_TIMEOUT,
            compression=Compression.NoCompression,
            session=OwnSession(headers, self._access.ca_file, lambda: self._is_over),
            meter_provider=NoOpMeterProvider(),
        )

    def shutdown(self) -> None:
        """An export that goes on waits for no further try, and later ones fail."""
        with self._turn:
            self._is_over = True
            self._end()

    def _end(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()
            self._exporter = None


class OwnSession(requests.Session):
    """Sends as we say, not as the environment does: the exporter takes headers, authorities and a client's certificate
    from variables where it is given none, and takes a redirect for success.
    """

    def __init__(self, headers: Mapping[str, str], ca_file: Path | None, is_over: Callable[[], bool]) -> None:
        super().__init__()
        self.trust_env = False
        self._own_headers = {"Content-Type": "application/x-protobuf", "User-Agent": "hedgehog-reconciler", **headers}
        self._authorities = system_certificates() if ca_file is None else str(ca_file)
        self._is_over = is_over

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        request.headers = self._own_headers
        return super().prepare_request(request)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Raises RequestException, for a redirect too."""
        if self._is_over():
            raise requests.RequestException("given up")
        answer = super().send(
            request, **{**kwargs, "allow_redirects": False, "verify": self._authorities, "cert": None}
        )
        if _REDIRECT <= answer.status_code < _BAD_REQUEST:
            answer.close()
            raise requests.TooManyRedirects("the collector redirects")
        return answer


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
