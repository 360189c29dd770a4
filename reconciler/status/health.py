"""The health of this process's own parts, by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING

from reconciler.status.times import rfc3339

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.json import JSONObject
    from reconciler.ports import Clock


WATCH = "watch/"
"""What the names of watches begin with; the fabric and the kind follow."""


class ComponentState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(slots=True)
class Component:
    """A part of the process. `reason` says why it is not running, or, while it runs, what it has trouble with;
    `last_ok` is when it last came round without any, which that it was started says nothing of; `restarts` counts how
    often it was started again. A watch starts itself again after trouble.
    """

    state: ComponentState
    since: datetime
    last_ok: datetime | None = None
    restarts: int = 0
    reason: str | None = None

    def as_json(self) -> JSONObject:
        return {
            "state": self.state.value,
            "since": rfc3339(self.since),
            "last_ok": rfc3339(self.last_ok),
            "restarts": self.restarts,
            "reason": self.reason,
        }


class Components:
    """Every part that must run. Parts report here; the health routes read here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._components: dict[str, Component] = {}

    def report(self, name: str, state: ComponentState, reason: str | None = None, *, is_restart: bool = False) -> None:
        """Record a part's state; `since` moves only when the state changes. `is_restart`: it was started again."""
        now = self._clock.now()
        with self._lock:
            known = self._components.get(name)
            if known is None:
                known = self._components[name] = Component(state, now)
            if known.state is not state:
                known.state, known.since = state, now
            known.restarts += is_restart
            known.reason = _encodable(reason)

    def progress(self, name: str, moment: datetime | None = None) -> None:
        """A part came round without trouble, now or at an earlier moment."""
        with self._lock:
            component = self._running(name)
            if component is not None:
                component.restarts += component.reason is not None and name.startswith(WATCH)
                component.last_ok, component.reason = moment or self._clock.now(), None

    def trouble(self, name: str, reason: str) -> None:
        """A part runs, and something outside of it keeps it from its work: a server that does not answer, a file that
        cannot be used. It is still a part that runs.
        """
        with self._lock:
            component = self._running(name)
            if component is not None:
                component.reason = _encodable(reason)

    def _running(self, name: str) -> Component | None:
        """What is not running, or is not there any more, has neither progress nor trouble."""
        component = self._components.get(name)
        return component if component is not None and component.state is ComponentState.RUNNING else None

    def forget(self, name: str) -> None:
        """A part is no longer wanted: it does not miss, and nobody hears of it again."""
        with self._lock:
            self._components.pop(name, None)

    def all(self) -> dict[str, Component]:
        """Every part as it is now."""
        with self._lock:
            return {name: replace(component) for name, component in self._components.items()}

    def as_json(self) -> JSONObject:
        with self._lock:
            return {name: component.as_json() for name, component in self._components.items()}

    def not_running(self) -> dict[str, str]:
        """The parts that do not run, with the reason."""
        with self._lock:
            return {
                name: component.reason or component.state.value
                for name, component in self._components.items()
                if component.state is not ComponentState.RUNNING
            }

    def in_trouble(self) -> dict[str, str]:
        """The parts that run and have trouble, with the reason."""
        with self._lock:
            return {
                name: component.reason
                for name, component in self._components.items()
                if component.state is ComponentState.RUNNING and component.reason is not None
            }


def _encodable(reason: str | None) -> str | None:
    """A file's name that is no UTF-8 must not keep anybody from telling the rest."""
    return reason and reason.encode(errors="backslashreplace").decode()
