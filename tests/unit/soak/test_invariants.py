"""Each check of the soak accuses a history that is wrong, and none that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak import invariants
from tests.soak.invariants import Life, Observation, Sample
from tests.soak.schedule import FABRICS, Action
from tests.soak.violations import clock

if TYPE_CHECKING:
    from collections.abc import Container

    from reconciler.model.json import JSONObject

T = 1_800_000_000.0
"""Any moment (seconds since the epoch)."""


def pass_(start: float, end: float, **fields: object) -> JSONObject:
    """A full pass that succeeded, by a poll, from `start` to `end` seconds after T."""
    usual = {"id": f"p{start}", "fabric": "f", "scope": None, "outcome": "succeeded", "triggers": ["poll"]}
    return {**usual, "started": clock(T + start), "finished": clock(T + end), **fields}


def seen(at: float, **fields: object) -> Observation:
    """What the fabric said `at` seconds after T; times are given as such seconds, too."""
    times = {name: value if value is None else clock(T + float(str(value))) for name, value in fields.items()}
    usual = {"name": "f", "suspended": None, "last_sync": None, "next_poll": None}
    return Observation(T + at, {**usual, **times})


# last_sync


def test_last_sync_moves_with_each_success() -> None:
    history = [seen(0), seen(3, last_sync=2), seen(9, last_sync=8)]

    assert list(invariants.moved_by_failure(history, [pass_(1, 2), pass_(7, 8, outcome="no_change")])) == []


@pytest.mark.parametrize("wrong", [{"outcome": "failed"}, {"outcome": "partial"}, {"scope": ["VPC/default/a"]}])
def test_last_sync_moved_by_no_success(wrong: dict[str, object]) -> None:
    (found,) = invariants.moved_by_failure([seen(3, last_sync=2)], [pass_(1, 2, **wrong)])

    assert "the end of no pass that succeeded" in found.evidence


def test_last_sync_went_back() -> None:
    history = [seen(9, last_sync=8), seen(10, last_sync=2)]

    (found,) = invariants.moved_by_failure(history, [pass_(1, 2), pass_(7, 8)])

    assert "went back" in found.evidence


# one pass at a time


def test_passes_follow_each_other() -> None:
    assert list(invariants.overlapping([pass_(2, 3), pass_(0, 2)])) == []


def test_passes_overlap() -> None:
    (found,) = invariants.overlapping([pass_(0, 2.001), pass_(2, 3)])

    assert "p0 ended at" in found.evidence


# polls

LIFE = [Life(1, T - 10)]
LATER = T + 1000


def missed(history: list[Observation], passes: list[JSONObject], lives: list[Life] = LIFE) -> list[str]:
    return [found.evidence for found in invariants.missed_polls(history, passes, lives, LATER)]


def test_a_due_poll_became_a_pass() -> None:
    assert missed([seen(0, next_poll=10), seen(2, next_poll=10)], [pass_(10.2, 11)]) == []


def test_a_due_poll_joined_a_push() -> None:
    assert missed([seen(0, next_poll=10)], [pass_(9, 12, triggers=["push", "poll"])]) == []


def test_a_due_poll_was_forgotten() -> None:
    """Neither a pass of another trigger, nor one before, nor one much later makes up for it."""
    others = [pass_(10, 11, triggers=["push"]), pass_(8, 9), pass_(10 + invariants.POLL_SLACK + 1, 60)]

    (found,) = missed([seen(0, next_poll=10)], others)

    assert f"due at {clock(T + 10)}" in found


def test_a_pass_over_some_objects_is_no_poll() -> None:
    assert missed([seen(0, next_poll=10)], [pass_(10, 11, scope=["VPC/default/a"])])


def test_a_fabric_that_backs_off_has_more_time() -> None:
    passes = [pass_(5, 6, outcome="failed"), pass_(70, 71, triggers=["poll", "retry"])]

    assert missed([seen(0, next_poll=10)], passes) == []
    assert missed([seen(0, next_poll=10)], passes[:1])


@pytest.mark.parametrize(
    "lives", [[Life(1, T - 10, T + 20)], [Life(1, T - 10, T + 5), Life(2, T + 6)], [Life(2, T + 1)]]
)
def test_a_poll_that_died_with_its_process_is_not_judged(lives: list[Life]) -> None:
    assert missed([seen(0, next_poll=10)], [], lives) == []


def test_a_suspended_fabric_is_not_polled() -> None:
    assert missed([seen(0, next_poll=10), seen(3, suspended=2)], []) == []


def test_a_poll_that_is_due_just_now_is_not_judged() -> None:
    assert list(invariants.missed_polls([seen(0, next_poll=10)], [], LIFE, T + 20)) == []


def test_a_poll_of_the_process_before_is_not_judged() -> None:
    assert missed([seen(30, next_poll=10)], []) == []


# requests


def test_every_request_ended() -> None:
    ended = dict(zip("abc", ("succeeded", "failed", "superseded"), strict=True))

    assert list(invariants.unanswered(ended, T)) == []


@pytest.mark.parametrize(("state", "told"), [("queued", "a is queued"), ("running", "a is running"), (None, "not kno")])
def test_a_request_did_not_end(state: str | None, told: str) -> None:
    (found,) = invariants.unanswered({"a": state}, T)

    assert told in found.evidence


# tasks


def tasks(**changed: JSONObject) -> dict[str, JSONObject]:
    running = {"state": "running", "since": clock(T), "reason": None}
    return {**dict.fromkeys(invariants.REQUIRED_TASKS, running), **changed}


def down(state: str) -> JSONObject:
    return {"state": state, "since": clock(T), "reason": "no idea"}


def test_a_task_that_backs_off_is_not_dead() -> None:
    assert list(invariants.dead_tasks(tasks(watch=down("failed")), T + 60, 1000)) == []


@pytest.mark.parametrize("state", ["failed", "stopped", "starting"])
def test_a_task_is_dead(state: str) -> None:
    (found,) = invariants.dead_tasks(tasks(watch=down(state)), T + 66, 1000)

    assert found.evidence == f"watch is {state} since {clock(T)}: no idea"


def test_a_task_is_missing() -> None:
    rest = {name: component for name, component in tasks().items() if name != "poll"}

    assert list(invariants.dead_tasks(rest, T, age=1)) == []
    (found,) = invariants.dead_tasks(rest, T, age=31)
    assert found.evidence == "poll is missing"


# answers


def test_a_service_that_starts_again_is_silent_for_a_moment() -> None:
    answers = [(T, True), (T + 2, False), (T + 30, False), (T + 33, True), (T + 60, False), (T + 80, True)]

    assert list(invariants.silences(answers)) == []


def test_a_service_that_does_not_come_back() -> None:
    (found,) = invariants.silences([(T, True), (T + 2, False), (T + 20, False), (T + 33, False)])

    assert found.evidence == f"no answer since {clock(T + 2)}"


# memory, files, threads


def life(figures: dict[str, list[float]], pid: int = 1, away: Container[int] = ()) -> list[Sample]:
    """A life of 30 looks, 10 s apart; figures are given for each. A server is `away` at some of the looks."""
    usual = {"memory": [150.0] * 30, "files": [80.0] * 30, "threads": [12.0] * 30, **figures}
    rows = zip(usual["memory"], usual["files"], usual["threads"], strict=True)
    return [
        Sample(T + 10 * n, pid, memory, int(f), int(t), is_whole=n not in away) for n, (memory, f, t) in enumerate(rows)
    ]


def test_what_comes_and_goes_is_no_leak() -> None:
    assert list(invariants.leaks(life({"files": [80.0, 130.0, 90.0] * 10}))) == []
    assert list(invariants.leaks([*life({}), *life({"memory": [220.0] * 30}, pid=2)])) == []
    assert list(invariants.leaks(life({"files": [*[49.0] * 20, *[91.0] * 10]}, away=range(20)))) == []


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"memory": [150 + 4.0 * n for n in range(30)]}, "more MiB of memory"),
        ({"files": [60 + 2.5 * n for n in range(30)]}, "more file descriptors"),
        ({"threads": [12 + 2.0 * n for n in range(30)]}, "more threads"),
        ({"memory": [*[150.0] * 29, 301.0]}, "301 MiB"),
        ({"files": [*[80.0] * 29, 151.0]}, "151 file descriptors"),
        ({"threads": [*[12.0] * 29, 81.0]}, "81 threads"),
    ],
)
def test_what_grows_is_a_leak(figures: dict[str, list[float]], told: str) -> None:
    (found,) = invariants.leaks(life(figures))

    assert told in found.evidence


# the log


def line(**fields: object) -> JSONObject:
    return {"timestamp": clock(T), "level": "info", "event": "pass ended", **fields}


def test_a_log_without_errors() -> None:
    assert list(invariants.faults([line(), line(level="warning", event="pass failed")])) == []


@pytest.mark.parametrize("wrong", [line(level="error"), line(level="critical"), line(exception="Traceback …")])
def test_an_error_in_the_log(wrong: JSONObject) -> None:
    (found,) = invariants.faults([line(), wrong])

    assert "pass ended" in found.evidence


# enough

DONE: dict[str, int] = {
    Action.KILL: 2,
    Action.STOP_SERVER: 3,
    Action.START_SERVER: 3,
    Action.RECONCILE: 1,
    Action.CHANGE: 10,
}
COMPARED = dict.fromkeys(FABRICS, 1)


def test_a_soak_that_did_enough() -> None:
    assert invariants.too_little(DONE, COMPARED, 300) == []
    assert invariants.too_little({}, {}, 60) == []


@pytest.mark.parametrize(
    ("done", "compared", "told"),
    [
        ({**DONE, Action.KILL: 1}, COMPARED, "kill -9 the service: 1 times, not 2"),
        ({**DONE, Action.CHANGE: 9}, COMPARED, "9 pushes, not 10"),
        (DONE, {**COMPARED, FABRICS[1]: 0}, f"{FABRICS[1]} was never compared"),
    ],
)
def test_a_soak_that_did_too_little(done: dict[str, int], compared: dict[str, int], told: str) -> None:
    (found,) = invariants.too_little(done, compared, 300)

    assert told in found
