"""The watchdog: what it notices of the event loop and of workers, and whom it tells."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.app.systemd import Notifier
from reconciler.app.watchdog import BLOCKED_AFTER, WATCHDOG, Watchdog
from reconciler.model.passes import Phase
from reconciler.status.health import Components, ComponentState
from reconciler.status.marks import HUNG_AFTER, Marks
from reconciler.status.metrics import Metrics
from reconciler.threads import ContextPool
from tests.unit.app.test_systemd import Systemd
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kennel:
    """A watchdog over one worker, on a clock that is set by hand, and the systemd that it tells."""

    def __init__(self, folder: Path) -> None:
        self.clock = SetClock()
        self.marks = Marks(self.clock)
        self.components = Components(self.clock)
        for name in ("worker-1", WATCHDOG):
            self.components.report(name, ComponentState.RUNNING)
        self.metrics = Metrics()
        self.systemd = Systemd(str(folder / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "100000"})
        live = (self.components, self.metrics)
        self.watchdog = Watchdog(self.marks, ["worker-1"], live, notifier, self.clock.monotonic)
        self.passes = ExitStack()

    def metric(self, name: str) -> str:
        text = self.metrics.render((), depth=0, oldest=0.0)[0].decode()
        return next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.fixture
def kennel(tmp_path: Path) -> Iterator[Kennel]:
    kennel = Kennel(tmp_path)
    with kennel.passes:
        yield kennel
    kennel.systemd.close()


def test_a_loop_that_beats_is_well(kennel: Kennel) -> None:
    """Before the first beat nothing is late; after one, only what is longer than the limit is."""
    assert kennel.watchdog.look()

    kennel.watchdog.beat()
    kennel.clock.advance(seconds=BLOCKED_AFTER - 0.1)

    assert kennel.watchdog.look()
    assert kennel.metric("reconciler_event_loop_blocked_total") == "0.0"


def test_a_blocked_loop(kennel: Kennel) -> None:
    """It is counted and logged once, however long it lasts, and its end is logged."""
    kennel.watchdog.beat()
    kennel.clock.advance(seconds=BLOCKED_AFTER)

    with capture_logs() as logged:
        assert not kennel.watchdog.look()
        kennel.clock.advance(seconds=60)
        assert not kennel.watchdog.look()
        assert "blocked" in kennel.components.in_trouble()[WATCHDOG]
        kennel.watchdog.beat()
        assert kennel.watchdog.look()

    assert [line["event"] for line in logged] == ["event loop blocked", "event loop goes on"]
    assert kennel.metric("reconciler_event_loop_blocked_total") == "1.0"
    assert kennel.components.in_trouble() == {}


def test_a_hung_worker(kennel: Kennel) -> None:
    """A pass without a mark for too long is named with its fabric, its phase and since when; it ends by a mark."""
    kennel.passes.enter_context(kennel.marks.running("worker-1", "dc1"))
    kennel.marks.entered("dc1", Phase.NETBOX)
    kennel.clock.advance(seconds=HUNG_AFTER - 1)
    kennel.watchdog.beat()
    assert kennel.watchdog.hanging() == {}

    kennel.clock.advance(seconds=1)
    with capture_logs() as logged:
        kennel.watchdog.beat()
        kennel.watchdog.beat()

    expected = "the pass over dc1 has made no progress since 2026-03-01T12:00:00.000Z, in phase netbox"
    assert kennel.watchdog.hanging() == kennel.components.in_trouble() == {"worker-1": expected}
    assert [(line["worker"], line["fabric"], line["phase"]) for line in logged] == [("worker-1", "dc1", "netbox")]
    assert not kennel.watchdog.look()
    assert kennel.metric("reconciler_workers_hung") == "1.0"

    kennel.marks.stepped("dc1")
    kennel.watchdog.beat()
    assert (kennel.watchdog.hanging(), kennel.components.in_trouble()) == ({}, {})


def test_a_long_pass_that_gets_on(kennel: Kennel) -> None:
    """Hours of work are no hang while something comes back now and then, in whatever thread it was done."""
    kennel.passes.enter_context(kennel.marks.running("worker-1", "dc1"))
    with ContextPool(2) as pool:
        for _ in range(10):
            kennel.clock.advance(seconds=HUNG_AFTER - 1)
            pool.submit(kennel.marks.here).result()
            kennel.watchdog.beat()
            assert kennel.watchdog.look()


def test_marks_of_others(kennel: Kennel) -> None:
    """What is done for nobody's pass, or for another one, says nothing of a pass."""
    kennel.passes.enter_context(kennel.marks.running("worker-1", "dc1"))
    kennel.clock.advance(seconds=HUNG_AFTER)

    def work_for_another() -> None:
        kennel.marks.here()
        with kennel.marks.running("worker-2", "dc2"):
            kennel.marks.stepped("dc2")

    other = threading.Thread(target=work_for_another)
    other.start()
    other.join()

    assert list(kennel.watchdog.hanging()) == ["worker-1"]


def test_an_idle_worker_is_well(kennel: Kennel) -> None:
    """Where there is nothing to do the worker was well a moment ago, whenever its last pass was."""
    kennel.clock.advance(seconds=7200)
    kennel.watchdog.beat()

    components = kennel.components.as_json()

    assert {one["last_ok"] for one in components.values()} == {"2026-03-01T14:00:00.000Z"}


def test_signs_of_life_end_with_life(kennel: Kennel) -> None:
    """Systemd hears of the service for as long as its loop beats, and no more when it is blocked."""
    kennel.watchdog.beat()
    assert kennel.systemd.heard() == ["STATUS=Serving"]
    kennel.watchdog.guard()
    _until(lambda: "WATCHDOG=1" in kennel.systemd.heard())

    kennel.clock.advance(seconds=6 * BLOCKED_AFTER)
    _until(lambda: kennel.metric("reconciler_event_loop_blocked_total") == "1.0")
    kennel.systemd.heard()
    threading.Event().wait(0.3)

    assert kennel.systemd.heard() == []
    kennel.watchdog.rest()


def test_the_status_in_words(kennel: Kennel) -> None:
    """Systemd shows what does not run, and what hangs."""
    kennel.components.report("poll", ComponentState.FAILED, "disk full")
    kennel.watchdog.beat()
    kennel.passes.enter_context(kennel.marks.running("worker-1", "dc1"))
    kennel.clock.advance(seconds=HUNG_AFTER)
    kennel.watchdog.beat()

    first, second = kennel.systemd.heard()

    assert first == "STATUS=Not ready: poll: disk full"
    assert second.startswith("STATUS=Hanging: worker-1: the pass over dc1 has made no progress since")
    assert second.endswith("in no phase")


def _until(condition: object) -> None:
    """Wait for what a thread of real time does."""
    assert callable(condition)
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("not within 5 s")
