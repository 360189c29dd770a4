"""Is the running service the installed one, and does everything run in it that must?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from reconciler.model.verification import Finding, Verdict
from reconciler.plan.verification import INSTALL_AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject

CONFIGURATION, INTEGRITY = "configuration", "integrity"
"""Parts of a service of which more is to be said than that they do not run."""

RESTART = "restart the service, so that it runs what is installed"
RESTART_HUNG = (
    "restart the service; systemd with WatchdogSec=, and whoever ends what fails /livez, do so by themselves after a "
    "minute, Docker and compose do not"
)
RESTART_CHANGED = (
    "mend what is named, or restart the service where a key needs that; else another service listens at this address: "
    "see to server.port, or name the address with --server"
)
RESTART_POLL = "see what the service's log says of poll, and restart the service"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must run: the installed version and build (None: nobody recorded it), the configuration by its digest, and
    tasks by name.
    """

    version: str
    build: str | None
    configuration: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the health routes of a service said, in the form of `is_health`. `livez` was asked last: what hangs by the
    others is in it, unless it went on meanwhile.
    """

    readyz: JSONObject
    healthz: JSONObject
    livez: JSONObject

    def is_started(self, configuration: str) -> bool:
        """Whether it is ready, with this configuration in effect, and has seen to the poll of every fabric, be it long
        after the last one.
        """
        is_in_effect = self.healthz.get("configuration") == configuration
        return self.readyz["status"] == "ok" and is_in_effect and not self.healthz.get("overdue")


def judge_service(expected: Expected, answers: Answers) -> Iterator[Finding]:
    """By what the service answers. What keeps it from its work, but runs, is a warning: an outage is no fault of the
    deployment. What does not get on any more does not run.
    """
    hanging = answers.livez.get("hanging") or {}
    yield _same(expected, answers.healthz)
    yield _configured(expected.configuration, answers.healthz)
    yield _tasks(expected.tasks, answers.healthz.get("components") or {})
    yield _ready(answers.readyz)
    yield from _alive(answers.livez, hanging)
    yield from _polled(answers.healthz)
    yield from _troubles(answers.healthz, hanging)


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


def _configured(expected: str, healthz: JSONObject) -> Finding:
    """Whether the service is that of this configuration, and has taken in its last change."""
    subject = "service: configuration"
    refused = (healthz.get("components") or {}).get(CONFIGURATION, {}).get("reason")
    if refused:
        return Finding(subject, Verdict.FAILING, _in_a_line(refused), RESTART_CHANGED)
    if healthz.get("configuration") != expected:
        message = "what runs there has another configuration than this file"
        return Finding(subject, Verdict.FAILING, message, RESTART_CHANGED)
    return Finding(subject, Verdict.OK, "the file as it is now is in effect")


def _in_a_line(reason: str) -> str:
    return "; ".join(reason.splitlines())


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
        if any(one.startswith(f"{INTEGRITY} ") for one in down):
            advice = f"{INSTALL_AGAIN}; then restart the service"
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


def _alive(livez: JSONObject, hanging: Mapping[str, str]) -> Iterator[Finding]:
    for name, message in hanging.items():
        yield Finding(f"service: {name}", Verdict.FAILING, f"hangs: {message}", RESTART_HUNG)
    if livez["status"] == "ok":
        yield Finding("service: liveness", Verdict.OK, "nothing hangs")
    elif not hanging:
        yield Finding("service: liveness", Verdict.FAILING, f"it does not get on: {livez['status']}", RESTART_HUNG)


def _polled(healthz: JSONObject) -> Iterator[Finding]:
    for one in healthz.get("overdue") or ():
        message = f"its poll does not run: it has been more than an interval late since {one['since']}"
        yield Finding(f"service: fabric {one['fabric']}", Verdict.FAILING, message, RESTART_POLL)


def _troubles(healthz: JSONObject, hanging: Mapping[str, str]) -> Iterator[Finding]:
    for name, one in (healthz.get("components") or {}).items():
        if one["state"] == "running" and one.get("reason") and name not in {*hanging, CONFIGURATION}:
            reason = _in_a_line(one["reason"])
            yield Finding(f"service: {name}", Verdict.WARNING, reason, "it goes on by itself once that is over")
    for failing in healthz.get("failing") or ():
        yield Finding(f"service: {failing}", Verdict.WARNING, "the service cannot reach it, or may not work there")
    for warning in healthz.get("warnings") or ():
        yield Finding(f"service: {warning['key']}", Verdict.WARNING, warning["message"])


def is_health(body: JSON) -> TypeGuard[JSONObject]:
    """Whether it has the form in which a reconciler answers at `/livez`, `/readyz` and `/healthz`; another program may
    listen at the address. What an earlier version does not say may lack.
    """
    if not isinstance(body, dict) or not isinstance(body.get("status"), str):
        return False
    return all(has_form(body[key]) for key, has_form in _FORMS.items() if body.get(key) is not None)


def _is_text(value: JSON) -> bool:
    return isinstance(value, str)


def _by_name(has_form: Callable[[JSON], bool]) -> Callable[[JSON], bool]:
    return lambda value: isinstance(value, dict) and all(map(has_form, value.values()))


def _list_of(has_form: Callable[[JSON], bool]) -> Callable[[JSON], bool]:
    return lambda value: isinstance(value, list) and all(map(has_form, value))


def _with_texts(*keys: str, maybe: str | None = None) -> Callable[[JSON], bool]:
    """An object with texts under these keys, and under `maybe` one, null or nothing."""
    return lambda value: (
        isinstance(value, dict)
        and all(isinstance(value.get(key), str) for key in keys)
        and (maybe is None or isinstance(value.get(maybe), str | None))
    )


_FORMS: Mapping[str, Callable[[JSON], bool]] = {
    "version": _is_text,
    "build": _is_text,
    "configuration": _is_text,
    "not_running": _by_name(_is_text),
    "hanging": _by_name(_is_text),
    "components": _by_name(_with_texts("state", maybe="reason")),
    "failing": _list_of(_is_text),
    "overdue": _list_of(_with_texts("fabric", "since")),
    "warnings": _list_of(_with_texts("key", "message")),
}
