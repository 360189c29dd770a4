"""Is the running service the installed one, and does everything run in it that must?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.verification import Verdict
from reconciler.plan.serving import Answers, Expected, is_health, judge_service
from reconciler.plan.verification import INSTALL_AGAIN

if TYPE_CHECKING:
    from reconciler.model.verification import Finding

EXPECTED = Expected("0.1.0", "sha256:abc", "sha256:cfg", ("web", "poll"))
READY = {"status": "ok", "not_running": {}}
ALIVE = {"status": "ok"}
HUNG = "the pass over dc1 has made no progress since 2026-03-01T11:20:00Z, in phase netbox"


def _component(state: str = "running", reason: str | None = None) -> dict[str, str | None]:
    return {"state": state, "reason": reason}


def _health(**changes: Any) -> dict[str, Any]:
    components = {"web": _component(), "poll": _component(), "watchdog": _component()}
    same = {"version": "0.1.0", "build": "sha256:abc", "configuration": "sha256:cfg"}
    return {**same, "components": components, "warnings": [], **changes}


def _judged(
    readyz: dict[str, Any] = READY, *, livez: dict[str, Any] = ALIVE, expected: Expected = EXPECTED, **changes: Any
) -> dict[str, Finding]:
    found = judge_service(expected, Answers(readyz, _health(**changes), livez))
    return {one.subject.removeprefix("service: "): one for one in found}


def test_a_service_that_runs_whole() -> None:
    """The same version and build, every task there and running, and ready."""
    found = _judged()

    assert {subject: one.state for subject, one in found.items()} == dict.fromkeys(
        ("version", "configuration", "tasks", "readiness", "liveness"), Verdict.OK
    )
    assert found["tasks"].message == "all 2 tasks run: web, poll"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "0.0.9"}, "version 0.0.9 runs, 0.1.0 is installed here"),
        ({"version": None}, "version unknown runs, 0.1.0 is installed here"),
        ({"build": "sha256:old"}, "build sha256:old runs, sha256:abc is installed here"),
        ({"build": None}, "build unknown runs, sha256:abc is installed here"),
    ],
)
def test_another_program_runs(changes: dict[str, Any], message: str) -> None:
    """Files that were replaced under a running service are not what runs."""
    found = _judged(**changes)["version"]

    assert (found.state, found.message) == (Verdict.FAILING, message)
    assert "restart" in found.advice


def test_the_same_source_tree() -> None:
    """Where nobody recorded a build, on both sides, the version has to do."""
    found = _judged(expected=Expected("0.1.0", None, "", ()), build=None)["version"]

    assert (found.state, found.message) == (Verdict.OK, "version 0.1.0 runs, of build unknown")


@pytest.mark.parametrize("configuration", ["sha256:other", None])
def test_another_configuration_is_in_effect(configuration: str | None) -> None:
    """Be it that of another service, which happens to listen at the address, or that of before a change."""
    found = _judged(configuration=configuration)["configuration"]

    assert (found.state, found.message) == (Verdict.FAILING, "what runs there has another configuration than this file")
    assert "another service listens at this address" in found.advice


def test_a_change_that_was_refused() -> None:
    """What the service says of it, in one line, and not that it goes on by itself."""
    refused = "the changed configuration is not in effect: a.yaml cannot be used:\nserver.port: needs a restart"
    components = {"web": _component(), "poll": _component(), "configuration": _component(reason=refused)}

    found = _judged(components=components, configuration="sha256:before")

    assert [one.message for one in found.values() if one.state is not Verdict.OK] == [refused.replace("\n", "; ")]
    assert found["configuration"].state is Verdict.FAILING
    assert "restart the service where a key needs that" in found["configuration"].advice


def test_damaged_files_are_no_task_that_comes_back() -> None:
    components = {"web": _component(), "integrity": _component("failed", "a.py is changed")}

    found = _judged(expected=Expected("0.1.0", "sha256:abc", "", ("web", "integrity")), components=components)["tasks"]

    assert found.message == "integrity is failed (a.py is changed)"
    assert found.advice.startswith(INSTALL_AGAIN)


def test_tasks_that_do_not_run() -> None:
    """Each is named: one that is not there, and one that is down with its reason."""
    found = _judged(components={"poll": _component("failed", "RuntimeError: boom")})["tasks"]

    assert (found.state, found.message) == (
        Verdict.FAILING,
        "web is not there; poll is failed (RuntimeError: boom)",
    )
    assert _judged(components={"web": _component("starting"), "poll": _component()})["tasks"].message == (
        "web is starting"
    )
    assert "web is not there; poll is not there" in _judged(components=None)["tasks"].message


def test_a_service_that_is_not_ready() -> None:
    """With what it lacks."""
    found = _judged({"status": "not ready", "not_running": {"integrity": "a.py is changed"}})["readiness"]

    assert (found.state, found.message) == (Verdict.FAILING, "not ready: integrity: a.py is changed")
    assert _judged({"status": "stopping"})["readiness"].message == "not ready: stopping"


def test_what_troubles_a_service_that_runs() -> None:
    """Outages and warnings are to be looked at; they are no fault of the deployment."""
    found = _judged(
        components={"web": _component(), "poll": _component(reason="slow")},
        failing=["dc1/cluster"],
        warnings=[{"key": "repositories[0].webhook", "message": "silent"}],
    )

    said = {subject: (one.state, one.message) for subject, one in found.items() if one.state is not Verdict.OK}
    assert said == {
        "poll": (Verdict.WARNING, "slow"),
        "dc1/cluster": (Verdict.WARNING, "the service cannot reach it, or may not work there"),
        "repositories[0].webhook": (Verdict.WARNING, "silent"),
    }


def test_a_worker_that_hangs() -> None:
    """It runs and is ready, and does not get on: that fails, and nothing says that it goes on by itself."""
    components = {"web": _component(), "poll": _component(), "worker-1": _component(reason=HUNG)}

    found = _judged(livez={"status": "hanging", "hanging": {"worker-1": HUNG}}, components=components)

    assert (found["worker-1"].state, found["worker-1"].message) == (Verdict.FAILING, f"hangs: {HUNG}")
    assert found["worker-1"].advice.startswith("restart the service")
    assert "liveness" not in found


def test_a_service_that_does_not_live() -> None:
    """For a reason of which this version knows nothing."""
    found = _judged(livez={"status": "blocked"})["liveness"]

    assert (found.state, found.message) == (Verdict.FAILING, "it does not get on: blocked")


def test_fabrics_that_are_not_polled() -> None:
    """Each fails, with since when: nothing reconciles it of its own accord any more."""
    overdue = [{"fabric": name, "since": "2026-03-01T12:01:00.000Z"} for name in ("dc1", "dc2")]

    found = _judged(overdue=overdue)

    for name in ("dc1", "dc2"):
        assert found[f"fabric {name}"].state is Verdict.FAILING
        assert "late since 2026-03-01T12:01:00.000Z" in found[f"fabric {name}"].message
        assert "restart the service" in found[f"fabric {name}"].advice


@pytest.mark.parametrize(
    ("readyz", "healthz", "is_started"),
    [
        (READY, {}, True),
        (READY, {"overdue": []}, True),
        (READY, {"configuration": "sha256:before"}, False),
        (READY, {"overdue": [{"fabric": "dc1", "since": "2026-03-01T12:01:00.000Z"}]}, False),
        ({"status": "not ready"}, {}, False),
    ],
)
def test_a_service_that_starts(readyz: dict[str, Any], healthz: dict[str, Any], is_started: bool) -> None:  # noqa: FBT001 - expected
    """After it stood still for long, its polls are late until it has looked at each; a change of the file takes effect
    in a moment.
    """
    answers = Answers(readyz, {"configuration": "sha256:cfg", **healthz}, ALIVE)

    assert answers.is_started("sha256:cfg") is is_started


@pytest.mark.parametrize(
    "body",
    [
        {"status": "ok"},
        {"status": "hanging", "hanging": {"worker-1": HUNG}},
        {"status": "not ready", "not_running": {"integrity": "starting"}},
        {"status": "ok", **_health(build=None), "failing": ["dc1/cluster"], "connections": {"dc1": {}}},
        {"status": "ok", "components": {"web": {"state": "running"}}, "warnings": [{"key": "a", "message": "b"}]},
        {"status": "degraded", "components": None, "overdue": [{"fabric": "dc1", "since": "2026-03-01T12:01:00.000Z"}]},
    ],
)
def test_what_has_the_form_of_health(body: dict[str, Any]) -> None:
    """Of this version, or of an earlier one that said less."""
    assert is_health(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "ok",
        {},
        {"status": 200},
        {"status": "ok", "components": {"web": "up"}},
        {"status": "ok", "components": ["a"]},
        {"status": "ok", "components": {"web": {}}},
        {"status": "ok", "components": {"web": {"state": 1}}},
        {"status": "ok", "components": {"web": {"state": "running", "reason": {}}}},
        {"status": "ok", "version": 1},
        {"status": "ok", "build": []},
        {"status": "ok", "configuration": {}},
        {"status": "ok", "not_running": ["web"]},
        {"status": "ok", "hanging": {"worker-1": None}},
        {"status": "ok", "failing": {"dc1": "cluster"}},
        {"status": "ok", "failing": [1]},
        {"status": "ok", "overdue": ["dc1"]},
        {"status": "ok", "overdue": [{"fabric": "dc1"}]},
        {"status": "ok", "warnings": [{"key": "a", "message": 1}]},
    ],
)
def test_what_another_program_says_of_its_health(body: Any) -> None:
    """Whatever it is, it is not read as ours."""
    assert not is_health(body)
