"""An installation of the service: its folder, its process, and what a forge and a person do with it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml

from tests.lab.ports import free_ports
from tests.payloads import github

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.json import JSONObject
    from tests.lab.git_server import Repository

READY_TIMEOUT = 60.0
STOP_TIMEOUT = 25.0
REQUEST_TIMEOUT = 30.0
_PROJECT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], object], *, seconds: float = 60.0, what: str = "") -> None:
    """Look every 50 ms until it is true; fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what or condition}"
        time.sleep(0.05)


@dataclass
class Installation:
    """One service with one repository and one fabric. `settings` is the content of its configuration."""

    folder: Path
    fabric: str
    repository: Repository
    settings: JSONObject
    process: subprocess.Popen[bytes] | None = None
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings['server']['port']}"

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    @property
    def token_file(self) -> Path:
        return self.folder / "secrets" / "api-token"

    @property
    def webhook_secret(self) -> bytes:
        return (self.folder / "secrets" / "webhook").read_bytes()

    @property
    def path(self) -> str:
        """The fabric's directory in the repository."""
        path: str = self.settings["fabrics"][0]["path"]
        return path

    def write_settings(self) -> None:
        (self.folder / "reconciler.yaml").write_text(yaml.safe_dump(self.settings, sort_keys=False))

    # the process

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        self.write_settings()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reconciler", "serve", "--config", str(self.folder / "reconciler.yaml")],
                cwd=_PROJECT,
                env={**os.environ, "COVERAGE_PROCESS_START": ""},
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, seconds=READY_TIMEOUT, what=f"ready, see {self.log}")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.session.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def kill(self) -> None:
        """End the process as a crash does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT)

    def stop(self) -> int:
        """End the process as an operator does; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def close(self) -> None:
        """End whatever still runs, at the end of a test."""
        self.session.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()

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
        repository: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a GitHub push delivery for the repository's main branch."""
        named = github.repository() | {"clone_url": repository or self.repository.url}
        payload = github.push(after=commit, repository=named)
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
        answer = self.session.post(
            f"{self.url}/reconcile",
            json={"fabric": self.fabric, "wait": wait},
            headers={"Authorization": f"Bearer {self.token_file.read_text()}"},
            timeout=wait + REQUEST_TIMEOUT,
        )
        assert answer.status_code == 200, answer.text
        (request,) = answer.json()["requests"]
        found: JSONObject = request
        return found

    def get(self, path: str) -> JSONObject:
        answer = self.session.get(f"{self.url}{path}", timeout=REQUEST_TIMEOUT)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        body: JSONObject = answer.json()
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
            cwd=_PROJECT,
            env={**os.environ, "RECONCILER_SERVER": self.url, "RECONCILER_TOKEN": self.token_file.read_text()},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


def lay_out(folder: Path, repository: Repository, fabric: str, targets: JSONObject) -> Installation:
    """An installation that is not started. `targets` are the fabric's `cluster` and `netbox`."""
    secret_folder = folder / "secrets"
    secret_folder.mkdir(mode=0o700, parents=True)
    server = repository.server
    for name, text in (
        ("webhook", secrets.token_urlsafe(24)),
        ("api-token", secrets.token_urlsafe(24)),
        ("git-password", server.password),
    ):
        (secret_folder / name).touch(mode=0o600)
        (secret_folder / name).write_text(text)
    (port,) = free_ports(1)
    settings = {
        "server": {"port": port, "api_token_file": "secrets/api-token"},
        "state": "sqlite:///state/reconciler.db",
        "repositories": [
            {
                "name": "gitops",
                "url": repository.url,
                "auth": {"username": server.username, "password_file": "secrets/git-password"},
                "ca_file": str(server.ca_file),
                "webhook": {"provider": "github", "secret_file": "secrets/webhook"},
            }
        ],
        "fabrics": [{"name": fabric, "repository": "gitops", "path": f"fabrics/{fabric}", **targets}],
    }
    return Installation(folder, fabric, repository, settings)
