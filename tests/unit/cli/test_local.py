"""Commands that work without a running service."""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.cli import local
from reconciler.demo.place import Place
from reconciler.store import open_store
from tests.unit.app.configuration import settings
from tests.unit.loopback import closed_port
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]


def test_check_of_what_works(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing fails the exit code is 0; the configuration may be named by the environment."""
    settings(tmp_path, repositories=[], fabrics=[])
    monkeypatch.setenv("RECONCILER_CONFIG", str(tmp_path / "reconciler.yaml"))

    said = cli("check")

    assert (said.code, said.err) == (0, "")
    assert said.out == "nothing to check: the configuration is fine, and names no repository and no fabric\n"


def test_check_tells_which_secret_to_close(cli: Cli, tmp_path: Path) -> None:
    """A warning does not make it fail, and names file and remedy below."""
    settings(tmp_path, repositories=[], fabrics=[])
    token = tmp_path / "secrets" / "api-token"
    token.chmod(0o644)

    said = cli("check", "--config", str(tmp_path / "reconciler.yaml"))

    assert (said.code, said.err) == (0, "")
    warning, advice = said.out.splitlines()
    assert warning == "warning  configuration server.api_token_file: every user of this machine can read this secret"
    assert advice == f"         chmod 0600 {token}"


def test_check_tells_what_makes_a_missing_branch(cli: Cli, tmp_path: Path) -> None:
    """An empty repository fails, and the fabric's `init` is named."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "gitops.git")], check=True)
    url = (tmp_path / "gitops.git").as_uri()
    repository = {"name": "gitops", "url": url, "allow_local": True}
    settings(tmp_path, repositories=[repository], fabrics=[{"name": "dc1", "repository": "gitops", "path": "a/dc1"}])

    said = cli("check", "--config", str(tmp_path / "reconciler.yaml"))

    assert said.code == 1
    assert said.out.strip().endswith("the repository is empty; `reconciler init dc1` makes it")


def test_findings_are_lines(cli: Cli, tmp_path: Path) -> None:
    """A configuration that cannot be used is told finding by finding, each with its key."""
    path = tmp_path / "reconciler.yaml"
    path.write_text(WRONG_KEYS)

    said = cli("serve", "--config", str(path))

    assert said.code == 1
    head, *findings = said.err.splitlines()
    assert head == f"error: {path} cannot be used:"
    assert [finding.partition(":")[0] for finding in findings] == ["server.hots", "server.port"]


WRONG_KEYS = "repositories: []\nfabrics: []\nserver: {port: 99999, hots: x}\n"


def test_check_of_an_unusable_configuration_as_json(cli: Cli, tmp_path: Path) -> None:
    """One document with an entry for each key, and for a file that is not there."""
    path = tmp_path / "reconciler.yaml"
    path.write_text(WRONG_KEYS)

    said = cli("check", "--config", str(path), "--output", "json")

    checks = json.loads(said.out)["checks"]
    assert (said.code, said.err) == (1, "")
    assert {(check["subject"], check["state"]) for check in checks} == {("configuration", "failing")}
    assert [check["message"].partition(":")[0] for check in checks] == ["server.hots", "server.port"]

    (gone,) = json.loads(cli("check", "--config", str(tmp_path / "gone.yaml"), "-o", "json").out)["checks"]
    assert "gone.yaml" in gone["message"]


@pytest.mark.parametrize(("port", "bound"), [("99999", "65535"), ("-1", "at least 0")])
def test_a_demo_on_a_port_that_cannot_be(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str, bound: str
) -> None:
    """The option is named, and nothing is made."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    said = cli("demo", f"--port={port}")

    assert (said.code, said.out) == (1, "")
    assert "--port" in said.err
    assert bound in said.err
    assert list(tmp_path.iterdir()) == []


def test_serve_on_a_port_in_use(cli: Cli, tmp_path: Path) -> None:
    """A service that cannot listen says so in one sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings(tmp_path, server={"port": port})

        said = cli("serve", "--config", str(tmp_path / "reconciler.yaml"))

    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[-1] == (
        f"error: server: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "end what listens there (a demo?), or set server.port"
    )


def test_serve_on_a_state_in_use(cli: Cli, tmp_path: Path) -> None:
    """A second service on one state file is refused in one sentence."""
    found = settings(tmp_path)
    first = open_store(found.state_path, samples.SetClock())

    said = cli("serve", "--config", str(tmp_path / "reconciler.yaml"))

    first.close()
    assert said.code == 1
    assert "in use by process" in said.err.splitlines()[-1]


def test_port_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo takes its own port when it is free, else another one that is."""
    free = closed_port()
    monkeypatch.setattr(local, "DEMO_PORT", free)
    assert local._port() == free

    with socket.create_server(("127.0.0.1", free)):
        another = local._port()

    assert another != free


def _place(folder: Path) -> Place:
    place = Place(folder, 18080)
    place.token_file.parent.mkdir(parents=True)
    place.token_file.write_text("its-token\n")
    return place


@pytest.mark.parametrize("program", ["/opt/my tools/bin/reconciler", "/usr/lib/reconciler/__main__.py"])
def test_lines_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str
) -> None:
    """What the demo prints can be pasted into a shell, whatever the folders are called."""
    place = _place(tmp_path / "a b [c]")
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(sys, "executable", "/opt/my venv/bin/python")

    local._greet(place)

    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines() if line.startswith("     ")]
    command = [program] if program.endswith("/reconciler") else ["/opt/my venv/bin/python", "-m", "reconciler"]
    assert lines[0] == ["git", "clone", "-q", str(place.repository), str(place.folder / "clone")]
    vpc = place.folder / "clone" / "gitops/hedgehog/demo/managed/vpcs/vpc-01.yaml"
    assert [*command, "status", "demo", "--server", place.url] in lines
    asked = [*command, "reconcile", "demo", "--server", place.url, "--token-file", str(place.token_file)]
    assert lines[-2] == asked
    assert lines[-1][:3] == ["git", "-C", str(place.folder / "clone")]
    assert lines[-1][7:10] == ["revert", "--no-edit", "HEAD"]
    assert [*command, "passes", "demo", "--server", place.url] in lines
    assert ["echo", "  broken: [", ">>", str(vpc)] in lines


def test_the_usual_port_is_not_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On its own port the demo is found without an address."""
    monkeypatch.setattr(local, "DEMO_PORT", 18080)

    place = _place(tmp_path)
    local._greet(place)

    said = capsys.readouterr().out
    assert "--server" not in said
    assert f"{place.url}/ in a browser" in said
    assert "the token is its-token\n" in said
