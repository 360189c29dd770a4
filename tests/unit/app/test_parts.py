"""The composition root: every part is built from the settings, and wired to the others."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from reconciler.app import parts as parts_module
from reconciler.app.effects import ReloadEffects, unsettled
from reconciler.app.listening import PRUNE_EVERY, WRITES, Measured, PassListener
from reconciler.app.live import Live
from reconciler.app.parts import build_parts, read_token
from reconciler.app.subjects import Stock
from reconciler.app.supervisor import Supervisor
from reconciler.app.watching import Watches
from reconciler.errors import ConfigurationError, StateError
from reconciler.model.passes import Outcome
from reconciler.model.requests import Trigger, Work
from reconciler.model.status import Connection, ConnectionState, PassResult
from reconciler.queue import Next, Taken, WorkQueue
from reconciler.status.health import Components
from reconciler.status.metrics import Metrics
from reconciler.status.site_status import SiteStatus
from reconciler.store import Store, open_store
from tests.unit.app.configuration import CANARY, LOCAL, secret, settings
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta
    from pathlib import Path

    from reconciler.model.passes import PassRecord


def _values(metrics: Metrics) -> dict[str, float]:
    text, _ = metrics.render((), depth=0, oldest=0.0)
    families = text_string_to_metric_families(text.decode())
    return {
        s.name + "".join(f" {v}" for v in s.labels.values()): s.value for family in families for s in family.samples
    }


def test_every_part_is_built(tmp_path: Path) -> None:
    """The parts are as the settings say, on the state file beside the configuration; nothing runs yet."""
    found = settings(tmp_path, LOCAL, {**LOCAL, "enabled": False}, workers=3, state="sqlite:///here/state.db")

    parts = build_parts(found)

    assert (parts.host, parts.port, len(parts.workers)) == ("127.0.0.1", 0, 3)
    assert [fabric.name for fabric in parts.fabrics] == ["dc1", "dc2"]
    assert (tmp_path / "here" / "state.db").exists()
    assert parts.intake.receivers("github")[0].secret == f"{CANARY}-webhook".encode()
    assert (parts.queue.depth(), parts.stop.is_set(), parts.components.as_json()) == (0, False, {})
    parts.close()


def test_a_build_that_fails_lets_go_of_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a part cannot be built the state file is free again, for the next try."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    found = settings(tmp_path, {"cluster": {"in_cluster": True}})

    with pytest.raises(ConfigurationError):
        build_parts(found)

    open_store(found.state_path, samples.SetClock()).close()


def test_a_build_that_fails_ends_its_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of them goes on when a later part cannot be built."""

    def fail(*_: object) -> None:
        raise ConfigurationError("no")

    monkeypatch.setattr(parts_module, "_reporter", fail)
    before = set(threading.enumerate())
    found = settings(tmp_path, tracing={"endpoint": "http://127.0.0.1:9/v1/traces"})

    with pytest.raises(ConfigurationError):
        build_parts(found)

    assert set(threading.enumerate()) <= before


def test_two_processes_on_one_state(tmp_path: Path) -> None:
    """A second service on the same state file is refused before anything of it runs."""
    found = settings(tmp_path)
    parts = build_parts(found)

    with pytest.raises(StateError, match="in use"):
        build_parts(found)

    parts.close()


def test_the_api_token_is_read_each_time(tmp_path: Path) -> None:
    """A token that was changed works at once, without a restart; without one there is none."""
    source = settings(tmp_path).server.api_token
    assert read_token(source) == f"{CANARY}-api-token".encode()

    secret(tmp_path, "api-token", "rotated\n")

    assert read_token(source) == b"rotated"
    assert read_token(None) is None


async def test_a_removed_fabric_is_forgotten(tmp_path: Path) -> None:
    """Of the fabrics whose work ends, those that are still configured, as a disabled one is, are remembered."""
    parts = build_parts(settings(tmp_path, {**LOCAL, "enabled": False}))
    first, second = list[str](), list[str]()
    forgetful = first.append, second.append
    effects = ReloadEffects(parts.live, parts.intake, parts.watches, (parts.poll.wake,), forgetful, list)

    await effects.end(["dc1", "dc9"])

    assert first == second == ["dc9"]
    parts.close()


class Passes:
    """A runner that makes no pass, and ends as told."""

    def __init__(self, outcome: Next | BaseException) -> None:
        self.outcome = outcome

    def run(self, taken: Taken) -> Next:
        assert taken.key == "dc1"
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


TAKEN = Taken("dc1", Work((Trigger.PUSH,)), 1.5)


def test_a_pass_is_measured() -> None:
    """How long a fabric waited is told, and what the pass ends with is passed on."""
    metrics = Metrics()

    assert Measured(Passes(Next(unanswered=("r1",))), metrics).run(TAKEN) == Next(unanswered=("r1",))

    values = _values(metrics)
    assert values["reconciler_queue_wait_seconds_sum event"] == 1.5
    assert values["reconciler_worker_exceptions_total"] == 0


def test_a_pass_that_yields_is_counted() -> None:
    """Each time that a pass lets another fabric go first is counted."""
    metrics = Metrics()
    following = Next(remainder=replace(TAKEN.work, remainder="p1"))

    assert Measured(Passes(following), metrics).run(TAKEN) == following

    assert _values(metrics)["reconciler_pass_yields_total dc1"] == 1


def test_a_pass_that_raises_is_counted() -> None:
    """A pass that ended by what nobody foresaw is counted."""
    metrics = Metrics()
    following = Next(is_retryable=True, is_defect=True)

    assert Measured(Passes(following), metrics).run(TAKEN) == following

    assert _values(metrics)["reconciler_worker_exceptions_total"] == 1


def test_a_panic_is_counted() -> None:
    """What is no Exception, as a panic of a library that is not written in Python, counts and goes on."""

    class PanicError(BaseException):
        pass

    metrics = Metrics()
    with pytest.raises(PanicError):
        Measured(Passes(PanicError()), metrics).run(TAKEN)
    with pytest.raises(KeyboardInterrupt):
        Measured(Passes(KeyboardInterrupt()), metrics).run(TAKEN)

    assert _values(metrics)["reconciler_worker_exceptions_total"] == 1


class History:
    """A real store with passes, and what follows their end."""

    def __init__(self, folder: Path) -> None:
        self.clock = samples.SetClock()
        self.store = open_store(folder / "state.db", self.clock)
        self.metrics = Metrics()
        self.ended: list[PassRecord] = []
        """Those that whoever follows the events is told of."""
        found = settings(folder, history={"days": 1, "passes": 1})
        self.live = Live(found, Stock(self.store, folder / "mirrors"), lambda _fabric: None)

    def listener(self, store: Store | None = None) -> PassListener:
        watches = Watches(Supervisor(Components(self.clock)))
        used = store or self.store
        told = self.metrics, SiteStatus(used, self.clock)
        return PassListener(self.live, watches, used, told, self.clock, [self.ended.append])

    def end_pass(self, name: str) -> None:
        result = samples.pass_result(name, finished=self.clock.now())
        self.store.record_pass(PassResult(result.record, result.fabric))

    def kept(self) -> list[str]:
        return [record.id for record in self.store.passes("dc1")]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path)
    yield history
    history.store.close()


def test_a_pass_that_ended_is_counted(history: History) -> None:
    """The metrics learn of the pass and of what it wrote, kind by kind; what it only read is no write."""
    record = replace(samples.pass_record("p1"), counts={"created": 2, "netbox_deleted": 1, "unchanged": 9})

    history.listener().ended(record)

    values = _values(history.metrics)
    written = {what: values[f"reconciler_writes_total dc1 {what}"] for what in WRITES}
    assert written == dict.fromkeys(WRITES, 0) | {"created": 2, "netbox_deleted": 1}
    assert values["reconciler_passes_total dc1 partial"] == 1
    assert "reconciler_writes_total dc1 unchanged" not in values


def test_a_listener_that_fails(history: History) -> None:
    """It costs neither the metrics nor the others, and no error leaves: the stored pass would be made again for it."""

    def fail(_record: PassRecord) -> None:
        raise KeyError("x")

    listener = history.listener()
    listener._others = [fail, history.ended.append]
    record = samples.pass_record("p1")
    with capture_logs() as logged:
        listener.ended(record)

    assert history.ended == [record]
    assert _values(history.metrics)["reconciler_passes_total dc1 partial"] == 1
    assert "unexpected error while telling of a pass" in [line["event"] for line in logged]


def test_a_fabric_that_left_is_not_counted(history: History) -> None:
    """The end of a pass over a fabric that left the configuration meanwhile brings nothing of it into the metrics."""
    history.listener().ended(samples.pass_record("p1", "gone"))

    assert not [name for name in _values(history.metrics) if "gone" in name]


def test_old_history_is_pruned_now_and_then(history: History) -> None:
    """What is older than the settings say is forgotten with the first pass, and then at most once an hour."""
    listener = history.listener()
    record = samples.pass_record("p0")
    for name in ("old-1", "old-2"):
        history.end_pass(name)
    history.clock.advance(days=2)

    listener.ended(record)
    assert history.kept() == ["old-2"], "the last one is kept however old it is"

    history.end_pass("new")
    history.clock.advance(seconds=PRUNE_EVERY - 1)
    listener.ended(record)
    assert history.kept() == ["new", "old-2"], "not yet again"

    history.clock.advance(seconds=1)
    listener.ended(record)
    assert history.kept() == ["new"]


FAILING = {"netbox": Connection(ConnectionState.FAILING)}


@pytest.mark.parametrize(
    ("outcome", "connections", "is_unsettled"),
    [
        pytest.param(Outcome.SUCCEEDED, {}, False, id="succeeded"),
        pytest.param(Outcome.NO_CHANGE, {}, False, id="no change"),
        pytest.param(Outcome.FAILED, {}, True, id="failed"),
        pytest.param(Outcome.PARTIAL, {}, True, id="partial"),
        pytest.param(Outcome.SUCCEEDED, FAILING, True, id="a connection failed since"),
    ],
)
def test_who_may_do_better_with_other_credentials(
    history: History, outcome: Outcome, connections: dict[str, Connection], *, is_unsettled: bool
) -> None:
    """Fabrics that did not succeed, or miss a connection; and those that a pass works on, or that had none yet."""
    queue = WorkQueue(history.clock.monotonic)
    result = samples.pass_result("p1", finished=history.clock.now())
    assert result.fabric.last_pass is not None
    last = replace(result.fabric.last_pass, outcome=outcome)
    fabric = replace(result.fabric, last_pass=last, connections=connections)
    history.store.record_pass(PassResult(result.record, fabric))

    assert unsettled(history.store, queue, ["dc1", "dc2"]) == (["dc1", "dc2"] if is_unsettled else ["dc2"])

    queue.add("dc1", Work((Trigger.POLL,)))
    assert unsettled(history.store, queue, ["dc1"]) == ["dc1"]


class FullDisk(Store):
    """A store that can forget nothing."""

    def prune(self, keep_for: timedelta, keep_passes: int, now: datetime) -> None:
        raise StateError("disk full")


def test_a_history_that_cannot_be_pruned(history: History) -> None:
    """It fails no pass: the pass was stored, and must not be made again for it. It is tried again an hour later."""
    listener = history.listener(FullDisk(history.store._database, history.clock))

    listener.ended(samples.pass_record("p1"))

    assert _values(history.metrics)["reconciler_passes_total dc1 partial"] == 1
