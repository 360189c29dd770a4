"""Is the running service the installed one, and does everything run in it that must?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.verification import Verdict
from reconciler.plan.serving import Expected, judge_service

if TYPE_CHECKING:
    from reconciler.model.verification import Finding

EXPECTED = Expected("0.1.0", "sha256:abc", ("web", "poll"))
READY = {"status": "ok", "not_running": {}}


def _component(state: str = "running", reason: str | None = None) -> dict[str, str | None]:
    return {"state": state, "reason": reason}


def _health(**changes: Any) -> dict[str, Any]:
    components = {"web": _component(), "poll": _component(), "watchdog": _component()}
    return {"version": "0.1.0", "build": "sha256:abc", "components": components, "warnings": [], **changes}


def _judged(readyz: dict[str, Any] = READY, **changes: Any) -> dict[str, Finding]:
    return {one.subject.removeprefix("service: "): one for one in judge_service(EXPECTED, readyz, _health(**changes))}


def test_a_service_that_runs_whole() -> None:
    """The same version and build, every task there and running, and ready."""
    found = _judged()

    assert {subject: one.state for subject, one in found.items()} == dict.fromkeys(
        ("version", "tasks", "readiness"), Verdict.OK
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
    (found, *_) = judge_service(Expected("0.1.0", None, ()), READY, _health(build=None))

    assert (found.state, found.message) == (Verdict.OK, "version 0.1.0 runs, of build unknown")


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
