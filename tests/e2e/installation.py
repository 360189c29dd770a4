"""An installation of the service: its folder, its process, and what a forge and a person do with it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import requests
import yaml

from tests.canaries import found_in
from tests.e2e.service_process import PROJECT, ServiceProcess
from tests.lab.netbox_server import NetBoxServer
from tests.lab.ports import free_ports
from tests.payloads import github

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.lab.git_server import Repository

READY_TIMEOUT = 60.0
REQUEST_TIMEOUT = 30.0


def wait_until(condition: Callable[[], object], *, seconds: float = 60.0, what: str = "") -> None:
    """Look every 50 ms until it is true; fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what or condition}"
        time.sleep(0.05)


@dataclass(frozen=True)
class Installation:
    """One service, seen from one of its fabrics and that fabric's repository; `add_fabric` gives the others.

    `settings` is the content of its configuration, shared by all views.
    """

    folder: Path
    fabric: str
    repository: Repository
    settings: JSONObject
    process: ServiceProcess
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['server']['port']}"

    @property
    def log(self) -> Path:
        return self.process.log

    @property
    def token_file(self) -> Path:
        return self.folder / "secrets" / "api-token"

    @property
    def fabric_settings(self) -> JSONObject:
        """The fabric's part of the settings. Fails when it has none."""
        (found,) = [row for row in self.settings["fabrics"] if row["name"] == self.fabric]
        part: JSONObject = found
        return part

    @property
    def repository_settings(self) -> JSONObject:
        """The repository's part of the settings."""
        (found,) = [row for row in self.settings["repositories"] if row["url"] == self.repository.url]
        part: JSONObject = found
        return part

    @property
    def webhook_secret(self) -> bytes:
        secret: Path = self.folder / self.repository_settings["webhook"]["secret_file"]
        return secret.read_bytes()

    @property
    def path(self) -> str:
        """The fabric's directory in the repository."""
        path: str = self.fabric_settings["path"]
        return path

    def add_fabric(self, fabric: str, targets: JSONObject, repository: Repository | None = None) -> Installation:
        """Add a fabric to the settings, and a repository that is new to them; the same service as that one sees it."""
        seen = replace(self, fabric=fabric, repository=repository or self.repository)
        if repository and all(row["url"] != repository.url for row in self.settings["repositories"]):
            self.settings["repositories"].append(_repository_settings(self.folder, repository))
        name = seen.repository_settings["name"]
        self.settings["fabrics"].append(_fabric_settings(fabric, name, targets))
        return seen

    def write_settings(self) -> None:
        """Write the configuration as it is now, whole at once."""
        self.write_configuration(yaml.safe_dump(self.settings, sort_keys=False))

    def write_configuration(self, text: str) -> None:
        """Write any text as the configuration."""
        draft = self.folder / "reconciler.yaml.draft"
        draft.write_text(text)
        draft.replace(self.process.configuration)

    # the process

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        self.write_settings()
        self.process.start()
        wait_until(self._is_ready, seconds=READY_TIMEOUT, what=f"ready, see {self.log}")

    def _is_ready(self) -> bool:
        self.process.assert_alive()
        try:
            return self.session.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False

    def kill(self) -> None:
        """End the process as a crash does."""
        self.process.kill()

    def stop(self) -> int:
        """End the process as an operator does; its exit code."""
        return self.process.stop()

    def close(self) -> None:
        """End whatever still runs, at the end of a test. Fails when one of its secrets is in its log: so whatever a
        test provokes is a test of that, too.
        """
        self.session.close()
        self.process.close()
        shown = found_in(self.log.read_bytes() if self.log.exists() else b"", self._secrets())
        assert not shown, f"{self.log} holds {', '.join(sorted(shown))}"

    def _secrets(self) -> dict[str, str]:
        """Those of its folder, and those of the lab. A kubeconfig has other lines too."""
        files = (file for file in (self.folder / "secrets").iterdir() if file.suffix not in {".pub", ".kubeconfig"})
        own = {file.name: file.read_text(errors="replace") for file in files if file.is_file()}
        return own | {"Git's password": self.repository.server.password, "NetBox's token": NetBoxServer.token}

    # what a forge and a person do

    def push(self, files: Mapping[str, str | None], *, deliver: bool = True) -> str:
        """Commit files of the fabric's directory and push; the commit. As a forge, send the delivery too."""
        commit = self.repository.push_files({f"{self.path}/{name}": text for name, text in files.items()})
        if deliver:
            answer = self.deliver(commit)
            assert answer.status_code == 202, answer.text
        return commit

    def deliver(
        self,
        commit: str,
        *,
        secret: bytes | None = None,
        before: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a GitHub push delivery for the repository's main branch, which was at `before`."""
        named = github.repository() | {"clone_url": self.repository.url}
        payload = github.push(after=commit, repository=named) | ({} if before is None else {"before": before})
        return self.deliver_body(json.dumps(payload).encode(), secret=secret, headers=headers)

    def deliver_body(
        self, body: bytes, *, secret: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send a body as a signed GitHub push; `headers` replace those of a genuine delivery."""
        signature = hmac.new(secret or self.webhook_secret, body, hashlib.sha256).hexdigest()
        genuine = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={signature}",
        }
        merged = {name: value for name, value in {**genuine, **(headers or {})}.items() if value}
        return self.session.post(f"{self.url}/webhooks/github", data=body, headers=merged, timeout=REQUEST_TIMEOUT)

    def reconcile(self, wait: float = 120.0) -> JSONObject:
        """Ask for a pass and wait for its end; the request."""
        answer = self.post("/reconcile", {"fabric": self.fabric, "wait": wait}, timeout=wait + REQUEST_TIMEOUT)
        assert answer.status_code == 200, answer.text
        (request,) = answer.json()["requests"]
        found: JSONObject = request
        return found

    def post(self, path: str, body: JSONObject, *, timeout: float = REQUEST_TIMEOUT) -> requests.Response:
        """Post with the token, whatever the answer."""
        headers = {"Authorization": f"Bearer {self.token_file.read_text()}"}
        return self.session.post(f"{self.url}{path}", json=body, headers=headers, timeout=timeout)

    def get(self, path: str) -> JSONObject:
        answer = self.session.get(f"{self.url}{path}", timeout=REQUEST_TIMEOUT)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        body: JSONObject = answer.json()
        return body

    def healthz(self) -> JSONObject:
        """What the service says of its parts and connections, be it good or bad."""
        body: JSONObject = self.session.get(f"{self.url}/healthz", timeout=REQUEST_TIMEOUT).json()
        return body

    def status(self) -> JSONObject:
        return self.get(f"/fabrics/{self.fabric}")

    def passes(self) -> list[JSONObject]:
        passes: list[JSONObject] = self.get(f"/fabrics/{self.fabric}/passes")["passes"]
        return passes

    def condition(self, kind: str) -> JSONObject:
        """The condition of this type. Fails when there is none."""
        (found,) = [c for c in self.status()["conditions"] if c["type"] == kind]
        condition: JSONObject = found
        return condition

    def wait_applied(self, commit: str, *, seconds: float = 120.0) -> JSONObject:
        """Wait until the commit is the applied revision; the status then."""
        revision = f"main@sha1:{commit}"
        wait_until(
            lambda: self.status()["revision"] == revision,
            seconds=seconds,
            what=f"{revision} applied; last log lines: {self.log.read_text()[-2000:]}",
        )
        return self.status()

    def wait_idle(self, *, seconds: float = 120.0) -> JSONObject:
        """Wait until a pass has ended and none is going on; the status then."""

        def is_idle() -> bool:
            status = self.status()
            return status["last_pass"] is not None and not status["reconciling"]

        wait_until(is_idle, seconds=seconds, what="idle")
        return self.status()

    def run_cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against this service."""
        return subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=PROJECT,
            env={**os.environ, "RECONCILER_SERVER": self.url, "RECONCILER_TOKEN": self.token_file.read_text()},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


def lay_out(folder: Path, repository: Repository, fabric: str, targets: JSONObject) -> Installation:
    """An installation that is not started. `targets` are the fabric's `cluster` and `netbox`."""
    (folder / "secrets").mkdir(mode=0o700, parents=True)
    _write_secret(folder, "api-token", secrets.token_urlsafe(24))
    _write_secret(folder, "git-password", repository.server.password)
    gitops = _repository_settings(folder, repository) | {"name": "gitops"}
    (port,) = free_ports(1)
    settings = {
        "server": {"port": port, "api_token_file": "secrets/api-token"},
        "state": "sqlite:///state/reconciler.db",
        "repositories": [gitops],
        "fabrics": [_fabric_settings(fabric, "gitops", targets)],
    }
    process = ServiceProcess(folder / "reconciler.yaml", folder / "service.log")
    return Installation(folder, fabric, repository, settings, process)


def _fabric_settings(fabric: str, repository: str, targets: JSONObject) -> JSONObject:
    return {"name": fabric, "repository": repository, "path": f"fabrics/{fabric}", **targets}


def _repository_settings(folder: Path, repository: Repository) -> JSONObject:
    """A repository of the lab, with a webhook secret of its own."""
    server = repository.server
    return {
        "name": repository.name,
        "url": repository.url,
        "auth": {"username": server.username, "password_file": "secrets/git-password"},
        "ca_file": str(server.ca_file),
        "webhook": {
            "provider": "github",
            "secret_file": _write_secret(folder, f"webhook-{repository.name}", secrets.token_urlsafe(24)),
        },
    }


def _write_secret(folder: Path, name: str, text: str) -> str:
    """Write a file for this user's eyes only; its path as the configuration names it."""
    place = folder / "secrets" / name
    place.touch(mode=0o600)
    place.write_text(text)
    return f"secrets/{name}"
