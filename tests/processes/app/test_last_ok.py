"""Each part of the process says when it was last well, and that moment moves."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.app.integrity_watch import INTEGRITY
from reconciler.app.parts import build_parts
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import LOCAL, local_repository, settings
from tests.unit.loopback import as_json, serving

if TYPE_CHECKING:
    from pathlib import Path


def _commit(repository: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    command = ("git", *identity, "commit", "--quiet", "--allow-empty", "--message", "Look again")
    subprocess.run(command, cwd=repository, env=inherited, check=True, timeout=60)


def test_every_part_moves(repository: Path, tmp_path: Path) -> None:
    """Once there is something to do for all of them, a changed configuration and a commit, no part of the process is
    stuck at the moment of its start; and those that nobody waits for have the version beside them.
    """
    own = tmp_path / "origin"
    shutil.copytree(repository, own)
    found = settings(tmp_path, LOCAL, repositories=[local_repository(own)])

    def use(client: Client) -> None:
        def seen() -> dict[str, Any]:
            components: dict[str, Any] = client.get("/healthz").json()["components"]
            return components

        wait_until(lambda: client.get("/fabrics/dc1").json()["last_pass"], "the first pass")
        before = seen()
        moving = before.keys() - {INTEGRITY}  # which looks at the files each ten minutes
        document = yaml.safe_load(found.path.read_text())
        found.path.write_text(yaml.safe_dump({**document, "history": {"days": 7}}))
        _commit(own)

        def stuck() -> list[str]:
            now = seen()
            return [name for name in moving if (now[name]["last_ok"] or "") <= (before[name]["last_ok"] or "")]

        wait_until(lambda: not stuck(), "every part came round")
        tasks = {"web", "worker-1", "poll", "sites", "statuses", "notifications", "files", "branches", "watchdog"}
        assert before.keys() == tasks | {"store", "queue", "configuration", INTEGRITY}

    run(lambda: build_parts(found), use)


def test_a_netbox_that_cannot_be_told(repository: Path, tmp_path: Path) -> None:
    """Who tells the sites of fabrics without passes has not come round well while one could not be told."""
    with serving() as server:
        server.otherwise = as_json({"detail": "Invalid token"}, 403)
        netbox = {"url": server.url, "token_file": "secrets/netbox-token"}
        disabled = {"cluster": {"local": True}, "netbox": netbox, "enabled": False}
        found = settings(tmp_path, LOCAL, disabled, repositories=[local_repository(repository)])

        def use(client: Client) -> None:
            def sites() -> dict[str, Any]:
                component: dict[str, Any] = client.get("/healthz").json()["components"]["sites"]
                return component

            wait_until(lambda: sites()["reason"], "the trouble is told")
            assert sites()["reason"].startswith("NetBox could not be told of dc2")
            assert (sites()["state"], sites()["last_ok"]) == ("running", None)

        run(lambda: build_parts(found), use)
