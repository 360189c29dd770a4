"""A machine that takes git or the mirrors away from a running service: every surface says so, until they are back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.mirror_verification import verify_mirrors
from reconciler.app.parts import build_parts
from reconciler.app.subjects import mirrors_beside
from reconciler.app.verification import verify_programs
from reconciler.model.verification import Verdict
from tests.processes.app.running import Client, run
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.settings import Settings


class Machine:
    """What the service needs of the machine for Git."""

    def __init__(self, found: Settings, patch: pytest.MonkeyPatch) -> None:
        self._settings = found
        self._mirrors = mirrors_beside(found.state_path)
        self._patch = patch

    def take_away(self, what: str) -> None:
        if what == "git":
            self._patch.setenv("PATH", "/nonexistent")
        else:
            self._mirrors.rename(self._mirrors.with_name("moved"))
            self._mirrors.write_text("a letter to mother")

    def give_back(self, what: str) -> None:
        if what == "git":
            self._patch.undo()
        else:
            self._mirrors.unlink()

    def verdicts(self) -> set[Verdict]:
        """What `verify` says of both."""
        return {one.state for one in (*verify_mirrors(self._settings), *verify_programs(self._settings))}


def _reconcile(client: Client) -> dict[str, Any]:
    (request,) = client.reconcile(f"{CANARY}-api-token").json()["requests"]
    return dict(request)


def _failed_passes(client: Client) -> str:
    name = 'reconciler_passes_total{fabric="dc1",outcome="failed"} '
    (value,) = (line.removeprefix(name) for line in client.get("/metrics").text.splitlines() if line.startswith(name))
    return value


@pytest.mark.parametrize(("what", "reason"), [("mirrors", "GitUnavailable"), ("git", "ConfigurationInvalid")])
def test_git_is_taken_away(tmp_path: Path, repository: Path, what: str, reason: str) -> None:
    """From a fabric in sync: the request, the status, the history, the health, the metrics and `verify` all turn."""
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])

    def use(client: Client) -> None:
        client.settle()
        assert client.get("/fabrics/dc1").json()["sync_status"] == "in_sync"
        assert (machine.verdicts(), _failed_passes(client)) == ({Verdict.OK}, "0.0")
        machine.take_away(what)

        request = _reconcile(client)

        assert (request["state"], request["reason"]) == ("failed", reason)
        fabric = client.get("/fabrics/dc1").json()
        assert (fabric["sync_status"], fabric["reason"]) == ("error", reason)
        assert fabric["connections"]["git"]["state"] == "failing"
        history = {one["id"]: one for one in client.get("/fabrics/dc1/passes").json()["passes"]}
        assert (history[request["pass"]]["outcome"], history[request["pass"]]["reason"]) == ("failed", reason)
        health = client.get("/healthz")
        assert (health.status_code, health.json()["failing"]) == (503, ["dc1/git"])
        assert _failed_passes(client) != "0.0"
        assert client.get("/fabrics/dc1/topology").status_code == 200
        assert Verdict.FAILING in machine.verdicts()

        machine.give_back(what)
        assert _reconcile(client)["state"] == "succeeded"
        assert client.get("/fabrics/dc1").json()["sync_status"] == "in_sync"
        assert client.get("/healthz").json()["failing"] == []
        assert machine.verdicts() == {Verdict.OK}

    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(found, patch)
        client = run(lambda: build_parts(found), use)

    assert "a pass has no stored end" not in {entry["event"] for entry in client.log}
