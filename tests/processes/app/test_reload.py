"""The configuration, its secrets and repositories on this machine change while the service runs."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from reconciler.app.parts import build_parts
from tests.payloads import github
from tests.processes.app.conftest import DOCUMENT
from tests.processes.app.running import Client, run, wait_until
from tests.unit.app.configuration import LOCAL, local_repository, secret, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model.json import JSONObject

SECONDS = 10.0
"""In which a change is noticed: far below the half minute after which files are compared without a hint."""


@dataclass
class Place:
    """A configuration on this machine, and the service that runs on it."""

    folder: Path
    repository: Path
    client: Client | None = None

    def write(self, *fabrics: dict[str, Any], **changes: Any) -> None:
        """Write the configuration; its secrets stay as they are."""
        entries = [
            {"name": f"dc{number}", "repository": "gitops", "path": f"fabrics/dc{number}", **fabric}
            for number, fabric in enumerate(fabrics, start=1)
        ]
        document = yaml.safe_load(self.file.read_text()) | {"fabrics": entries} | changes
        new = self.file.with_suffix(".new")
        new.write_text(yaml.safe_dump(document))
        new.rename(self.file)

    @property
    def file(self) -> Path:
        return self.folder / "reconciler.yaml"

    def serve(self, during: Callable[[], None], *fabrics: dict[str, Any]) -> list[Any]:
        """Run the service on a configuration with these fabrics until `during` is over; its log."""
        found = settings(self.folder, *fabrics, repositories=[local_repository(self.repository)])

        def use(client: Client) -> None:
            self.client = client
            during()

        return run(lambda: build_parts(found), use).log

    def get(self, path: str) -> JSONObject:
        assert self.client is not None
        body: JSONObject = self.client.get(path).json()
        return body

    def names(self) -> list[str]:
        return [fabric["name"] for fabric in self.get("/fabrics")["fabrics"]]

    def triggers(self, fabric: str) -> list[str]:
        """What led to the passes that ended, the first of them first."""
        passes = self.get(f"/fabrics/{fabric}/passes")["passes"]
        return [trigger for one in reversed(passes) for trigger in one["triggers"]]

    def trouble(self) -> str:
        """Why the file is not the configuration; empty while it is."""
        reason: str = self.get("/healthz")["components"]["configuration"]["reason"] or ""
        return reason

    def deliver(self, signed_with: bytes) -> int:
        """Send a push of the present tip; the status of the answer."""
        assert self.client is not None
        tip = _git(self.repository, "rev-parse", "main")
        named = github.repository() | {"clone_url": self.repository.as_uri()}
        body = json.dumps(github.push(after=tip, repository=named)).encode()
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": f"sha256={hmac.new(signed_with, body, hashlib.sha256).hexdigest()}",
        }
        return self.client.post("/webhooks/github", data=body, headers=headers).status_code

    def commit(self, fabric: str, text: str) -> None:
        """Commit another file for a fabric, and tell nobody."""
        (self.repository / "fabrics" / fabric / "more.yaml").write_text(text)
        _git(self.repository, "add", "--all")
        identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
        _git(self.repository, *identity, "commit", "--quiet", "--message", "More")


def _git(folder: Path, *arguments: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=inherited, check=True, timeout=60, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def place(tmp_path: Path, repository: Path) -> Place:
    own = tmp_path / "repository"
    _git(tmp_path, "clone", "--quiet", str(repository), str(own))
    return Place(tmp_path, own)


_soon = partial(wait_until, seconds=SECONDS)


def test_a_fabric_that_is_added(place: Place) -> None:
    """A fabric that appears in the file is reconciled at once, and the one that was there is left alone."""

    def use() -> None:
        _soon(lambda: place.triggers("dc1") == ["startup"], "the first pass")
        place.write(LOCAL, LOCAL)
        _soon(lambda: place.names() == ["dc1", "dc2"], "the new fabric")
        _soon(lambda: place.triggers("dc2") == ["file"], "its pass")
        assert place.get("/fabrics/dc2")["sync_status"] == "in_sync"
        assert place.triggers("dc1") == ["startup"]

    place.serve(use, LOCAL)


def test_a_fabric_that_is_removed(place: Place) -> None:
    """A fabric that leaves the file is gone from every view; when it comes back, all that it had is still there."""

    def use() -> None:
        assert place.client is not None
        client = place.client
        _soon(lambda: place.triggers("dc2") == ["startup"], "the first pass")
        assert 'fabric="dc2"' in client.get("/metrics").text

        place.write(LOCAL)
        _soon(lambda: place.names() == ["dc1"], "the fabric is gone")
        assert client.get("/fabrics/dc2").status_code == 404
        _soon(lambda: 'fabric="dc2"' not in client.get("/metrics").text, "no metric of it")
        assert place.get("/healthz")["status"] == "ok"

        place.write(LOCAL, LOCAL)
        _soon(lambda: place.names() == ["dc1", "dc2"], "the fabric is back")
        _soon(lambda: place.triggers("dc2") == ["startup", "file"], "its pass")
        assert place.get("/fabrics/dc2/passes")["passes"][0]["counts"].get("created", 0) == 0

    place.serve(use, LOCAL, LOCAL)


def test_versions_that_cannot_be_used(place: Place) -> None:
    """An invalid version, and one that needs a restart, are refused with the reason in the health; the old one goes
    on, and a good one heals it.
    """

    def use() -> None:
        assert place.client is not None
        text = place.file.read_text()
        place.write({**LOCAL, "pathh": "x"})
        _soon(lambda: "fabrics[0].pathh: unknown key; did you mean path?" in place.trouble(), "the refusal")
        assert place.get("/healthz")["status"] == "degraded"
        assert place.client.get("/readyz").status_code == 200
        assert place.names() == ["dc1"]

        place.write(LOCAL, LOCAL, workers=2)
        _soon(lambda: "workers: needs a restart" in place.trouble(), "the other refusal")
        assert place.names() == ["dc1"]

        place.file.write_text(text)
        _soon(lambda: place.trouble() == "", "the repair")
        assert place.get("/healthz")["status"] == "ok"

    log = place.serve(use, LOCAL)

    refusals = [entry["reason"] for entry in log if entry["event"] == "configuration refused"]
    assert len(refusals) == 2


def test_a_rotated_webhook_secret(place: Place) -> None:
    """With the new secret in its file deliveries must be signed by it, and no longer by the old one."""
    old, new = b"canary-7f3a-webhook", b"rotated"

    def use() -> None:
        assert (place.deliver(old), place.deliver(new)) == (202, 401)

        secret(place.folder, "webhook", new.decode())
        _soon(lambda: place.deliver(new) == 202, "the new secret")
        assert place.deliver(old) == 401

        (place.folder / "secrets" / "webhook").unlink()
        _soon(lambda: "webhook.secret_file: no such file" in place.trouble(), "the refusal")
        assert place.deliver(new) == 202

    place.serve(use, LOCAL)


def test_a_secret_that_others_may_read(place: Place) -> None:
    """It is warned of soon after it was opened up, and no longer soon after it was closed; nothing else happens."""
    webhook, key = place.folder / "secrets" / "webhook", "repositories[0].webhook.secret_file"

    def warned() -> list[str]:
        return [one["key"] for one in place.get("/healthz")["warnings"] if one["key"] != "integrity"]

    def use() -> None:
        _soon(lambda: place.triggers("dc1") == ["startup"], "the first pass")
        assert warned() == []
        webhook.chmod(0o644)
        _soon(lambda: warned() == [key], "the warning")
        webhook.chmod(0o600)
        _soon(lambda: warned() == [], "the end of the warning")
        assert place.triggers("dc1") == ["startup"]

    place.serve(use, LOCAL)


def test_secrets_that_are_mounted(place: Place) -> None:
    """A volume of Kubernetes changes by the swap of one link: it is noticed as well."""
    volume = place.folder / "volume"
    for version in ("one", "two"):
        (volume / f"..{version}").mkdir(parents=True)
        (volume / f"..{version}" / "webhook").write_text(version)
    (volume / "..data").symlink_to("..one")
    (volume / "webhook").symlink_to("..data/webhook")

    def use() -> None:
        webhook = {"provider": "github", "secret_file": "volume/webhook"}
        place.write(LOCAL, repositories=[{**local_repository(place.repository), "webhook": webhook}])
        _soon(lambda: place.deliver(b"one") == 202, "the mounted secret")

        (volume / "..next").symlink_to("..two")
        (volume / "..next").rename(volume / "..data")
        _soon(lambda: place.deliver(b"two") == 202, "the new version")
        assert place.deliver(b"one") == 401

    place.serve(use, LOCAL)


def test_a_commit_on_this_machine(place: Place) -> None:
    """A commit to a repository on this machine is applied without being announced; other branches cause nothing."""
    more = DOCUMENT.replace("name: default", "name: more")

    def use() -> None:
        _soon(lambda: place.triggers("dc1") == ["startup"], "the first pass")
        _git(place.repository, "branch", "other")
        place.commit("dc1", more)
        _soon(lambda: place.triggers("dc1") == ["startup", "file"], "the pass")
        status = place.get("/fabrics/dc1")
        assert status["revision"] == f"main@sha1:{_git(place.repository, 'rev-parse', 'main')}"
        assert status["counts"]["in_sync"] == 2

        _git(place.repository, "pack-refs", "--all")
        _git(place.repository, "branch", "another")
        place.commit("dc1", more.replace("1000", "1001"))
        _soon(lambda: len(place.triggers("dc1")) == 3, "one more pass")
        assert place.triggers("dc1") == ["startup", "file", "file"]

    place.serve(use, LOCAL)
