"""The demo's place: a bare repository with a small fabric, secrets and a configuration, in one folder."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from reconciler.demo.fabric import FABRIC_DEMO, build_fabric, write_fabric
from reconciler.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

FABRIC = "demo"
FABRIC_PATH = "gitops/hedgehog/demo"
GIT_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything of a demo lies. `port` is that of its API, on loopback."""

    folder: Path
    port: int

    @property
    def repository(self) -> Path:
        return self.folder / "gitops.git"

    @property
    def config(self) -> Path:
        return self.folder / "reconciler.yaml"

    @property
    def token_file(self) -> Path:
        return self.folder / "secrets" / "api-token"

    @property
    def webhook_secret(self) -> Path:
        return self.folder / "secrets" / "webhook"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def prepare(place: Place) -> None:
    """Make the repository, its first commit and its hook, the secrets and the configuration.

    Raises ConfigurationError when git is missing or fails.
    """
    place.webhook_secret.parent.mkdir(mode=0o700)
    for secret in (place.token_file, place.webhook_secret):
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(32) + "\n")
    place.config.write_text(yaml.safe_dump(_configuration(place), sort_keys=False))
    _make_repository(place)


def _configuration(place: Place) -> dict[str, object]:
    return {
        "server": {"port": place.port, "api_token_file": "secrets/api-token"},
        "state": "sqlite:///state/reconciler.db",
        "repositories": [
            {
                "name": "gitops",
                "url": place.repository.as_uri(),
                "webhook": {"provider": "github", "secret_file": "secrets/webhook"},
                "allow_local": True,
            }
        ],
        "fabrics": [
            {
                "name": FABRIC,
                "repository": "gitops",
                "path": FABRIC_PATH,
                "cluster": {"local": True, "prune": True},
                "netbox": {"local": True, "site": FABRIC},
            }
        ],
    }


def _make_repository(place: Place) -> None:
    work = place.folder / "first-commit"
    _git(place.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(place.repository))
    _git(place.folder, "init", "--quiet", "--initial-branch=main", str(work))
    write_fabric(build_fabric(FABRIC_DEMO), work / FABRIC_PATH)
    _git(work, "add", "--all")
    author = ("-c", "user.name=demo", "-c", "user.email=demo@localhost")
    _git(work, *author, "commit", "--quiet", "--message", "Wire up the demo fabric")
    _git(work, "push", "--quiet", str(place.repository), "main")
    hook = place.repository / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_hook(place))
    hook.chmod(0o755)


def _hook(place: Place) -> str:
    command = [
        *(sys.executable, "-m", "reconciler.demo.hook", "--url", f"{place.url}/webhooks/github"),
        *("--secret-file", str(place.webhook_secret), "--repository", place.repository.as_uri()),
    ]
    return f"#!/bin/sh\nexec {shlex.join(command)}\n"


def _git(folder: Path, *arguments: str) -> None:
    # Within a hook GIT_DIR and its like name the repository of the hook: nothing may be committed there.
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = {**foreign, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        subprocess.run(  # noqa: S603 - fixed words and paths of our own
            ["git", *arguments],  # noqa: S607 - git is where PATH says
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT,
        )
    except FileNotFoundError as error:
        raise ConfigurationError("the demo needs git: install it") from error
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", "") or str(error)
        raise ConfigurationError(f"git {arguments[0]} failed: {said.strip()[-500:]}") from error
