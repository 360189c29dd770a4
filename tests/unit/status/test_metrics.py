"""Metrics: what happened is counted, and what is shown is what the status says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler import __version__
from reconciler.errors import ClusterUnavailableError
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.passes import Outcome, SyncState
from reconciler.model.requests import Trigger, Work
from reconciler.model.status import Connection, ConnectionState, SyncStatus, WebhookRecord
from reconciler.reconcile.breaker import Breaker
from reconciler.status import views
from reconciler.status.metrics import Metrics
from tests.unit.reconcile.rig import Rig
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from reconciler.model.status import FabricRecord

FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy(), simulated=("cluster",))


def _view(fabric: Fabric, record: FabricRecord) -> JSONObject:
    webhook = views.webhook_view(None, WebhookRecord("gitops"))
    return views.fabric_view(fabric, record, webhook, now=samples.NOON, is_reconciling=False)


class Scrape:
    """What Prometheus would read."""

    def __init__(self, metrics: Metrics, fabrics: Iterable[JSONObject] = (), depth: int = 0, oldest: float = 0) -> None:
        self.text, self.content_type = metrics.render(fabrics, depth=depth, oldest=oldest)
        families = list(text_string_to_metric_families(self.text.decode()))
        self.names = {family.name for family in families}
        self._samples = [sample for family in families for sample in family.samples]

    def all(self, name: str, **labels: str) -> dict[tuple[str, ...], float]:
        """Values by those labels that are not given, in the order of their names."""
        return {
            tuple(sample.labels[key] for key in sorted(sample.labels.keys() - labels.keys())): sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }

    def one(self, name: str, **labels: str) -> float:
        (value,) = self.all(name, **labels).values()
        return value


def test_names_and_version() -> None:
    """Every metric has our prefix, or is one that every Python process has, in the format that Prometheus asks for; the
    version is among them.
    """
    scrape = Scrape(Metrics())

    assert all(name.startswith(("reconciler_", "process_", "python_gc_")) for name in scrape.names)
    assert {"process_resident_memory_bytes", "process_open_fds"} <= scrape.names
    assert scrape.content_type.startswith("text/plain; version=")
    assert list(scrape.all("reconciler_build_info", version=__version__, commit="unknown").values()) == [1.0]


def test_the_commit_of_the_build() -> None:
    """A build that knows of which commit it was made says so."""
    assert len(Scrape(Metrics("c0ffee")).all("reconciler_build_info", commit="c0ffee")) == 1


def test_passes() -> None:
    """A pass counts under its outcome; its duration and those of its phases go into the histogram."""
    metrics = Metrics()
    metrics.pass_ended(samples.pass_record("p1"), {})
    metrics.pass_ended(samples.pass_record("p2"), {})
    metrics.pass_ended(replace(samples.pass_record("p3"), outcome=Outcome.SUCCEEDED), {})

    scrape = Scrape(metrics)

    assert scrape.all("reconciler_passes_total", fabric="dc1") == {("partial",): 2, ("succeeded",): 1}
    partial = {("all",): 6.0, ("fetch",): 0.5, ("apply",): 3.0}
    assert scrape.all("reconciler_pass_duration_seconds_sum", outcome="partial") == partial
    assert scrape.all("reconciler_pass_duration_seconds_count", phase="all") == {("partial",): 2, ("succeeded",): 1}


def test_writes() -> None:
    """Writes add up by fabric and by what was written; nothing written counts nothing."""
    metrics = Metrics()
    metrics.pass_ended(samples.pass_record("p1"), {"created": 3, "deleted": 0})
    metrics.pass_ended(samples.pass_record("p2"), {"created": 2, "deleted": 0})

    assert Scrape(metrics).all("reconciler_writes_total", fabric="dc1") == {("created",): 5, ("deleted",): 0}


def test_waiting_and_deliveries() -> None:
    """How long a fabric waited is observed, and deliveries count by provider and result."""
    metrics = Metrics()
    metrics.pass_taken(Work((Trigger.PUSH,)), 0.3)
    metrics.pass_taken(Work((Trigger.WATCH,)), 1.2)
    metrics.pass_taken(Work((Trigger.REQUEST, Trigger.POLL)), 0.1)
    metrics.pass_taken(Work((Trigger.POLL,), remainder="p1"), 60.0)
    metrics.delivery("github", "accepted")
    metrics.delivery("github", "bad_signature")

    scrape = Scrape(metrics, depth=2, oldest=1.5)

    assert scrape.all("reconciler_queue_wait_seconds_sum") == {("event",): pytest.approx(1.5), ("manual",): 0.1}
    assert scrape.all("reconciler_queue_wait_seconds_count") == {("event",): 2, ("manual",): 1}
    assert scrape.all("reconciler_deliveries_total", provider="github") == {("accepted",): 1, ("bad_signature",): 1}
    assert (scrape.one("reconciler_queue_depth"), scrape.one("reconciler_queue_oldest_seconds")) == (2, 1.5)


def test_commit_statuses() -> None:
    """What forges made of statuses is counted by their kind, not by repository or commit."""
    metrics = Metrics()
    for result in ("sent", "retried", "sent"):
        metrics.commit_status("gitlab", result)

    assert Scrape(metrics).all("reconciler_commit_statuses_total", forge="gitlab") == {("sent",): 2, ("retried",): 1}


def test_joins_and_yields() -> None:
    """Triggers that joined a waiting pass are counted, and how often each fabric let another go first."""
    metrics = Metrics()
    metrics.joined()
    metrics.joined()
    metrics.pass_yielded("dc1")

    scrape = Scrape(metrics)

    assert scrape.one("reconciler_queue_joined_total") == 2
    assert scrape.all("reconciler_pass_yields_total") == {("dc1",): 1}


def test_breakers() -> None:
    """Each target that a fabric has shows whether its breaker is open, from the start."""
    metrics = Metrics()
    view = _view(FABRIC, samples.fabric_record())
    assert Scrape(metrics, [view]).all("reconciler_breaker_open") == {("dc1", "cluster"): 0}
    breaker = Breaker("dc1", "cluster", samples.SetClock(), metrics.breaker)

    breaker.trip(ClusterUnavailableError("no answer"))
    assert Scrape(metrics, [view]).all("reconciler_breaker_open") == {("dc1", "cluster"): 1}

    breaker.close()
    assert Scrape(metrics, [view]).all("reconciler_breaker_open") == {("dc1", "cluster"): 0}


def test_a_fabric_that_left() -> None:
    """Nothing is said of a fabric that is no longer configured."""
    metrics = Metrics()
    assert Scrape(metrics, [_view(FABRIC, samples.fabric_record())]).all("reconciler_connection_up")

    scrape = Scrape(metrics)

    assert not [name for name in scrape.names if scrape.all(name, fabric="dc1")]


def test_unexpected_errors_of_passes(tmp_path: Path) -> None:
    """An error that no pass foresees counts, whether the pass noted it or was ended by it; a foreseen one does not."""
    rig = Rig(tmp_path)
    metrics = Metrics()
    rig.run()
    metrics.pass_ended(rig.last, {})
    assert rig.last.failures, "the repository is empty"
    assert Scrape(metrics).one("reconciler_worker_exceptions_total") == 0

    rig.source.fail(ZeroDivisionError())  # type: ignore[arg-type]
    rig.run()
    metrics.pass_ended(rig.last, {})
    assert Scrape(metrics).one("reconciler_worker_exceptions_total") == 1

    metrics.exception()
    assert Scrape(metrics).one("reconciler_worker_exceptions_total") == 2
    rig.store.close()


def test_the_present_status() -> None:
    """Of all statuses exactly one is 1, that of `GET /fabrics`, and it moves."""
    metrics = Metrics()
    failing = _view(FABRIC, samples.fabric_record())
    disabled = _view(replace(FABRIC, is_enabled=False), samples.fabric_record())

    for view in (failing, disabled):
        found = Scrape(metrics, [view]).all("reconciler_fabric_sync_status", fabric="dc1")
        assert found == {(status.value,): float(status.value == view["sync_status"]) for status in SyncStatus}
    assert (failing["sync_status"], disabled["sync_status"]) == ("error", "disabled")


def test_a_fabric() -> None:
    """Counts, drift, connections and the last success of a fabric are those of its view."""
    record = replace(samples.fabric_record(), states={"VPC": {SyncState.CHANGED: 2}, "Switch": {SyncState.IN_SYNC: 5}})
    view = _view(FABRIC, record)

    scrape = Scrape(Metrics(), [view])

    objects = {state: number for (state,), number in scrape.all("reconciler_fabric_objects", fabric="dc1").items()}
    assert objects == view["counts"]
    assert scrape.one("reconciler_fabric_drift_objects", fabric="dc1") == 2
    assert (
        scrape.one("reconciler_fabric_last_sync_timestamp_seconds") == samples.NOON.replace(microsecond=0).timestamp()
    )
    assert scrape.all("reconciler_fabric_simulated", fabric="dc1") == {("cluster",): 1, ("netbox",): 0}


@pytest.mark.parametrize(
    ("connections", "expected"),
    [
        pytest.param({"git": Connection(ConnectionState.OK)}, {("git",): 1.0}, id="ok"),
        pytest.param({"git": Connection(ConnectionState.FAILING)}, {("git",): 0.0}, id="failing"),
        pytest.param({}, {}, id="nothing is said of what is not known"),
        pytest.param({"netbox": Connection(ConnectionState.FAILING)}, {}, id="nor of what is not configured"),
    ],
)
def test_connections(connections: dict[str, Any], expected: dict[tuple[str], float]) -> None:
    """A connection is up or down only once it was tried."""
    view = _view(FABRIC, replace(samples.fabric_record(), connections=connections))

    assert Scrape(Metrics(), [view]).all("reconciler_connection_up", fabric="dc1") == expected


def test_never_synced() -> None:
    """A fabric without a success shows 0, the beginning of time, so that alerts on its age fire."""
    view = _view(FABRIC, replace(samples.fabric_record(), last_sync=None))

    assert Scrape(Metrics(), [view]).one("reconciler_fabric_last_sync_timestamp_seconds") == 0


def test_a_fabric_that_is_forgotten() -> None:
    """What was counted of a fabric that left the configuration is gone; what was counted of others stays."""
    metrics = Metrics()
    for fabric in ("dc1", "dc2"):
        metrics.pass_ended(samples.pass_record("p1", fabric), {"created": 1})
        metrics.pass_yielded(fabric)

    metrics.forget("dc2")
    metrics.forget("never seen")

    scrape = Scrape(metrics)
    assert "dc2" not in scrape.text.decode()
    for name in ("reconciler_passes_total", "reconciler_pass_yields_total", "reconciler_writes_total"):
        assert scrape.one(name, fabric="dc1") == 1


def test_notifications_are_counted() -> None:
    """By kind of receiver, and by what it made of them."""
    metrics = Metrics()
    metrics.notification("slack", "sent")
    metrics.notification("slack", "retried")
    metrics.notification("slack", "sent")

    text, _ = metrics.render([], depth=0, oldest=0.0)

    assert b'reconciler_notifications_total{kind="slack",result="sent"} 2.0' in text
    assert b'reconciler_notifications_total{kind="slack",result="retried"} 1.0' in text


@pytest.mark.parametrize("is_suspended", [True, False])
def test_who_is_left_alone_has_no_connections(is_suspended: bool) -> None:  # noqa: FBT001 - a case
    """Nobody asks the systems of a fabric that is suspended or disabled: an alert about them could never end."""
    metrics = Metrics()
    Breaker("dc1", "cluster", samples.SetClock(), metrics.breaker).trip(ClusterUnavailableError("no answer"))
    record = replace(samples.fabric_record(), connections={"git": Connection(ConnectionState.FAILING)})
    active = _view(FABRIC, record)
    assert Scrape(metrics, [active]).one("reconciler_connection_up") == 0
    assert Scrape(metrics, [active]).one("reconciler_breaker_open") == 1

    left = active | {"suspended": {"by": "me"}} if is_suspended else _view(replace(FABRIC, is_enabled=False), record)
    scrape = Scrape(metrics, [left])

    assert scrape.all("reconciler_connection_up") == scrape.all("reconciler_breaker_open") == {}
    assert scrape.one("reconciler_fabric_simulated", target="cluster") == 1


def test_outcomes_begin_at_zero() -> None:
    """The first failure of a fabric is a rise, which one with which its series began would not be."""
    metrics = Metrics()
    view = _view(FABRIC, samples.fabric_record())

    before = Scrape(metrics, [view]).all("reconciler_passes_total", fabric="dc1")
    metrics.pass_ended(samples.pass_record("p1"), {})
    after = Scrape(metrics, [view]).all("reconciler_passes_total", fabric="dc1")

    assert before == {(outcome.value,): 0 for outcome in Outcome}
    assert after == before | {("partial",): 1}
