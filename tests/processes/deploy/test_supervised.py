"""The service as a supervisor runs it: back after a crash with all that it had accepted, and ended in order."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import requests

from tests.processes.app.running import wait_until
from tests.processes.deploy.supervisor import Supervisor, Unit, places
from tests.processes.deploy.tree import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.demo.place import Place
    from reconciler.model.json import JSONObject

UNIT = Unit.read((PROJECT / "deploy" / "systemd" / "hedgehog-reconciler.service").read_text())
STOP_WITHIN = 20.0


@pytest.fixture
def supervised(tree: Path, place: Place) -> Iterator[Supervisor]:
    """The unit, not started."""
    found = Supervisor(UNIT, places(tree, place.folder, place.folder / "state"), place.folder)
    yield found
    if found._is_wanted:
        found.stop()


def _get(place: Place, path: str) -> requests.Response:
    return requests.get(f"{place.url}{path}", timeout=30)


def _ask(place: Place) -> str:
    """Ask for a pass; the id of the request."""
    token = place.token_file.read_text().strip()
    answer = requests.post(f"{place.url}/reconcile", json={}, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["requests"][0]["id"]
    return found


def _pending(place: Place) -> str:
    """Ask until there is a request that has not come to its end."""
    for _ in range(50):
        name = _ask(place)
        if _request(place, name)["state"] in {"queued", "running"}:
            return name
    pytest.fail("every pass had ended at once")


def _request(place: Place, name: str) -> JSONObject:
    found: JSONObject = _get(place, f"/requests/{name}").json()
    return found


def _is_ready(place: Place) -> bool:
    try:
        return _get(place, "/readyz").status_code == 200
    except requests.ConnectionError:
        return False


def test_a_killed_service_is_back_with_what_it_had_accepted(supervised: Supervisor, place: Place) -> None:
    """The start command alone brings everything up; after `kill -9` the unit's restart does, and the request that was
    pending comes to its end. SIGTERM ends it in time, with exit code 0, for good.
    """
    supervised.start()
    wait_until(lambda: _is_ready(place), "ready")
    components = _get(place, "/healthz").json()["components"]
    assert {"web", "worker-1", "poll", "store", "queue", "files"} <= components.keys()
    pending = _pending(place)

    killed = time.monotonic()
    supervised.kill()
    supervised.wait_ready(2)

    assert time.monotonic() - killed >= UNIT.seconds("RestartSec")
    assert len(set(supervised.pids)) == 2
    wait_until(lambda: _request(place, pending)["state"] in {"succeeded", "failed"}, "the request ends")
    assert _request(place, pending)["state"] == "succeeded"
    assert supervised.stop() < STOP_WITHIN
    assert supervised.codes == [-signal.SIGKILL, 0]


def test_the_procfile_starts_the_service(tree: Path, place: Place) -> None:
    """As a shell runs its line; the signal for the line is one for the service."""
    name, _, line = (PROJECT / "Procfile").read_text().strip().partition(": ")
    environment = {"PATH": f"{tree / 'bin'}:/usr/bin:/bin", "RECONCILER_CONFIG": str(place.config)}
    with (place.folder / "service.log").open("wb") as log:
        process = subprocess.Popen(["sh", "-c", line], cwd=place.folder, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: _is_ready(place), "ready", seconds=60)
        process.terminate()
        code = process.wait(STOP_WITHIN)
    finally:
        process.kill()

    assert (name, code) == ("reconciler", 0)
    assert not _is_ready(place)
