"""Commit statuses: what a forge is told of pushes, by the real service with real Git."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import files
from tests.e2e.installation import lay_out, wait_until
from tests.forge_double import ForgeDouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.git_server import GitServer

pytestmark = pytest.mark.lab

TOKEN = "canary-forge-token"
SERVER = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: Server\nmetadata: {{name: s-{}}}\nspec: {{}}\n"
CONTEXT = "hedgehog-reconciler/dc1"


class Forged:
    """A service, and the forge that it tells of its repository's commits."""

    def __init__(self, service: Installation, forge: ForgeDouble, token_file: Path) -> None:
        self.service, self.forge, self.token_file = service, forge, token_file

    def wait(self, commit: str, state: str) -> str:
        """Wait until this is what the forge has of the commit; what it shows beside it."""
        wait_until(lambda: self._is(commit, state), what=f"{state} of {commit}; see {self.service.log}")
        last = self.forge.last(commit)
        assert last is not None
        assert (last.context, last.target_url) == (CONTEXT, "https://reconciler.example.com/fabrics/dc1")
        return last.description

    def _is(self, commit: str, state: str) -> bool:
        last = self.forge.last(commit)
        return last is not None and last.state == state

    def warnings(self) -> str:
        """What /healthz says of the forge."""
        found = [one["message"] for one in self.service.healthz()["warnings"] if one["key"] == "repositories[0].forge"]
        return " ".join(found)


@pytest.fixture
def forged(request: pytest.FixtureRequest, git_server: GitServer, tmp_path: Path) -> Iterator[Forged]:
    """A service that is laid out and not started; its repository has an owner, as forges have it."""
    name = f"test-{secrets.token_hex(4)}"
    git_server.create_repository(f"net/{name}")
    repository = replace(git_server.repository(f"net/{name}"), name=name)
    forge = ForgeDouble(request.param, f"net/{name}", TOKEN)
    forge.start()
    service = lay_out(tmp_path / "service", repository, "dc1", LOCAL)
    token_file = tmp_path / "forge-token"
    token_file.touch(mode=0o600)
    token_file.write_text(f"{TOKEN}\n")
    service.settings["server"]["public_url"] = "https://reconciler.example.com"
    service.repository_settings["forge"] = forge.settings(token_file)
    yield Forged(service, forge, token_file)
    service.close()
    forge.stop()
    git_server.delete_repository(f"net/{name}")


@pytest.mark.parametrize("forged", ["gitlab"], indirect=True)  # the one that refuses most
def test_a_forge_is_told(forged: Forged) -> None:
    """Pending and then success of a good push, failure with its reason of a bad one; a forge that is down holds no pass
    up and is told later, also by the process that comes after a crash; a token that is refused is said, and the next
    one is used.
    """
    service, forge = forged.service, forged.forge
    service.start()
    good = service.push(files())
    assert "simulated: applied main@sha1:" in forged.wait(good, "success")
    assert forge.states(good)[0] in {"pending", "running"}

    bad = service.push({"broken.yaml": "kind: [\n"})
    assert "DocumentsRefused" in forged.wait(bad, "failed" if forge.kind == "gitlab" else "failure")

    forge.stop()
    away = service.push({"broken.yaml": None})
    service.wait_applied(away, seconds=30)
    wait_until(lambda: "cannot be reached" in forged.warnings(), what="the forge is down")
    service.kill()
    forge.start()
    service.start()
    forged.wait(away, "success")
    wait_until(lambda: not forged.warnings(), what="the forge is well")

    forge.token = "another-token"
    late = service.push({"note.txt": "x"})
    service.wait_applied(late)
    wait_until(lambda: "401: the token is not accepted" in forged.warnings(), what="the token is refused")
    requests = forge.requests
    forged.token_file.write_text(forge.token)
    forged.wait(late, "success")
    assert forge.requests - requests <= 4
    assert TOKEN not in service.log.read_text()
    assert 'reconciler_commit_statuses_total{forge="' in service.session.get(f"{service.url}/metrics", timeout=30).text


@pytest.mark.parametrize("forged", ["github"], indirect=True)
def test_a_dropped_file(forged: Forged) -> None:
    """What somebody dropped is applied by a commit of ours on top of theirs: both are told to be applied. So is one
    that was found by a person's pass and announced by nobody.
    """
    service = forged.service
    service.fabric_settings["structure"] = {"enabled": True}
    service.write_settings()
    made = service.run_cli("init", "dc1", "--config", str(service.process.configuration))
    assert made.returncode == 0, made.stdout + made.stderr
    service.start()
    service.wait_idle()

    for number, is_announced in enumerate((True, False)):
        commit = service.push({f"raw/{number}.yaml": SERVER.format(number)}, deliver=is_announced)
        if not is_announced:
            service.reconcile()
        assert "applied main@sha1:" in forged.wait(commit, "success")
        revision = service.status()["revision"].removeprefix("main@sha1:")
        assert revision != commit
        forged.wait(revision, "success")


@pytest.mark.parametrize("forged", ["github"], indirect=True)
def test_check_tries_the_token(forged: Forged) -> None:
    """`check` says what the token may, and writes nothing."""
    service, forge = forged.service, forged.forge
    service.push(files(), deliver=False)
    service.write_settings()
    check = ("check", "--output", "json", "--config", str(service.process.configuration))
    assert f"net/{service.repository.name}" in service.run_cli(*check).stdout
    forge.may_write = False
    refused = service.run_cli(*check)
    assert (refused.returncode, forge.posted) == (1, [])
    assert "writing commit statuses takes" in refused.stdout
