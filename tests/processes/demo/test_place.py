"""The demo's place: a repository, secrets and a configuration that fit together."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.place import FABRIC, FABRIC_PATH, Place, prepare
from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.errors import ConfigurationError
from reconciler.settings import load
from tests.unit.loopback import Answer, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("demo"), 18080)
    prepare(place)
    return place


def _git(folder: Path, *arguments: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        env={**inherited, **quiet},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout + done.stderr


def test_the_configuration_is_good(place: Place) -> None:
    """The configuration passes every check, warns of nothing, and simulates both targets."""
    settings = load(place.config)

    (fabric,) = settings.fabric_values()
    assert (fabric.name, fabric.path, fabric.simulated) == (FABRIC, FABRIC_PATH, ("cluster", "netbox"))
    assert settings.server.port == 18080
    assert settings.server.api_token is not None
    assert settings.warnings == ()


def test_the_fabric_is_read_without_a_problem(place: Place, tmp_path: Path) -> None:
    """The first commit of the repository declares a fabric, every document of which is good."""
    settings = load(place.config)
    (fabric,) = settings.fabric_values()
    remote = GitRemote("gitops", settings.repositories[0].url, "main", allow_local=True)
    source = FabricSource(Mirror(remote, tmp_path / "mirror"), fabric, ParseCache())

    desired = source.read(source.fetch())

    assert desired.problems == ()
    assert len(desired.manifests) >= 60
    assert {key.kind for key in desired.manifests} >= {"Switch", "Server", "Connection", "VPC", "VPCAttachment"}


def test_secrets_are_secret(place: Place) -> None:
    """Secrets are random, different, and readable by their owner only."""
    token, secret = place.token_file.read_text().strip(), place.webhook_secret.read_text().strip()

    assert len(token) >= 32
    assert token != secret
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.token_file, place.webhook_secret)]
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE(place.token_file.parent.stat().st_mode) == 0o700
    assert token not in place.config.read_text()


def test_a_push_is_delivered(tmp_path: Path) -> None:
    """Pushing to the repository runs the hook, and whoever pushes reads the service's answer."""
    with serving() as service:
        service.answer("POST /webhooks/github", Answer(202, b'{"result":"accepted"}'))
        place = Place(tmp_path, int(service.url.rpartition(":")[2]))
        prepare(place)
        _git(tmp_path, "clone", "--quiet", str(place.repository), "mine")
        _git(tmp_path / "mine", "commit", "--quiet", "--allow-empty", "--message", "Push")

        said = _git(tmp_path / "mine", "push", "--quiet")

    assert 'remote: webhook: 202 {"result":"accepted"}' in said
    (asked,) = service.asked
    assert place.repository.as_uri().encode() in asked.body


def test_the_git_of_a_hook_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from within a Git hook, the demo writes to its own repository and not to that of the hook."""
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    _git(foreign, "init", "--quiet")
    before = sorted(str(path) for path in foreign.rglob("*"))
    monkeypatch.setenv("GIT_DIR", str(foreign / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(foreign / ".git" / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(foreign))
    folder = tmp_path / "demo"
    folder.mkdir()

    prepare(Place(folder, 18080))

    assert sorted(str(path) for path in foreign.rglob("*")) == before


def test_git_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git there is one sentence that says what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigurationError, match="the demo needs git: install it"):
        prepare(Place(tmp_path, 18080))


def test_git_fails(tmp_path: Path) -> None:
    """When git fails, the error names the command and carries git's own reason."""
    place = Place(tmp_path, 18080)
    place.repository.write_text("a file where the repository should be")

    with pytest.raises(ConfigurationError, match=r"git init failed: .*gitops\.git"):
        prepare(place)
