"""Events of the running service, read as a browser would."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import requests
import yaml

from reconciler.app.parts import build_parts
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings import Settings

TOKEN = {"Authorization": f"Bearer {CANARY}-api-token"}

WITHIN = 0.5
"""Seconds from a change to its event."""


class Browser(threading.Thread):
    """Reads the events until the service ends them. Each has the moment when it came, its name, and its document."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.events: list[tuple[float, str, Any]] = []
        self.is_over = False
        self._answer = requests.get(url, stream=True, timeout=30)
        self.start()

    def run(self) -> None:
        name = ""
        # One character at a time: otherwise what came waits for what comes.
        for line in self._answer.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.events.append((time.monotonic(), name, json.loads(line.removeprefix("data: "))))
        self.is_over = True

    def moment(self, event: str, **fields: object) -> float:
        """When the first such event with these fields came; waits for it."""

        def found() -> list[float]:
            events = list(self.events)
            return [at for at, name, data in events if name == event and fields.items() <= data.items()]

        wait_until(found, f"{event} with {fields}")
        return found()[0]

    def quiet(self, seconds: float) -> list[Any]:
        """What comes within some time."""
        before = len(self.events)
        time.sleep(seconds)
        return self.events[before:]


def _settings(folder: Path, repository: Path) -> Settings:
    return settings(folder, LOCAL, LOCAL, repositories=[local_repository(repository)])


def test_what_changes_is_told_at_once(tmp_path: Path, repository: Path) -> None:
    """Everything at first, then silence; a suspension, and the end of a pass with the fabric as it left that, as they
    come; a fabric that leaves; and the end of the service ends the events.
    """
    found = _settings(tmp_path, repository)
    browsers: list[Browser] = []

    def use(client: Client) -> None:
        client.settle()
        browser = Browser(f"{client.url}/events")
        browsers.append(browser)
        wait_until(lambda: len(browser.events) == 2, "both fabrics")
        assert [data for _, _, data in browser.events] == client.get("/fabrics").json()["fabrics"]
        assert browser.quiet(5) == []

        began = time.monotonic()
        client.post("/fabrics/dc2/suspend", json={"reason": "cables"}, headers=TOKEN)
        assert browser.moment("fabric", name="dc2", sync_status="disabled") - began < WITHIN

        client.post("/reconcile", json={"fabric": "dc1", "wait": 30}, headers=TOKEN)
        began = time.monotonic()
        assert browser.moment("pass", fabric="dc1") - began < WITHIN
        (ended,) = [data for _, event, data in browser.events if event == "pass"]
        assert ended == client.get(f"/fabrics/dc1/passes/{ended['id']}").json()
        fabric = client.get("/fabrics").json()["fabrics"][0]
        assert fabric["last_pass"]["id"] == ended["id"]
        assert browser.moment("fabric", **fabric) - began < WITHIN

        _leave_only_dc1(tmp_path)
        browser.moment("removed", name="dc2")

    run(lambda: build_parts(found), use)

    (browser,) = browsers
    browser.join(10)
    assert browser.is_over


def _leave_only_dc1(folder: Path) -> None:
    path = folder / "reconciler.yaml"
    document = yaml.safe_load(path.read_text())
    document["fabrics"] = document["fabrics"][:1]
    path.write_text(yaml.safe_dump(document, sort_keys=False))
