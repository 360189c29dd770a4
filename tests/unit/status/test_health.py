"""The health of the process's own parts."""

from __future__ import annotations

from reconciler.status.health import Components, ComponentState
from tests.unit.store.samples import SetClock

RUNNING, FAILED, STOPPED = ComponentState.RUNNING, ComponentState.FAILED, ComponentState.STOPPED


def test_what_is_said_of_a_part() -> None:
    """A part that runs says since when, and when it came round last: that it was started is no work."""
    clock = SetClock()
    components = Components(clock)

    components.report("poll", RUNNING)
    assert components.as_json()["poll"]["last_ok"] is None
    clock.advance(seconds=5)
    components.progress("poll")

    assert components.as_json() == {
        "poll": {
            "state": "running",
            "since": "2026-03-01T12:00:00.000Z",
            "last_ok": "2026-03-01T12:00:05.000Z",
            "restarts": 0,
            "reason": None,
        }
    }


def test_since_moves_with_the_state_only() -> None:
    """A state that is reported again keeps its beginning; a new one begins now."""
    clock = SetClock()
    components = Components(clock)

    components.report("poll", RUNNING)
    components.progress("poll")
    clock.advance(seconds=5)
    components.report("poll", RUNNING)
    again = components.as_json()["poll"]
    clock.advance(seconds=5)
    components.report("poll", FAILED, "boom")
    failed = components.as_json()["poll"]

    assert (again["since"], again["last_ok"]) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:00.000Z")
    assert (failed["since"], failed["last_ok"]) == ("2026-03-01T12:00:10.000Z", "2026-03-01T12:00:00.000Z")
    assert failed["reason"] == "boom"


def test_a_reason_goes_with_its_state() -> None:
    """A part that recovered gives no reason any more."""
    components = Components(SetClock())

    components.report("poll", FAILED, "boom")
    components.report("poll", RUNNING)

    assert components.as_json()["poll"]["reason"] is None


def test_restarts() -> None:
    """Only who starts a part again counts a restart: one that is asked how it is may fail and be well by itself."""
    components = Components(SetClock())

    for state in (RUNNING, FAILED, RUNNING, FAILED, RUNNING):
        components.report("store", state)
    assert components.as_json()["store"]["restarts"] == 0

    components.report("poll", RUNNING)
    for _ in range(2):
        components.report("poll", FAILED, "boom")
        components.report("poll", RUNNING, is_restart=True)
    assert components.as_json()["poll"]["restarts"] == 2


def test_progress_of_an_earlier_moment() -> None:
    """Whoever looks on may know when a part came round."""
    clock = SetClock()
    components = Components(clock)
    components.report("worker-1", RUNNING)
    earlier = clock.now()
    clock.advance(seconds=90)

    components.progress("worker-1", earlier)

    assert components.as_json()["worker-1"]["last_ok"] == "2026-03-01T12:00:00.000Z"


def test_reasons_can_be_told() -> None:
    """The name of a file that is no UTF-8 fells nobody who reads why."""
    components = Components(SetClock())
    for name, tell in (("files", components.trouble), ("poll", lambda *of: components.report(of[0], FAILED, of[1]))):
        components.report(name, RUNNING)
        tell(name, "caf\udce9.yaml: not found")

    assert components.in_trouble() | components.not_running() == dict.fromkeys(
        ("files", "poll"), "caf\\udce9.yaml: not found"
    )


def test_what_does_not_run() -> None:
    """Every part that does not run is named, with its reason or else its state."""
    components = Components(SetClock())
    for name, state, reason in (
        ("web", RUNNING, None),
        ("poll", FAILED, "StateError: disk full"),
        ("worker-1", ComponentState.STARTING, None),
        ("worker-2", STOPPED, None),
    ):
        components.report(name, state, reason)

    assert components.not_running() == {
        "poll": "StateError: disk full",
        "worker-1": "starting",
        "worker-2": "stopped",
    }


def test_progress_and_trouble() -> None:
    """A part with trouble runs on, says what with, and since when it has made no progress; progress ends it."""
    clock = SetClock()
    components = Components(clock)
    components.report("watch/dc1/VPC", RUNNING)
    components.progress("watch/dc1/VPC")

    clock.advance(seconds=5)
    components.trouble("watch/dc1/VPC", "ClusterUnavailable: no answer")
    troubled = components.as_json()["watch/dc1/VPC"]
    assert components.in_trouble() == {"watch/dc1/VPC": "ClusterUnavailable: no answer"}
    assert components.not_running() == {}

    clock.advance(seconds=5)
    components.progress("watch/dc1/VPC")
    recovered = components.as_json()["watch/dc1/VPC"]

    assert (troubled["state"], troubled["last_ok"]) == ("running", "2026-03-01T12:00:00.000Z")
    assert troubled["reason"] == "ClusterUnavailable: no answer"
    assert (recovered["since"], recovered["last_ok"]) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:10.000Z")
    assert (recovered["reason"], components.in_trouble()) == (None, {})


def test_what_is_down_has_no_progress() -> None:
    """What a failed part still says does not hide that it failed, and why."""
    components = Components(SetClock())
    components.report("poll", FAILED, "boom")

    components.progress("poll")
    components.trouble("poll", "late")

    assert components.not_running() == {"poll": "boom"}
    assert components.in_trouble() == {}
    assert components.as_json()["poll"]["last_ok"] is None


def test_what_is_forgotten() -> None:
    """A part that is no longer wanted is not missed, and what it says afterwards does not bring it back."""
    components = Components(SetClock())
    components.report("watch/dc1/VPC", FAILED, "boom")

    components.forget("watch/dc1/VPC")
    components.forget("never/heard/of")
    components.progress("watch/dc1/VPC")
    components.trouble("watch/dc1/VPC", "late")

    assert components.as_json() == {}
    assert components.not_running() == {}
