"""The watchdog: what it notices of the event loop and of workers, and whom it tells."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.app.systemd import Notifier
from reconciler.app.watchdog import BEAT, BLOCKED_AFTER, UNTAKEN_AFTER, WATCHDOG, Watchdog
from reconciler.model.passes import Phase
from reconciler.model.requests import Trigger, Work
from reconciler.queue import WorkQueue
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
        self.queue = WorkQueue(self.clock.monotonic)
        passes = (self.marks, self.queue)
        self.watchdog = Watchdog(passes, ["worker-1"], live, notifier, self.clock.monotonic)
        self.passes = ExitStack()

    def beat(self, times: int) -> None:
        """The loop comes round each second."""
        for _ in range(times):
            self.clock.advance(seconds=BEAT)
            self.watchdog.beat()

    def last_ok(self) -> str:
        return str(self.components.as_json()["worker-1"]["last_ok"])

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


def test_a_worker_in_a_pass_was_well_at_its_last_mark(kennel: Kennel) -> None:
    """A pass that is stuck for half an hour does not look as if it had just got on."""
    kennel.clock.advance(seconds=60)
    kennel.passes.enter_context(kennel.marks.running("worker-1", "dc1"))
    kennel.clock.advance(seconds=HUNG_AFTER - 60)
    kennel.watchdog.beat()
    assert kennel.last_ok() == "2026-03-01T12:01:00.000Z"

    kennel.marks.stepped("dc1")
    kennel.watchdog.beat()
    assert kennel.last_ok() == "2026-03-01T12:40:00.000Z"


def test_a_worker_that_takes_nothing(kennel: Kennel) -> None:
    """Outside of a pass there are no marks: that a fabric waits, and nobody takes it, is the sign. It is logged once,
    and over once a pass runs.
    """
    kennel.beat(1)
    kennel.queue.add("dc1", Work((Trigger.PUSH,)))
    kennel.beat(int(UNTAKEN_AFTER) - 1)
    assert (kennel.watchdog.hanging(), kennel.last_ok()) == ({}, "2026-03-01T12:00:01.000Z")

    with capture_logs() as logged:
        kennel.beat(2)

    expected = {"worker-1": "it takes no fabric, though one has been waiting for more than 120 s"}
    assert kennel.watchdog.hanging() == kennel.components.in_trouble() == expected
    assert [(line["event"], line["worker"]) for line in logged] == [("worker hangs", "worker-1")]
    assert not kennel.watchdog.look()

    with kennel.marks.running("worker-1", "dc1"):
        kennel.watchdog.beat()
    assert (kennel.watchdog.hanging(), kennel.components.in_trouble()) == ({}, {})


def test_fabrics_that_wait_for_a_long_pass(kennel: Kennel) -> None:
    """While any worker makes a pass, that others wait says nothing."""
    kennel.queue.add("dc2", Work((Trigger.PUSH,)))
    with kennel.marks.running("worker-1", "dc1"):
        kennel.beat(2 * int(UNTAKEN_AFTER))
        assert kennel.watchdog.hanging() == {}

    kennel.beat(int(UNTAKEN_AFTER) // 2)
    assert kennel.watchdog.hanging() == {}, "from the end of the pass on it counts"


def test_a_process_that_stood_still_took_nothing(kennel: Kennel) -> None:
    """An hour in which nobody could do anything is a moment."""
    kennel.queue.add("dc1", Work((Trigger.PUSH,)))
    kennel.beat(1)
    kennel.clock.advance(seconds=3600)
    kennel.watchdog.beat()

    assert kennel.watchdog.hanging() == {}


def test_a_worker_that_is_down_does_not_hang(kennel: Kennel) -> None:
    """It is started again, and said to be down meanwhile."""
    kennel.components.report("worker-1", ComponentState.FAILED, "boom")
    kennel.queue.add("dc1", Work((Trigger.PUSH,)))
    kennel.beat(2 * int(UNTAKEN_AFTER))

    assert kennel.watchdog.hanging() == {}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_guard_that_died_is_renewed(kennel: Kennel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the thread nobody would notice a blocked loop, and systemd would end a service that is well."""
    with monkeypatch.context() as patched:
        patched.setattr(kennel.watchdog, "look", lambda: sys.exit(1))
        kennel.watchdog.guard()
        _until(lambda: WATCHDOG not in [thread.name for thread in threading.enumerate()])
    kennel.systemd.heard()

    with capture_logs() as logged:
        kennel.watchdog.beat()

    assert [line["event"] for line in logged] == ["the watchdog's thread ended, and is started again"]
    _until(lambda: "WATCHDOG=1" in kennel.systemd.heard())
    kennel.watchdog.rest()


def test_a_status_that_cannot_be_told(kennel: Kennel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop beats all the same."""

    def fail(text: str) -> None:
        raise ValueError(text)

    monkeypatch.setattr(kennel.watchdog.notifier, "status", fail)
    kennel.beat(1)
    kennel.clock.advance(seconds=BLOCKED_AFTER - 1)

    assert kennel.watchdog.look()
    assert kennel.last_ok() == "2026-03-01T12:00:01.000Z"


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
