"""Plans of the running service: seen, approved by hash, and only observed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.parts import build_parts
from reconciler.store import open_store
from tests.processes.app.running import run, wait_until
from tests.unit.app.configuration import CANARY, local_repository, settings
from tests.unit.store import samples

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.settings import Settings
    from tests.processes.app.running import Client

TOKEN = f"{CANARY}-api-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PROJECT = Path(__file__).parents[3]
WIDER = """\
apiVersion: wiring.githedgehog.com/v1beta1
kind: VLANNamespace
metadata: {name: default}
spec: {ranges: [{from: 1000, to: 3999}]}
"""


@pytest.fixture
def mine(repository: Path, tmp_path: Path) -> Path:
    """A copy of the repository, to commit to."""
    return Path(shutil.copytree(repository, tmp_path / "mine.git"))


def _commit(repository: Path, text: str) -> None:
    (repository / "fabrics" / "dc1" / "wiring.yaml").write_text(text)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    command = ["git", *identity, "commit", "--quiet", "--all", "--message", "Change"]
    subprocess.run(command, cwd=repository, env=inherited, check=True, timeout=60)


def _settings(folder: Path, repository: Path, **cluster: str) -> Settings:
    fabric: dict[str, Any] = {"cluster": {"local": True, **cluster}, "netbox": {"local": True}}
    return settings(folder, fabric, repositories=[local_repository(repository)])


def _cli(client: Client, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as somebody else's process."""
    environment = {**os.environ, "RECONCILER_SERVER": client.url, "RECONCILER_TOKEN": TOKEN, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def _reason(client: Client) -> tuple[str, str]:
    status = client.get("/fabrics/dc1").json()
    return status["sync_status"], status["reason"]


def _plan(client: Client) -> JSONObject:
    answer = client.get("/fabrics/dc1/plan")
    assert answer.status_code == 200, answer.text
    found: JSONObject = answer.json()
    return found


def _approve(client: Client, plan_hash: str) -> tuple[int, str]:
    answer = client.post("/fabrics/dc1/approve", json={"hash": plan_hash}, headers=HEADERS)
    return answer.status_code, answer.json().get("error", {}).get("code", "")


def test_from_plan_to_approval(tmp_path: Path, mine: Path) -> None:
    """Nothing is applied before its plan is approved, by the command line or over HTTP; what was carried out, and what
    is not the present plan, cannot be approved.
    """
    told: list[str] = []

    def use(client: Client) -> None:
        wait_until(lambda: _reason(client) == ("out_of_sync", "ApprovalRequired"), "the first pass is blocked")
        shown = _cli(client, "plan", "dc1")
        plan = json.loads(_cli(client, "plan", "dc1", "--output", "json").stdout)
        assert plan == _plan(client)
        assert (shown.returncode, shown.stderr) == (2, "")
        assert "+ VLANNamespace/default" in shown.stdout
        assert f"reconciler approve dc1 {plan['hash'][:12]}" in shown.stdout
        assert client.get("/fabrics/dc1").json()["counts"]["desired_only"] == 1

        approved = _cli(client, "approve", "dc1", plan["hash"][:12], "--by", "ann")
        assert (approved.returncode, approved.stderr) == (0, "")
        wait_until(lambda: _reason(client)[0] == "in_sync", "the approved plan is carried out")
        assert _cli(client, "plan", "dc1").returncode == 0
        assert _approve(client, plan["hash"]) == (409, "plan_changed")

        _commit(mine, WIDER)
        wait_until(lambda: _reason(client) == ("out_of_sync", "ApprovalRequired"), "the change is blocked")
        changed = _plan(client)
        (action,) = changed["actions"]
        assert [field["path"] for field in action["fields"]] == [".spec.ranges"]
        assert _approve(client, plan["hash"]) == (409, "plan_changed")
        assert _approve(client, changed["hash"])[0] == 200
        wait_until(lambda: _reason(client)[0] == "in_sync", "the second plan is carried out")
        told.append(plan["hash"])

    client = run(lambda: build_parts(_settings(tmp_path, mine, approval="required")), use)

    logged = [entry for entry in client.log if entry["event"] == "plan approved"]
    assert [(entry["fabric"], entry["by"]) for entry in logged] == [("dc1", "ann"), ("dc1", None)]
    assert logged[0]["plan"] == told[0]
    assert CANARY not in str(client.log)


def test_looking_moves_nothing(tmp_path: Path, repository: Path) -> None:
    """Neither a plan nor a dry run makes a pass, a request, or a change of what is known."""

    def use(client: Client) -> None:
        wait_until(lambda: _reason(client)[0] == "in_sync", "the first pass is over")
        wait_until(lambda: not client.get("/fabrics/dc1").json()["reconciling"], "nothing is going on")
        before = [client.get(path).json() for path in ("/fabrics/dc1", "/fabrics/dc1/passes")]

        (dry,) = client.post("/reconcile", json={"dry_run": True}, headers=HEADERS).json()["plans"]
        assert (dry["actions"], dry["errors"], dry["simulated"]) == ([], [], ["cluster", "netbox"])
        assert dry["netbox"]["create"] == 0
        assert _plan(client) == dry
        assert client.post("/reconcile", json={"dry_run": True}).status_code == 401

        assert [client.get(path).json() for path in ("/fabrics/dc1", "/fabrics/dc1/passes")] == before

    run(lambda: build_parts(_settings(tmp_path, repository)), use)


def test_a_cluster_that_is_only_observed(tmp_path: Path, repository: Path) -> None:
    """What Git declares and nobody applied is reported, and the cluster stays as it is: empty."""
    found = _settings(tmp_path, repository, mode="observe")

    def use(client: Client) -> None:
        wait_until(lambda: _reason(client) == ("out_of_sync", "Drifted"), "the first pass is over")
        status = client.get("/fabrics/dc1").json()
        assert status["last_pass"]["outcome"] == "succeeded"
        assert (status["counts"]["desired_only"], status["drift"]["count"]) == (1, 1)
        shown = _cli(client, "plan", "dc1")
        assert shown.returncode == 2
        assert "! VLANNamespace/default  the cluster does not have it" in shown.stdout
        assert _approve(client, _plan(client)["hash"]) == (409, "plan_changed")

    run(lambda: build_parts(found), use)

    with closing(open_store(found.state_path, samples.SetClock())) as store:
        assert store.load("cluster:dc1") == {}
        assert store.inventory("dc1") == {}
