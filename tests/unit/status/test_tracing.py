"""Traces: what a collector gets of passes, and what it costs when there is none."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult
from structlog.testing import capture_logs

from reconciler.errors import ConfigurationError
from reconciler.model.passes import Outcome, Phase
from reconciler.status.tracing import Collector, PassTraces, TracingAccess, parse_headers
from tests.unit.status.collector import OtlpCollector, attribute
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.passes import PassRecord

NANOSECONDS = 1_000_000_000
NOON = int(samples.NOON.replace(microsecond=0).timestamp()) * NANOSECONDS + samples.NOON.microsecond * 1000


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as collector:
        yield collector


class Passes:
    """Passes as a runner makes them, with a clock that is set by hand."""

    def __init__(self, access: TracingAccess) -> None:
        self.clock = samples.SetClock()
        self.traces = PassTraces(access, self.clock)

    def part(self, name: str, *phases: tuple[Phase, float], fails: bool = False) -> None:
        self.traces.began("dc1", name, ["r1", "r2"])
        for phase, seconds in phases:
            self.traces.entered("dc1", phase)
            self.clock.advance(seconds=seconds)
            self.traces.left("dc1", phase, seconds, has_failed=fails)

    def record(self, name: str, outcome: Outcome = Outcome.SUCCEEDED) -> PassRecord:
        return replace(samples.pass_record(name), started=samples.NOON, finished=self.clock.now(), outcome=outcome)


def test_a_pass_is_one_trace(collector: OtlpCollector) -> None:
    """The root span tells the pass, from its begin to its end; each phase is a span within it, at its own time."""
    passes = Passes(TracingAccess(collector.endpoint, "site-7"))
    passes.part("p1", (Phase.FETCH, 1.0), (Phase.APPLY, 3.0))
    passes.traces.ended(passes.record("p1"))
    passes.traces.close()

    spans = {span.name: span for span in collector.spans}
    root = spans["reconcile"]
    assert spans.keys() == {"reconcile", "fetch", "apply"}
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (NOON, NOON + 4 * NANOSECONDS)
    assert (spans["fetch"].start_time_unix_nano, spans["fetch"].end_time_unix_nano) == (NOON, NOON + NANOSECONDS)
    assert spans["apply"].start_time_unix_nano == NOON + NANOSECONDS
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert {spans[name].parent_span_id for name in ("fetch", "apply")} == {root.span_id}
    assert root.parent_span_id == b""
    told = {key: attribute(root, f"reconciler.{key}") for key in ("fabric", "pass", "outcome", "requests")}
    assert told == {"fabric": "dc1", "pass": "p1", "outcome": "succeeded", "requests": ["r1", "r2"]}
    assert attribute(root, "reconciler.revision") == samples.pass_record("p1").revision
    assert collector.resources[0]["service.name"] == "site-7"
    assert collector.paths == ["/v1/traces"]


def test_a_pass_that_yielded_is_one_trace(collector: OtlpCollector) -> None:
    """The phases of all its parts are in it; those of a pass that broke off, and has no end, are not in the next."""
    passes = Passes(TracingAccess(collector.endpoint, "x"))
    passes.part("lost", (Phase.READ, 1.0))
    passes.part("p1", (Phase.FETCH, 1.0), (Phase.NETBOX, 10.0))
    passes.part("p1", (Phase.NETBOX, 10.0), fails=True)
    passes.traces.ended(passes.record("p1", Outcome.PARTIAL))
    passes.traces.close()

    assert sorted(span.name for span in collector.spans) == ["fetch", "netbox", "netbox", "reconcile"]
    failed = [span.name for span in collector.spans if span.status.code == span.status.STATUS_CODE_ERROR]
    assert sorted(failed) == ["netbox", "reconcile"]


def test_a_pass_that_was_given_up(collector: OtlpCollector) -> None:
    """Its trace, made when the next one has begun, takes nothing of that."""
    passes = Passes(TracingAccess(collector.endpoint, "x"))
    passes.part("p2", (Phase.FETCH, 1.0))
    passes.traces.ended(passes.record("p1", Outcome.PARTIAL))
    passes.traces.ended(passes.record("p2"))
    passes.traces.close()

    names = [(span.name, attribute(span, "reconciler.pass")) for span in collector.spans if span.name == "reconcile"]
    assert sorted(names) == [("reconcile", "p1"), ("reconcile", "p2")]
    (fetch,) = [span for span in collector.spans if span.name == "fetch"]
    assert fetch.parent_span_id in {s.span_id for s in collector.spans if attribute_of(s) == "p2"}


def attribute_of(span: object) -> object:
    return next((one.value.string_value for one in span.attributes if one.key == "reconciler.pass"), None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("sample", "expected"), [(0.0, 0), (1.0, 20)])
def test_sampling(collector: OtlpCollector, sample: float, expected: int) -> None:
    """None or all of the passes are traced, as is wanted."""
    passes = Passes(TracingAccess(collector.endpoint, "x", sample))
    for number in range(20):
        passes.part(f"p{number}", (Phase.FETCH, 1.0))
        passes.traces.ended(passes.record(f"p{number}"))
    passes.traces.close()

    assert sum(span.name == "reconcile" for span in collector.spans) == expected


def test_headers_of_the_moment(collector: OtlpCollector) -> None:
    """The collector sees who we are, and after a rotation, who we are now."""
    header = [b"Authorization: Bearer first\nX-Scope: lab\n"]
    passes = Passes(TracingAccess(collector.endpoint, "x", headers=lambda: header[0]))
    passes.traces.ended(passes.record("p1"))
    assert passes.traces._processor.force_flush()
    header[0] = b"Authorization: Bearer second"
    passes.traces.ended(passes.record("p2"))
    passes.traces.close()

    assert [one["authorization"] for one in collector.headers] == ["Bearer first", "Bearer second"]
    assert [one.get("x-scope") for one in collector.headers] == ["lab", None]


def test_a_collector_that_fails(collector: OtlpCollector) -> None:
    """However often it refuses, the log says so once, and once that it takes traces again."""
    passes = Passes(TracingAccess(collector.endpoint, "x"))
    with capture_logs() as logged:
        collector.status = 400
        for name in ("p1", "p2", "p3"):
            passes.traces.ended(passes.record(name))
            passes.traces._processor.force_flush()
        collector.status = 200
        passes.traces.ended(passes.record("p4"))
        passes.traces.close()

    assert [(line["log_level"], line["event"]) for line in logged] == [
        ("warning", "traces are lost"),
        ("info", "traces are sent again"),
    ]
    assert [attribute(span, "reconciler.pass") for span in collector.spans] == ["p4"]


def test_no_collector_at_all() -> None:
    """A pass does not notice that nobody takes its trace, and the end of the service waits for a moment only; nothing
    goes on afterwards, which could fell the interpreter while it ends.
    """
    before = set(threading.enumerate())
    passes = Passes(TracingAccess("http://127.0.0.1:9/v1/traces", "x"))
    began = time.monotonic()
    passes.part("p1", (Phase.FETCH, 1.0))
    passes.traces.ended(passes.record("p1"))
    assert time.monotonic() - began < 0.5

    with capture_logs():
        passes.traces.close()

    assert time.monotonic() - began < 4
    assert set(threading.enumerate()) <= before


def test_after_the_end_nothing_is_sent(collector: OtlpCollector) -> None:
    """An export that comes late fails, whether there was one before or not."""
    late = Collector(TracingAccess(collector.endpoint, "x"))
    late.shutdown()

    assert late.export([]) is SpanExportResult.FAILURE
    assert collector.paths == []


def test_a_collector_that_redirects(collector: OtlpCollector) -> None:
    """Nothing follows it to where it says, with whatever proves who we are; it is a failure, and said once."""
    with OtlpCollector() as elsewhere:
        passes = Passes(TracingAccess(collector.endpoint, "x", headers=lambda: b"Authorization: Bearer x"))
        collector.status, collector.location = 307, elsewhere.endpoint
        with capture_logs() as logged:
            for name in ("p1", "p2"):
                passes.traces.ended(passes.record(name))
                passes.traces._processor.force_flush()
            passes.traces.close()

    assert [line["event"] for line in logged] == ["traces are lost"]
    assert (len(collector.paths), elsewhere.paths) == (2, [])


def test_the_environment_changes_nothing(
    collector: OtlpCollector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither variables of the library nor of proxies, nor a .netrc, change what is sent, where, and whether."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    for name, value in {
        "NETRC": str(tmp_path / ".netrc"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "OTEL_SDK_DISABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-foreign=1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-foreign=1",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere/client.pem",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0",
        "OTEL_BSP_EXPORT_TIMEOUT": "never",
        "OTEL_RESOURCE_ATTRIBUTES": "foreign=1",
        "OTEL_SERVICE_NAME": "foreign",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "many",
        "OTEL_TRACES_SAMPLER": "always_off",
    }.items():
        monkeypatch.setenv(name, value)
    passes = Passes(TracingAccess(collector.endpoint, "site-7"))
    passes.part("p1", (Phase.FETCH, 1.0))
    passes.traces.ended(passes.record("p1"))
    passes.traces.close()

    assert sorted(span.name for span in collector.spans) == ["fetch", "reconcile"]
    assert collector.resources[0].keys() == {"service.name", "service.version"}
    assert collector.resources[0]["service.name"] == "site-7"
    assert not {"x-foreign", "content-encoding", "authorization"} & collector.headers[0].keys()


def test_a_fabric_that_leaves_while_its_pass_ends(collector: OtlpCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread forgets it: the trace is made all the same."""
    passes = Passes(TracingAccess(collector.endpoint, "x"))
    passes.part("p1", (Phase.FETCH, 1.0))

    class Forgetting(dict[str, tuple[str, tuple[str, ...]]]):
        def get(self, key: str, default: Any = None) -> Any:
            found = super().get(key, default)
            passes.traces.forget(key)
            return found

    monkeypatch.setattr(passes.traces, "_requests", Forgetting(passes.traces._requests))
    passes.traces.ended(passes.record("p1"))
    passes.traces.close()

    assert "reconcile" in [span.name for span in collector.spans]


def test_headers_that_are_none(collector: OtlpCollector) -> None:
    """What cannot be read is said without being shown, and nothing is sent without it."""
    passes = Passes(TracingAccess(collector.endpoint, "x", headers=lambda: b"s3cret"))
    with capture_logs() as logged:
        passes.traces.ended(passes.record("p1"))
        passes.traces.close()

    assert [line["error"] for line in logged] == ["tracing: line 1 of the headers is not of the form Name: value"]
    assert collector.headers == []


def test_the_form_of_headers() -> None:
    """One a line; empty lines are none."""
    assert parse_headers("A: b\n\n  X-Y :  c: d \n") == {"a": "b", "x-y": "c: d"}
    with pytest.raises(ConfigurationError, match="line 2"):
        parse_headers("A: b\n: c")


def test_a_fabric_that_left(collector: OtlpCollector) -> None:
    """Nothing is kept of it."""
    passes = Passes(TracingAccess(collector.endpoint, "x"))
    passes.part("p1", (Phase.FETCH, 1.0))
    passes.traces.forget("dc1")
    passes.traces.forget("dc9")

    assert (passes.traces._notes, passes.traces._requests) == ({}, {})
    passes.traces.close()
