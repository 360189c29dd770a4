"""Tasks that fail while the service runs: named, missed, and started again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from reconciler.app.parts import build_parts
from reconciler.app.required import expected_of
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.app.parts import Parts
    from reconciler.triggers.poll import Poll


@dataclass
class Failing:
    """A poll that fails as often as it is told, and then runs."""

    failures: int
    starts: int = 0
    is_well: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.starts += 1
        if self.starts <= self.failures:
            raise RuntimeError("boom")
        await self.is_well.wait()

    def wake(self) -> None:
        """Nothing waits."""


def test_a_task_that_fails(tmp_path: Path, repository: Path) -> None:
    """While it is down the process is not ready and says which part and why; it serves on, and the task comes back."""
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])
    failing = Failing(failures=2)

    def build() -> Parts:
        return replace(build_parts(found), poll=cast("Poll", failing))

    def use(client: Client) -> None:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["not_running"]) == (503, {"poll": "RuntimeError: boom"})
        down = client.get("/healthz").json()["components"]["poll"]
        assert (down["state"], down["reason"]) == ("failed", "RuntimeError: boom")
        assert client.get("/fabrics/dc1").status_code == client.get("/livez").status_code == 200

        wait_until(lambda: client.get("/readyz").status_code == 200, "ready again")
        up = client.get("/healthz").json()["components"]["poll"]
        assert (up["state"], up["reason"], up["restarts"]) == ("running", None, 2)

    client = run(build, use)

    failures = [entry for entry in client.log if entry["event"] == "task failed"]
    assert [entry["task"] for entry in failures] == ["poll", "poll"]
    assert client.log[-1]["event"] == "stopped"


def test_what_is_outside_fails_no_readiness(tmp_path: Path, repository: Path) -> None:
    """A cluster that cannot be reached is said in the health, by each watch of it; the process stays ready."""
    unreachable = {"cluster": {"server": "https://127.0.0.1:1", "token_file": "secrets/kube-token"}}
    found = settings(tmp_path, unreachable, repositories=[local_repository(repository)])

    def use(client: Client) -> None:
        def components() -> dict[str, dict[str, str]]:
            found: dict[str, dict[str, str]] = client.get("/healthz").json()["components"]
            return found

        wait_until(lambda: components()["watch/dc1/VPC"]["reason"], "the watch says why")
        assert {name for name in components() if name.startswith("watch/dc1/")} >= {"watch/dc1/VPC", "watch/dc1/Switch"}
        assert components()["watch/dc1/VPC"]["state"] == "running"
        assert components().keys() == set(expected_of(found, "").tasks)  # what `verify` looks for
        assert client.get("/healthz").status_code == 503
        assert client.get("/readyz").status_code == 200

    run(lambda: build_parts(found), use)
