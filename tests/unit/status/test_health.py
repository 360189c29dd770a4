"""The health of the process's own parts."""

from __future__ import annotations

import pytest

from reconciler.status.health import Components, ComponentState
from tests.unit.store.samples import SetClock

RUNNING, FAILED, STOPPED = ComponentState.RUNNING, ComponentState.FAILED, ComponentState.STOPPED


def test_what_is_said_of_a_part() -> None:
    """A part that runs says since when, and when it was last known to."""
    components = Components(SetClock())

    components.report("poll", RUNNING)

    assert components.as_json() == {
        "poll": {
            "state": "running",
            "since": "2026-03-01T12:00:00.000Z",
            "last_ok": "2026-03-01T12:00:00.000Z",
            "restarts": 0,
            "reason": None,
        }
    }


def test_since_moves_with_the_state_only() -> None:
    """A state that is reported again keeps its beginning; a new one begins now."""
    clock = SetClock()
    components = Components(clock)

    components.report("poll", RUNNING)
    clock.advance(seconds=5)
    components.report("poll", RUNNING)
    again = components.as_json()["poll"]
    clock.advance(seconds=5)
    components.report("poll", FAILED, "boom")
    failed = components.as_json()["poll"]

    assert (again["since"], again["last_ok"]) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:00:05.000Z")
    assert (failed["since"], failed["last_ok"]) == ("2026-03-01T12:00:10.000Z", "2026-03-01T12:00:05.000Z")
    assert failed["reason"] == "boom"


def test_a_reason_goes_with_its_state() -> None:
    """A part that recovered gives no reason any more."""
    components = Components(SetClock())

    components.report("poll", FAILED, "boom")
    components.report("poll", RUNNING)

    assert components.as_json()["poll"]["reason"] is None


@pytest.mark.parametrize(
    ("states", "restarts"),
    [
        pytest.param([RUNNING], 0, id="first start"),
        pytest.param([RUNNING, RUNNING], 0, id="still running"),
        pytest.param([RUNNING, FAILED], 0, id="down"),
        pytest.param([RUNNING, FAILED, RUNNING, FAILED, RUNNING], 2, id="up again, twice"),
        pytest.param([FAILED, FAILED, RUNNING], 1, id="failed before it ran"),
        pytest.param([RUNNING, STOPPED, RUNNING], 0, id="a stop is no failure"),
    ],
)
def test_restarts(states: list[ComponentState], restarts: int) -> None:
    """Only a start after a failure counts as a restart."""
    components = Components(SetClock())

    for state in states:
        components.report("poll", state)

    assert components.as_json()["poll"]["restarts"] == restarts


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
