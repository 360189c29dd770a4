"""Commands that work without a running service."""

from __future__ import annotations

import json
import shlex
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import local
from reconciler.demo.place import Place
from reconciler.store import open_store
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings
from tests.unit.loopback import closed_port
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.settings import Settings
    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]


def _configured(folder: Path) -> tuple[Settings, str]:
    """A configuration whose repository does not exist, and the path of its file."""
    found = settings(folder, LOCAL, repositories=[local_repository(folder / "nowhere.git")])
    return found, str(folder / "reconciler.yaml")


def test_check_tells_each_connection(cli: Cli, tmp_path: Path) -> None:
    """Each check is a line, its state in a column; one that fails makes the exit code 1, and no secret is shown."""
    _, config = _configured(tmp_path)

    said = cli("check", "--config", config)

    assert said.code == 1
    repository, cluster, netbox = said.out.splitlines()
    assert repository.startswith("failing  repository gitops: ")
    assert str(tmp_path / "nowhere.git") in repository
    assert cluster.startswith("ok       fabric dc1: cluster: simulated")
    assert netbox.startswith("ok       fabric dc1: netbox: simulated")
    assert CANARY not in said.out + said.err


def test_check_as_json(cli: Cli, tmp_path: Path) -> None:
    """`--output json` is one document with every check, and the same exit code."""
    _, config = _configured(tmp_path)

    said = cli("check", "--config", config, "--output", "json")

    checks = json.loads(said.out)["checks"]
    assert [(check["subject"], check["state"]) for check in checks] == [
        ("repository gitops", "failing"),
        ("fabric dc1: cluster", "ok"),
        ("fabric dc1: netbox", "ok"),
    ]
    assert (said.code, said.err) == (1, "")


def test_check_of_what_works(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing fails the exit code is 0; the configuration may be named by the environment."""
    settings(tmp_path, repositories=[], fabrics=[])
    monkeypatch.setenv("RECONCILER_CONFIG", str(tmp_path / "reconciler.yaml"))

    said = cli("check")

    assert (said.code, said.out, said.err) == (0, "", "")


def test_findings_are_lines(cli: Cli, tmp_path: Path) -> None:
    """A configuration that cannot be used is told finding by finding, each with its key."""
    path = tmp_path / "reconciler.yaml"
    path.write_text("repositories: []\nfabrics: []\nserver: {port: 99999, hots: x}\n")

    said = cli("serve", "--config", str(path))

    assert said.code == 1
    head, *findings = said.err.splitlines()
    assert head == f"error: {path} cannot be used:"
    assert [finding.partition(":")[0] for finding in findings] == ["server.hots", "server.port"]


def test_serve_on_a_port_in_use(cli: Cli, tmp_path: Path) -> None:
    """A service that cannot listen says so in one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings(tmp_path, server={"port": port})

        said = cli("serve", "--config", str(tmp_path / "reconciler.yaml"))

    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[-1] == f"error: server: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_serve_on_a_state_in_use(cli: Cli, tmp_path: Path) -> None:
    """A second service on one state file is refused in one sentence."""
    found, config = _configured(tmp_path)
    first = open_store(found.state_path, samples.SetClock())

    said = cli("serve", "--config", config)

    first.close()
    assert said.code == 1
    assert "in use by process" in said.err.splitlines()[-1]


def test_a_demo_that_cannot_start_leaves_nothing(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo that fails removes what it made, and says why it failed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        said = cli("demo", "--port", str(port))

    assert said.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said.err
    assert list(tmp_path.iterdir()) == []


def test_port_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo takes its own port when it is free, else another one that is."""
    free = closed_port()
    monkeypatch.setattr(local, "DEMO_PORT", free)
    assert local._port() == free

    with socket.create_server(("127.0.0.1", free)):
        another = local._port()

    assert another != free


@pytest.mark.parametrize("program", ["/opt/my tools/bin/reconciler", "/usr/lib/reconciler/__main__.py"])
def test_lines_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    """What the demo prints can be pasted into a shell, whatever the folders are called."""
    place = Place(tmp_path / "a b [c]", 18080)
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(sys, "executable", "/opt/my venv/bin/python")

    local._greet(place)

    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines() if line.startswith("     ")]
    command = [program] if program.endswith("/reconciler") else ["/opt/my venv/bin/python", "-m", "reconciler"]
    assert lines[0] == ["git", "clone", "-q", str(place.repository), "demo-fabric"]
    assert lines[-1] == [*command, "status", "--server", place.url]
    assert [*command, "passes", "demo", "--server", place.url] in lines
    assert ["echo", "  broken: [", ">>", "demo-fabric/gitops/hedgehog/demo/managed/vpcs/vpc-01.yaml"] in lines


def test_the_usual_port_is_not_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On its own port the demo is found without an address."""
    monkeypatch.setattr(local, "DEMO_PORT", 18080)

    local._greet(Place(tmp_path, 18080))

    assert "--server" not in capsys.readouterr().out
