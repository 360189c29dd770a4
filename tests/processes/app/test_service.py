"""The running service: it starts as one, serves until a signal, and lets go of everything."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler import __version__
from reconciler.app.parts import Parts, build_parts
from reconciler.app.required import expected_of
from reconciler.app.service import serve
from reconciler.app.stopping import STOP_TIMEOUT
from reconciler.errors import ConfigurationError, StateError
from reconciler.model.requests import Request, Trigger
from reconciler.store import Store, open_store
from reconciler.triggers.intake import Configured, TriggerIntake
from tests.processes.app.running import Client, run
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reconciler.settings import Settings

TASKS = {
    "web",
    "worker-1",
    "poll",
    "sites",
    "statuses",
    "notifications",
    "files",
    "branches",
    "integrity",
    "watchdog",
}
PARTS = TASKS | {"store", "queue", "configuration"}


def _settings(folder: Path, repository: Path, *fabrics: dict[str, Any]) -> Settings:
    return settings(folder, *fabrics, repositories=[local_repository(repository)])


def _is_free(state: Path) -> bool:
    open_store(state, samples.SetClock()).close()
    return True


def test_from_start_to_end(tmp_path: Path, repository: Path) -> None:
    """One call starts every part; what was left unfinished is taken up, every fabric is looked at, and a signal ends
    it all in order.
    """
    found = _settings(tmp_path, repository)
    store = open_store(found.state_path, samples.SetClock())
    store.accept([Request("left-over", "dc1", Trigger.REQUEST, samples.NOON)])
    store.close()

    def use(client: Client) -> None:
        answered = client.reconcile(f"{CANARY}-api-token")
        assert [request["state"] for request in answered.json()["requests"]] == ["succeeded"]
        assert client.get("/requests/left-over").json()["state"] == "succeeded"
        fabric = client.get("/fabrics/dc1").json()
        assert (fabric["sync_status"], fabric["counts"]["in_sync"]) == ("in_sync", 1)
        assert client.get("/readyz").json() == {"status": "ok", "not_running": {}}
        health = client.get("/healthz").json()
        assert health["components"].keys() == PARTS == set(expected_of(found, __version__).tasks)
        assert (health["version"], health["build"]) == (__version__, None)
        assert "integrity" in {warning["key"] for warning in health["warnings"]}
        assert "startup" in {t for p in client.get("/fabrics/dc1/passes").json()["passes"] for t in p["triggers"]}
        assert 'reconciler_passes_total{fabric="dc1",outcome="succeeded"}' in client.get("/metrics").text
        assert client.reconcile("wrong").status_code == 401
        for path in ("/fabrics", "/fabrics/dc1", "/fabrics/dc1/resources", "/healthz", "/metrics"):
            assert CANARY not in client.get(path).text, path

    client = run(lambda: build_parts(found), use)

    assert CANARY not in str(client.log)
    events = [entry["event"] for entry in client.log if entry["event"] in {"serving", "stopping", "stopped"}]
    assert events == ["serving", "stopping", "stopped"]
    (simulated,) = [entry for entry in client.log if entry["event"] == "simulated targets"]
    assert (simulated["fabric"], simulated["log_level"]) == ("dc1", "warning")
    assert _is_free(found.state_path)
    assert not [thread for thread in threading.enumerate() if thread.name == "signals"]


def test_a_port_in_use(tmp_path: Path, repository: Path) -> None:
    """A port that is taken is an error of the configuration, and leaves the state file free."""
    found = _settings(tmp_path, repository)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port}: Address already in use"):
            run(lambda: replace(build_parts(found), port=port))

    assert _is_free(found.state_path)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        pytest.param("192.0.2.1", "Cannot assign requested address", id="of another machine"),
        pytest.param("x" * 70, "Name or service not known", id="no name"),
    ],
)
def test_an_address_that_is_not_ours(tmp_path: Path, repository: Path, host: str, reason: str) -> None:
    """An address that this machine does not have is named, with the reason in the system's words."""
    found = _settings(tmp_path, repository)

    with pytest.raises(ConfigurationError) as refused:
        run(lambda: replace(build_parts(found), host=host))

    assert refused.value.message == f"server: cannot listen on {host}:0: {reason}"


class Requests:
    """The store's requests, with something that happens when the unfinished ones are asked for."""

    def __init__(self, parts: Parts, happening: Callable[[], None]) -> None:
        self._store: Store = parts.store
        self._happening = happening

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def unfinished(self) -> Sequence[Request]:
        self._happening()
        return self._store.unfinished()


def _interrupted(found: Settings, happening: Callable[[], None]) -> Parts:
    """Parts of which the start is interrupted."""
    parts = build_parts(found)
    configured = Configured({fabric.name: fabric for fabric in parts.fabrics})
    intake = TriggerIntake(lambda: configured, Requests(parts, happening), parts.queue, samples.SetClock())
    return replace(parts, intake=intake)


def test_a_state_that_cannot_be_used(tmp_path: Path, repository: Path) -> None:
    """A state that fails at the start is that error, and not a group of errors."""
    found = _settings(tmp_path, repository)

    def fail() -> None:
        raise StateError("disk full")

    with pytest.raises(StateError, match="disk full"):
        serve(lambda: _interrupted(found, fail))

    assert _is_free(found.state_path)


def test_a_signal_while_it_starts(tmp_path: Path, repository: Path) -> None:
    """A signal that comes before everything runs ends the service as well, without the watchdog."""
    found = _settings(tmp_path, repository)
    started = time.monotonic()

    client = run(lambda: _interrupted(found, lambda: os.kill(os.getpid(), signal.SIGINT)))

    assert not client.is_served
    assert time.monotonic() - started < STOP_TIMEOUT
    assert client.log[-1]["event"] == "stopped"
    assert _is_free(found.state_path)


def test_the_most_neglected_first(tmp_path: Path, repository: Path) -> None:
    """At the start fabrics that were never in line come first, then those whose poll was missed, the longest overdue
    before others, then those whose last success is longest ago.
    """
    found = _settings(tmp_path, repository, *[LOCAL] * 5)
    store = open_store(found.state_path, samples.SetClock())
    now = datetime.now(UTC)
    for name, age, due in (("dc1", 1, 1), ("dc2", 5, 1), ("dc4", 0, -1), ("dc5", 0, -2)):
        result = samples.pass_result(f"pass-of-{name}", name)
        fabric = replace(result.fabric, last_sync=samples.NOON - timedelta(hours=age))
        store.record_pass(replace(result, fabric=fabric))
        store.schedule_poll(name, now + timedelta(hours=due), 300.0)
    store.close()

    run(lambda: replace(build_parts(found), workers=()))

    store = open_store(found.state_path, samples.SetClock())
    assert [(r.fabric, r.trigger) for r in store.unfinished()] == [
        (name, Trigger.STARTUP) for name in ("dc3", "dc5", "dc4", "dc2", "dc1")
    ]
    store.close()
