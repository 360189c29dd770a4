"""`verify` and `ensure`: what they show, and what their exit codes say."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from reconciler import __version__
from reconciler.app.required import expected_of
from reconciler.model.verification import Finding, Verdict
from tests.unit.app.configuration import settings
from tests.unit.loopback import as_json
from tests.unit.other_user import another_user, as_root, open_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said
    from tests.unit.loopback import Loopback

    Cli = Callable[..., Said]

WELL = Finding("integrity", Verdict.OK, "all 9 files are as RECORD says")
DOUBTFUL = Finding("dependencies", Verdict.WARNING, "a 2 is installed, 1 is locked", "pip install")
WRONG = Finding("integrity: a.py", Verdict.FAILING, "a.py is missing", "install the wheel")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What is found of the installation, which is not looked at."""
    findings = [WELL]
    monkeypatch.setattr("reconciler.app.integrity.verify_files", lambda: iter(findings))
    monkeypatch.setattr("reconciler.app.dependencies.verify_dependencies", lambda: iter(()))
    monkeypatch.setattr("reconciler.app.installation.verify_installation", lambda: iter(()))
    monkeypatch.setattr("reconciler.app.verification.verify_configured", lambda _settings, _server: iter(()))
    return findings


def _config(folder: Path) -> str:
    settings(folder, repositories=[], fabrics=[])
    return str(folder / "reconciler.yaml")


def _serve(service: Loopback, folder: Path, **changes: Any) -> str:
    """Have the service answer as one of this configuration does that runs whole; the configuration's path."""
    expected = expected_of(settings(folder, repositories=[], fabrics=[]), __version__)
    health = {
        "status": "ok",
        "version": __version__,
        "build": None,
        "configuration": expected.configuration,
        "components": {name: {"state": "running", "reason": None} for name in expected.tasks},
    }
    service.answer("GET /livez", as_json({"status": "ok"}))
    service.answer("GET /readyz", as_json({"status": "ok", "not_running": {}}))
    service.answer("GET /healthz", as_json({**health, **changes}))
    return str(folder / "reconciler.yaml")


@pytest.mark.parametrize(("added", "code"), [(None, 0), (DOUBTFUL, 2), (WRONG, 1)])
@pytest.mark.usefixtures("service")
def test_the_exit_code(cli: Cli, tmp_path: Path, found: list[Finding], added: Finding | None, code: int) -> None:
    """0: all is well, 1: something is wrong, 2: something is to be looked at."""
    found += [added] if added else []

    assert cli("verify", "--no-service", "--config", _config(tmp_path)).code == code


def test_what_is_shown(cli: Cli, tmp_path: Path, found: list[Finding]) -> None:
    """A line for each finding, its state in a column, and below what is wrong what to do."""
    found.append(WRONG)

    said = cli("verify", "--no-service", "--config", _config(tmp_path))

    assert said.out.splitlines() == [
        "ok              integrity: all 9 files are as RECORD says",
        "failing         integrity: a.py: a.py is missing",
        "                install the wheel",
    ]


def test_findings_as_json(cli: Cli, tmp_path: Path, found: list[Finding]) -> None:
    """One document, with the exit code for whoever only keeps the text."""
    found.append(DOUBTFUL)

    said = json.loads(cli("verify", "--no-service", "--config", _config(tmp_path), "-o", "json").out)

    assert said["exit_code"] == 2
    assert said["findings"][1] == {
        "subject": "dependencies",
        "state": "warning",
        "message": "a 2 is installed, 1 is locked",
        "advice": "pip install",
        "is_needed": False,
    }


@pytest.mark.usefixtures("found")
def test_a_configuration_that_cannot_be_used(cli: Cli, tmp_path: Path) -> None:
    """It is a finding, and what needs none is still looked at; `--installation-only` asks for none."""
    said = cli("verify", "--config", str(tmp_path / "nowhere.yaml"))
    assert said.code == 1
    assert "failing         configuration: " in said.out
    assert "reconciler check" not in said.out, "it would say the same"
    assert "program git" in said.out

    only = cli("verify", "--installation-only", "--config", str(tmp_path / "nowhere.yaml"))
    assert (only.code, "configuration" in only.out) == (0, False)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("command", ["verify", "ensure"])
def test_keys_that_are_wrong(cli: Cli, tmp_path: Path, command: str) -> None:
    """Each is a finding of its own, with what to do."""
    path = tmp_path / "reconciler.yaml"
    path.write_text("repositories: []\nfabrics: []\nserver: {port: 99999, hots: x}\n")

    found = json.loads(cli(command, "--config", str(path), "-o", "json").out)["findings"]

    wrong = [one for one in found if one["subject"] == "configuration"]
    assert [one["message"].partition(":")[0] for one in wrong] == ["server.hots", "server.port"]
    assert all("reconciler check" in one["advice"] for one in wrong)


@pytest.mark.usefixtures("found")
def test_a_service_that_runs_whole(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """It is asked without a token, and both commands are content."""
    config = _serve(service, tmp_path)

    assert cli("verify", "--config", config).code == 0
    assert cli("ensure", "--config", config).code == 0
    assert not [one for one in service.asked if "authorization" in one.headers]


@pytest.mark.usefixtures("found")
def test_a_service_that_lacks_a_task(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """It is named, by both commands."""
    config = _serve(service, tmp_path, components={})

    for command in ("verify", "ensure"):
        said = cli(command, "--config", config)
        assert (said.code, "poll is not there" in said.out) == (1, True)


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("command", ["verify", "ensure"])
def test_a_service_that_hangs(cli: Cli, tmp_path: Path, service: Loopback, command: str) -> None:
    """A worker that does not get on any more fails, though the service is ready; nothing says that it goes on."""
    why = "the pass over dc1 has made no progress since 2026-03-01T11:20:00Z, in phase netbox"
    config = _serve(service, tmp_path)
    health = json.loads(service.answers["GET /healthz"][0].body)
    health["components"]["worker-1"]["reason"] = why
    service.answer("GET /healthz", as_json({**health, "status": "degraded"}, 503))
    service.answer("GET /livez", as_json({"status": "hanging", "hanging": {"worker-1": why}}, 503))

    said = cli(command, "--config", config)

    assert (said.code, "by itself once that is over" in said.out) == (1, False)
    assert f"failing         service: worker-1: hangs: {why}\n                restart the service" in said.out


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(("command", "options"), [("verify", ()), ("ensure", ("--wait", "0"))])
def test_a_service_that_does_not_poll(
    cli: Cli, tmp_path: Path, service: Loopback, command: str, options: tuple[str, ...]
) -> None:
    """A fabric that is overdue fails."""
    config = _serve(service, tmp_path)
    health = json.loads(service.answers["GET /healthz"][0].body)
    overdue = [{"fabric": "dc1", "since": "2026-03-01T12:01:00.000Z"}]
    service.answer("GET /healthz", as_json({**health, "status": "degraded", "overdue": overdue}, 503))

    said = cli(command, "--config", config, *options)

    assert (said.code, "failing         service: fabric dc1: its poll does not run" in said.out) == (1, True)


@pytest.mark.usefixtures("found")
def test_a_service_that_was_down_for_long(
    cli: Cli, tmp_path: Path, service: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ensure` gives it time to see to polls that were missed."""
    monkeypatch.setattr("reconciler.cli.service_check.PERIOD", 0.0)
    config = _serve(service, tmp_path)
    (sound,) = service.answers["GET /healthz"]
    overdue = [{"fabric": "dc1", "since": "2026-03-01T12:01:00.000Z"}]
    late = as_json({**json.loads(sound.body), "status": "degraded", "overdue": overdue}, 503)
    service.answer("GET /healthz", late, late, sound)

    assert cli("ensure", "--config", config).code == 0


@pytest.mark.usefixtures("found")
def test_a_service_that_starts(cli: Cli, tmp_path: Path, service: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ensure` gives it time to get ready."""
    monkeypatch.setattr("reconciler.cli.service_check.PERIOD", 0.0)
    config = _serve(service, tmp_path)
    starting = as_json({"status": "not ready", "not_running": {"integrity": "starting"}}, 503)
    service.answer("GET /readyz", starting, starting, as_json({"status": "ok", "not_running": {}}))

    assert cli("ensure", "--config", config).code == 0


@pytest.mark.usefixtures("found")
def test_a_service_that_is_none(cli: Cli, tmp_path: Path, service: Loopback) -> None:
    """Something else that listens there is no reconciler; and where it listens may be known to nobody."""
    config = _serve(service, tmp_path)
    service.answer("GET /readyz", as_json({"health": "fine"}))
    assert "is not a reconciler of this version" in cli("verify", "--config", config).out

    service.answer("GET /readyz", as_json([]))
    assert cli("verify", "--config", config).code == 1


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("components", [{"web": "up"}, ["a"]])
@pytest.mark.parametrize("command", ["verify", "ensure --wait 0"])
def test_a_service_that_says_health_otherwise(
    cli: Cli, tmp_path: Path, service: Loopback, command: str, components: object
) -> None:
    """Another program's JSON is told as that, whatever it has in common with ours."""
    config = _config(tmp_path)
    service.otherwise = as_json({"status": "ok", "components": components})

    said = cli(*command.split(), "--config", config)

    assert (said.code, f"failing         service: {service.url} is not a reconciler" in said.out) == (1, True)


@pytest.mark.usefixtures("found")
def test_a_service_of_unknown_address(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A free port is known to the service's log alone."""
    monkeypatch.delenv("RECONCILER_SERVER", raising=False)

    said = cli("verify", "--config", _config(tmp_path))

    assert (said.code, "server.port is 0" in said.out) == (1, True)


def test_damaged_files_initialise_nothing(cli: Cli, tmp_path: Path, service: Loopback, found: list[Finding]) -> None:
    """`ensure` lets only what is whole change what outlives it."""
    config = _serve(service, tmp_path)
    found.append(WRONG)
    assert cli("ensure", "--config", config).code == 1
    assert not (tmp_path / "state").exists()

    found.remove(WRONG)
    first, second = (cli("ensure", "--config", config) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert ("done            state: made" in first.out, "done" in second.out) == (True, False)


@pytest.mark.usefixtures("found")
def test_ensure_without_a_configuration(cli: Cli, tmp_path: Path) -> None:
    """It is a finding like any other."""
    said = cli("ensure", "--config", str(tmp_path / "nowhere.yaml"))

    assert (said.code, "failing         configuration: " in said.out) == (1, True)


@pytest.mark.parametrize("command", ["verify", "ensure"])
@pytest.mark.parametrize("part", ["installation", "verification"])
def test_a_part_that_cannot_be_imported(
    cli: Cli, tmp_path: Path, found: list[Finding], monkeypatch: pytest.MonkeyPatch, part: str, command: str
) -> None:
    """It is a finding beside those of the files, also in JSON, and the others go on."""
    found.append(WRONG)
    monkeypatch.setitem(sys.modules, f"reconciler.app.{part}", None)

    said = cli(command, "--config", _config(tmp_path), "-o", "json")

    subjects = [one["subject"] for one in json.loads(said.out)["findings"]]
    assert said.code == 1
    assert subjects[:2] == ["integrity", WRONG.subject]
    assert f"module reconciler.app.{part}" in subjects
    assert ("service" in subjects) == (part == "installation")


def test_no_manifest_of_a_source_tree(cli: Cli, tmp_path: Path) -> None:
    """As the tests run from one: it is refused in a sentence."""
    said = cli("verify", "--write-manifest", str(tmp_path / "manifest.json"))

    assert said.code == 1
    assert said.err.startswith("error: no manifest is written: this is an editable installation")


@as_root
@pytest.mark.parametrize("command", ["verify --no-service", "ensure --wait 0"])
@pytest.mark.parametrize(
    ("owner", "whose"), [(0, "the service's user: sudo -u USER"), (4242, "#4242: sudo -u '#4242'")]
)
def test_by_another_user(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str, owner: int, whose: str) -> None:
    """Whose the state is, is told to a user to whom its folder is closed, as it is by default."""
    monkeypatch.setattr("reconciler.app.integrity.verify_files", lambda: iter([WELL]))
    monkeypatch.setattr("reconciler.app.dependencies.verify_dependencies", lambda: iter(()))
    monkeypatch.setattr("reconciler.app.installation.verify_installation", lambda: iter(()))
    monkeypatch.delenv("RECONCILER_SERVER", raising=False)
    with open_folder() as folder:
        arguments = (*command.split(), "--config", _config(folder))
        cli("ensure", "--wait", "0", *arguments[-2:])
        for path in (folder / "secrets", *(folder / "secrets").iterdir()):
            path.chmod(0o755)
        os.chown(folder / "state", owner, owner)
        with another_user():
            said = cli(*arguments)

    assert said.code == 1
    assert f"{folder / 'state'} belongs to {'root' if owner == 0 else '#4242'}, and is closed to " in said.out
    assert f"run it as {whose} reconciler ..." in said.out


@as_root
@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("command", ["verify", "ensure"])
def test_a_configuration_of_another_user(cli: Cli, command: str) -> None:
    """In a folder that is closed, as that of a unit is."""
    with open_folder() as folder:
        config = _config(folder)
        cli("verify", "--no-service", "--config", config)
        folder.chmod(0o700)
        with another_user():
            said = cli(command, "--config", config)
        folder.chmod(0o755)

    assert (said.code, f"{config}: Permission denied: its folder is closed" in said.out) == (1, True)
    assert "run it as the service's user" in said.out
