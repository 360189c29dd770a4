"""Commands that work without a running service, and start git."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]


def _configured(folder: Path) -> str:
    """The path of a configuration whose repository does not exist."""
    settings(folder, LOCAL, repositories=[local_repository(folder / "nowhere.git")])
    return str(folder / "reconciler.yaml")


def test_check_tells_each_connection(cli: Cli, tmp_path: Path) -> None:
    """Each check is a line, its state in a column; one that fails makes the exit code 1, and no secret is shown."""
    said = cli("check", "--config", _configured(tmp_path))

    assert said.code == 1
    repository, cluster, netbox = said.out.splitlines()
    assert repository.startswith("failing  repository gitops: ")
    assert str(tmp_path / "nowhere.git") in repository
    assert cluster.startswith("ok       fabric dc1: cluster: simulated")
    assert netbox.startswith("ok       fabric dc1: netbox: simulated")
    assert CANARY not in said.out + said.err


def test_check_as_json(cli: Cli, tmp_path: Path) -> None:
    """`--output json` is one document with every check, and the same exit code."""
    said = cli("check", "--config", _configured(tmp_path), "--output", "json")

    checks = json.loads(said.out)["checks"]
    assert [(check["subject"], check["state"]) for check in checks] == [
        ("repository gitops", "failing"),
        ("fabric dc1: cluster", "ok"),
        ("fabric dc1: netbox", "ok"),
    ]
    assert (said.code, said.err) == (1, "")


def test_a_demo_that_cannot_start_leaves_nothing(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo that fails removes what it made, and says why it failed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = cli("demo", "--port", str(port))

    assert said.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
    assert list(tmp_path.iterdir()) == []
