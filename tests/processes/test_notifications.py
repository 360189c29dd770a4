"""The real service on embedded stores tells real receivers: of each trouble once, of its end once, across a crash."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml

from reconciler.app.parts import build_parts
from reconciler.settings import load
from tests.e2e.service_process import ServiceProcess
from tests.lab.ports import free_ports
from tests.processes.app.running import Client, run, wait_until
from tests.unit.loopback import Answer, Loopback, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: VLANNamespace
metadata: {name: default}
spec: {ranges: [{from: 1000, to: 2999}]}
"""
BAD = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: VLANNamespace\nmetadata: {name: [}\n"
CANARY = "canary-7f3a"
WEBHOOK, SLACK, ALERTS = "POST /hook", f"POST /services/{CANARY}", "POST /api/v2/alerts"
SECRET, TOKEN = f"{CANARY}-secret", f"{CANARY}-token"


class Installation:
    """A service with one fabric, a repository, and a server that is all three receivers."""

    def __init__(self, folder: Path, receivers: Loopback) -> None:
        self.folder = folder
        self.receivers = receivers
        self.repository = folder / "gitops"
        (self.port,) = free_ports(1)
        self.process = ServiceProcess(folder / "reconciler.yaml", folder / "service.log")
        for target in (WEBHOOK, SLACK, ALERTS):
            receivers.answer(target, Answer())
        for name, content in {
            "slack": f"{receivers.url}/services/{CANARY}",
            "signing": SECRET,
            "token": TOKEN,
            "api": "x",
        }.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(content)
        process = self.process.configuration
        process.write_text(yaml.safe_dump(self._settings()))

    def _settings(self) -> dict[str, Any]:
        at_once = {"after": {"error": 0, "out_of_sync": 600, "recovery": 0}}
        return {
            "server": {"port": self.port, "public_url": "https://reconciler.example.com", "api_token_file": "api"},
            "repositories": [{"name": "gitops", "url": self.repository.as_uri(), "allow_local": True}],
            "fabrics": [{"name": "dc1", "repository": "gitops", "path": "dc1", "cluster": {"local": True}}],
            "notifications": [
                {"name": "hook", "kind": "webhook", "url": f"{self.receivers.url}/hook", "secret_file": "signing"}
                | at_once,
                {"name": "chat", "kind": "slack", "url_file": "slack"} | at_once,
                {"name": "pager", "kind": "alertmanager", "url": self.receivers.url, "token_file": "token"}
                | {"repeat": 3600}
                | at_once,
            ],
        }

    def commit(self, text: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        file = self.repository / "dc1" / "wiring.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
        for arguments in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "--all"),
            (*identity, "commit", "--quiet", "--message", "Change"),
        ):
            subprocess.run(["git", *arguments], cwd=self.repository, env=inherited, check=True, timeout=60)

    def get(self, path: str) -> Any:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)

    def status(self) -> str | None:
        try:
            status: str = self.get("/fabrics/dc1").json()["sync_status"]
        except requests.ConnectionError:
            return None
        return status

    def start(self) -> None:
        self.process.start()
        wait_until(lambda: self.status() is not None, "it serves", seconds=60.0)

    def told(self, target: str) -> list[Any]:
        return [json.loads(asked.body) for asked in self.receivers.asked if asked.target == target]

    def wait_told(self, number: int) -> None:
        for target in (WEBHOOK, SLACK, ALERTS):
            wait_until(lambda target=target: len(self.told(target)) >= number, f"{number} times {target}")  # type: ignore[misc]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with serving() as receivers:
        installation = Installation(tmp_path, receivers)
        installation.commit(GOOD)
        with closing(installation.process):
            yield installation


def test_each_receiver_is_told_once(installation: Installation) -> None:
    """A broken file is told to each receiver once, in its form, with the place of the problem and a link; so is the
    end. No secret shows.
    """
    seen: dict[str, requests.Response] = {}

    def use(client: Client) -> None:
        wait_until(lambda: installation.status() == "in_sync", "in sync")
        installation.commit(BAD)
        installation.wait_told(1)
        installation.commit(GOOD)
        installation.wait_told(2)
        wait_until(lambda: installation.status() == "in_sync", "in sync again")
        seen.update({path: client.get(path) for path in ("/metrics", "/healthz")})

    client = run(lambda: build_parts(load(installation.process.configuration)), use)

    assert {len(installation.told(target)) for target in (WEBHOOK, SLACK, ALERTS)} == {2}
    trouble, recovery = installation.told(WEBHOOK)
    assert trouble["version"] == 1
    assert (trouble["event"], trouble["fabric"], trouble["status"]) == ("trouble", "dc1", "error")
    assert trouble["was"]["status"] == "in_sync"
    assert [(one["file"], one["line"]) for one in trouble["problems"]] == [("dc1/wiring.yaml", 3)]
    assert trouble["links"]["fabric"] == "https://reconciler.example.com/fabrics/dc1"
    assert trouble["links"]["pass"].endswith(f"/fabrics/dc1/passes/{trouble['pass']}")
    assert (recovery["event"], recovery["status"], recovery["was"]["status"]) == ("recovery", "in_sync", "error")
    (asked, _) = [one for one in installation.receivers.asked if one.target == WEBHOOK]
    assert asked.headers["x-signature"] == f"sha256={hmac.new(SECRET.encode(), asked.body, hashlib.sha256).hexdigest()}"
    assert asked.headers["x-delivery-id"] == trouble["delivery"]
    assert "dc1/wiring.yaml:3" in installation.told(SLACK)[0]["blocks"][0]["text"]["text"]
    (firing,), (resolved,) = installation.told(ALERTS)
    assert firing["labels"] == resolved["labels"]
    assert firing["labels"]["severity"] == "critical"
    assert firing["endsAt"] > firing["startsAt"] == resolved["startsAt"] < resolved["endsAt"]
    assert 'reconciler_notifications_total{kind="slack",result="sent"} 2.0' in seen["/metrics"].text
    assert seen["/healthz"].json()["components"]["notifications"]["state"] == "running"
    for text in (str(client.log), *(answer.text for answer in seen.values())):
        assert CANARY not in text
    assert CANARY.encode() not in b"".join(file.read_bytes() for file in (installation.folder / "state").glob("*.db*"))


def test_a_receiver_that_is_away_and_a_crash(installation: Installation) -> None:
    """What a receiver did not take is said, and told after a crash, with the same delivery id; nothing comes twice to
    those who took it.
    """
    installation.start()
    wait_until(lambda: installation.status() == "in_sync", "in sync")
    killed = Answer(200, before=installation.process.kill)  # nobody knows then whether it arrived
    installation.receivers.answer(SLACK, Answer(503, b"https://hooks/services/canary-7f3a is away"))
    installation.commit(BAD)
    wait_until(lambda: installation.told(SLACK), "tried")
    wait_until(lambda: len(installation.told(WEBHOOK)) == len(installation.told(ALERTS)) == 1, "the others are told")
    wait_until(lambda: "notifications[1]" in installation.get("/healthz").text, "the warning")
    (warning,) = [one for one in installation.get("/healthz").json()["warnings"] if "notif" in one["key"]]
    assert warning["key"] == "notifications[1]"
    assert warning["message"].startswith("notifications are not sent to chat: it answered 503")
    assert CANARY not in warning["message"]
    installation.receivers.answer(WEBHOOK, killed, Answer())
    installation.commit(GOOD)
    wait_until(lambda: len(installation.told(WEBHOOK)) == 2, "told of the end")
    installation.process.kill()
    time.sleep(0.5)  # what it had sent arrives
    before = len(installation.told(SLACK))
    installation.receivers.answer(SLACK, Answer())
    installation.start()
    wait_until(lambda: installation.status() == "in_sync", "in sync")
    wait_until(lambda: len(installation.told(WEBHOOK)) == 3, "told of the end again")
    wait_until(lambda: len(installation.told(ALERTS)) >= 2, "the pager is told of the end")
    time.sleep(1.0)

    trouble, *ends = installation.told(WEBHOOK)
    assert trouble["event"] == "trouble"
    assert [end["event"] for end in ends] == ["recovery", "recovery"]
    assert ends[0]["delivery"] == ends[1]["delivery"]
    chat = installation.told(SLACK)[before:]
    assert [one["text"].split()[0] for one in chat] == [":large_green_circle:"]
    log = installation.process.log.read_text()
    assert log.count("notifications are not sent") == 1
    assert CANARY not in log
