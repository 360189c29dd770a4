"""Is the running service the installed one, and does everything run in it that must?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.verification import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.json import JSONObject

RESTART = "restart the service, so that it runs what is installed"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must run: the installed version and build (None: nobody recorded it), and tasks by name."""

    version: str
    build: str | None
    tasks: tuple[str, ...]


def judge_service(expected: Expected, readyz: JSONObject, healthz: JSONObject) -> Iterator[Finding]:
    """By what the service answers. What keeps it from its work, but runs, is a warning: an outage is no fault of the
    deployment.
    """
    yield _same(expected, healthz)
    yield _tasks(expected.tasks, healthz.get("components") or {})
    yield _ready(readyz)
    yield from _troubles(healthz)


def _same(expected: Expected, healthz: JSONObject) -> Finding:
    subject = "service: version"
    version, build = healthz.get("version"), healthz.get("build")
    if version != expected.version:
        message = f"version {version or 'unknown'} runs, {expected.version} is installed here"
        return Finding(subject, Verdict.FAILING, message, RESTART)
    if build != expected.build:
        message = f"build {build or 'unknown'} runs, {expected.build or 'unknown'} is installed here"
        return Finding(subject, Verdict.FAILING, message, RESTART)
    return Finding(subject, Verdict.OK, f"version {version} runs, of build {build or 'unknown'}")


def _tasks(tasks: Iterable[str], components: JSONObject) -> Finding:
    subject = "service: tasks"
    states = {name: components.get(name) for name in tasks}
    absent = [f"{name} is not there" for name, one in states.items() if one is None]
    down = [
        f"{name} is {one['state']}{_because(one)}"
        for name, one in states.items()
        if one is not None and one["state"] != "running"
    ]
    if absent or down:
        advice = (
            "the service starts a failed task again by itself; its log tells more. A task that is not there: restart"
        )
        return Finding(subject, Verdict.FAILING, "; ".join([*absent, *down]), advice)
    return Finding(subject, Verdict.OK, f"all {len(states)} tasks run: {', '.join(states)}")


def _because(component: JSONObject) -> str:
    return f" ({component['reason']})" if component.get("reason") else ""


def _ready(readyz: JSONObject) -> Finding:
    missing: JSONObject = readyz.get("not_running") or {}
    if missing or readyz.get("status") != "ok":
        message = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        return Finding("service: readiness", Verdict.FAILING, f"not ready: {message or readyz.get('status')}")
    return Finding("service: readiness", Verdict.OK, "ready")


def _troubles(healthz: JSONObject) -> Iterator[Finding]:
    for name, one in (healthz.get("components") or {}).items():
        if one["state"] == "running" and one.get("reason"):
            yield Finding(f"service: {name}", Verdict.WARNING, one["reason"], "it goes on by itself once that is over")
    for failing in healthz.get("failing") or ():
        yield Finding(f"service: {failing}", Verdict.WARNING, "the service cannot reach it, or may not work there")
    for warning in healthz.get("warnings") or ():
        yield Finding(f"service: {warning['key']}", Verdict.WARNING, warning["message"])
