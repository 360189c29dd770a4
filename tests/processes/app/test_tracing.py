"""Traces of the running service, as a real collector receives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.app.parts import build_parts
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, secret, settings
from tests.unit.status.collector import OtlpCollector, attribute

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.proto.trace.v1.trace_pb2 import Span


def test_passes_are_traced(repository: Path, tmp_path: Path) -> None:
    """Each pass arrives as one trace with its phases, after the service has ended at the latest; a pass that a person
    asked for names that request.
    """
    secret(tmp_path, "headers", f"Authorization: Bearer {CANARY}-otel\n")
    asked: list[str] = []

    def use(client: Client) -> None:
        wait_until(lambda: client.get("/fabrics/dc1").json()["last_pass"], "the first pass")
        (request,) = client.reconcile(f"{CANARY}-api-token").json()["requests"]
        asked.append(request["id"])

    with OtlpCollector() as collector:
        tracing = {"endpoint": collector.endpoint, "service_name": "site-7", "headers_file": "secrets/headers"}
        found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)], tracing=tracing)
        run(lambda: build_parts(found), use)
        roots = {tuple(_requests(span)): span for span in collector.spans if span.name == "reconcile"}

    assert collector.headers[0]["authorization"] == f"Bearer {CANARY}-otel"
    root = roots[tuple(asked)]
    phases = {span.name for span in collector.spans if span.parent_span_id == root.span_id}
    assert phases >= {"fetch", "read", "observe", "plan", "netbox"}
    assert (attribute(root, "reconciler.fabric"), attribute(root, "reconciler.triggers")) == ("dc1", ["request"])


def _requests(span: Span) -> list[str]:
    found = attribute(span, "reconciler.requests")
    assert isinstance(found, list)
    return found
