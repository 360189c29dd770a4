"""A state file that breaks while the service runs: the probes say so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from reconciler.app.parts import build_parts
from tests.processes.app.running import Client, run
from tests.unit.app.configuration import LOCAL, local_repository, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_state_file_that_cannot_be_read(repository: Path, tmp_path: Path) -> None:
    """Health names the store beside every other part, and metrics tell of the process, exactly when both are needed."""
    found = settings(tmp_path, LOCAL, repositories=[local_repository(repository)])

    def use(client: Client) -> None:
        client.settle()
        with closing(sqlite3.connect(found.state_path, timeout=30)) as database, database:
            database.execute("DROP TABLE fabrics")

        health = client.get("/healthz")
        assert (health.status_code, health.json()["connections"]) == (503, {})
        assert "no such table" in health.json()["components"]["store"]["reason"]
        assert health.json()["components"]["web"]["state"] == "running"

        metrics = client.get("/metrics")
        assert metrics.status_code == 200
        lines = metrics.text.splitlines()
        assert "reconciler_ready 0.0" in lines
        assert 'reconciler_component_up{component="store"} 0.0' in lines
        assert not any(line.startswith("reconciler_fabric_") for line in lines)
        assert client.get("/livez").status_code == 200

    run(lambda: build_parts(found), use)
