"""The command `serve` as whoever supervises it sees it: signs of life, probes, and a log that can be followed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import requests

from tests.processes.app.running import wait_until
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings
from tests.unit.app.test_systemd import Systemd

if TYPE_CHECKING:
    from pathlib import Path


def test_under_a_service_manager(repository: Path, tmp_path: Path) -> None:
    """It says when it serves, that it lives, and when it ends; each line of a pass names the pass, its requests and its
    worker; and what was asked with a token shows no token.
    """
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])
    systemd, heard = Systemd(str(tmp_path / "notify")), list[str]()
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
    log = tmp_path / "log"

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    def has_heard(word: str) -> bool:
        heard.extend(systemd.heard())
        return any(word in message.splitlines() for message in heard)

    def event(name: str) -> list[dict[str, Any]]:
        return [line for line in lines() if line["event"] == name]

    command = [sys.executable, "-m", "reconciler", "serve", "--config", str(found.path)]
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, env=environment) as process:
        try:
            wait_until(lambda: has_heard("READY=1"), "it serves")
            wait_until(lambda: has_heard("WATCHDOG=1"), "a sign of life")
            url = f"http://127.0.0.1:{event('serving')[0]['port']}"
            assert requests.get(f"{url}/livez", timeout=30).json() == {"status": "ok"}
            body, header = {"wait": 30}, {"Authorization": f"Bearer {CANARY}-api-token"}
            (asked,) = requests.post(f"{url}/reconcile", json=body, headers=header, timeout=60).json()["requests"]
            requests.get(f"{url}/fabrics?token={CANARY}-api-token", headers=header, timeout=30)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0

    assert has_heard("STOPPING=1")
    ended = next(line for line in event("pass ended") if asked["id"] in line["requests"])
    assert (ended["fabric"], ended["pass_id"], ended["worker"]) == ("dc1", asked["pass"], "worker-1")
    assert [line["pass_id"] for line in event("pass started") if asked["id"] in line["requests"]] == [asked["pass"]]
    assert f"{CANARY}-api-token" not in log.read_text()
    systemd.close()
