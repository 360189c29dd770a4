"""The API of the running service: a real fabric, and every answer held against the description."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import requests

from reconciler.app.parts import build_parts
from reconciler.demo.fabric import FABRIC_DEMO, build_fabric, write_fabric
from tests.payloads import github
from tests.processes.app.running import Client, run
from tests.unit.app.configuration import CANARY, LOCAL, local_repository, settings
from tests.unit.webhooks.openapi import Description

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSON

TOKEN = {"Authorization": f"Bearer {CANARY}-api-token"}
DOCUMENTS = build_fabric(FABRIC_DEMO)
BROKEN = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {name: broken}\nspec: {ipv4Namespace: none}\n"


@pytest.fixture
def gitops(tmp_path: Path) -> Path:
    """A repository with the demo's fabric."""
    folder = tmp_path / "gitops"
    write_fabric(DOCUMENTS, folder / "fabrics" / "dc1")
    commit(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit(folder: Path, *first: str) -> None:
    """Commit all that is there, after another command."""
    git = ("git", "-c", "user.name=me", "-c", "user.email=me@localhost")
    for arguments in (first, ("add", "--all"), ("commit", "--quiet", "--message", "Change")):
        if arguments:
            subprocess.run([*git, *arguments], cwd=folder, check=True, timeout=60)


def test_topology(tmp_path: Path, gitops: Path) -> None:
    """From the first pass on every device is there, in sync, and each cable with its connection."""
    found = settings(tmp_path, LOCAL, repositories=[local_repository(gitops)])

    def use(client: Client) -> None:
        client.settle()
        topology = client.get("/fabrics/dc1/topology").json()
        devices = {
            (one.body["kind"], one.name) for one in DOCUMENTS if one.body["kind"] in {"Switch", "Server", "External"}
        }
        assert {(node["kind"], node["name"]) for node in topology["nodes"]} == devices
        assert {node["state"] for node in topology["nodes"]} == {"in_sync"}
        connections = {one.name for one in DOCUMENTS if one.body["kind"] == "Connection"}
        assert {link["connection"] for link in topology["links"]} == connections

    run(lambda: build_parts(found), use)


class Checked:
    """A client that holds every answer against the description, and remembers what it asked."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.description = Description(client.get("/openapi.json").json())
        self.asked: set[tuple[str, str]] = set()

    def ask(self, method: str, path: str, body: JSON = None, status: int = 200) -> JSON:
        answer = requests.request(method, f"{self._client.url}{path}", json=body, headers=TOKEN, timeout=60)
        return self._checked(method, path, status, answer)

    def deliver(self, body: bytes) -> None:
        url, secret = f"{self._client.url}/webhooks/github", f"{CANARY}-webhook".encode()
        headers = {**github.headers(body), "X-Hub-Signature-256": github.signature(body, secret)}
        self._checked("POST", "/webhooks/github", 202, requests.post(url, data=body, headers=headers, timeout=60))

    def _checked(self, method: str, path: str, status: int, answer: requests.Response) -> JSON:
        assert answer.status_code == status, answer.text
        self.asked.add((method, self.description.path_of(path)))
        if answer.headers["content-type"] != "application/json":
            return answer.text
        found = answer.json()
        self.description.check(method, path, status, found)
        return found

    @property
    def never_asked(self) -> set[tuple[str, str]]:
        return {(method, path) for method, path, _ in self.description.operations()} - self.asked


def test_answers_are_as_described(tmp_path: Path, gitops: Path) -> None:
    """Every route is asked, but for events, which never end: in sync, with a refused document, and suspended."""
    approved = {"cluster": {"local": True, "approval": "required"}, "netbox": {"local": True}}
    found = settings(tmp_path, LOCAL, approved, repositories=[local_repository(gitops)])
    push = github.push(repository={**github.repository(), "clone_url": gitops.as_uri(), "html_url": gitops.as_uri()})

    def use(client: Client) -> None:
        api = Checked(client)
        api.ask("POST", "/reconcile", {"wait": 60})
        _read(api)
        (gitops / "fabrics" / "dc1" / "broken.yaml").write_text(BROKEN)
        write_fabric(DOCUMENTS, gitops / "fabrics" / "dc2")
        commit(gitops)
        api.deliver(github.encoded(push))
        accepted = api.ask("POST", "/reconcile", {"wait": 60})
        assert {one["state"] for one in accepted["requests"]} == {"failed"}
        _read(api)
        plan = api.ask("GET", "/fabrics/dc2/plan")
        assert plan["actions"]
        api.ask("POST", "/reconcile", {"dry_run": True})
        api.ask("POST", "/fabrics/dc2/approve", {"hash": plan["approval"]["hash"]})
        api.ask("POST", "/fabrics/dc1/suspend", {"reason": "cables", "by": "jane"})
        _read(api)
        api.ask("POST", "/fabrics/dc1/resume", {"by": "jane"})
        for path in ("/livez", "/readyz", "/healthz", "/metrics"):
            api.ask("GET", path)
        assert api.never_asked == {("GET", "/events"), ("GET", "/openapi.json")}

    run(lambda: build_parts(found), use)


def _read(api: Checked) -> None:
    api.ask("GET", "/fabrics")
    for name in ("dc1", "dc2"):
        for path in ("", "/resources", "/topology", "/passes"):
            api.ask("GET", f"/fabrics/{name}{path}")
    last = api.ask("GET", "/fabrics/dc1/passes")["passes"][0]
    api.ask("GET", f"/fabrics/dc1/passes/{last['id']}")
    accepted = api.ask("POST", "/reconcile", {"fabric": "dc2"}, status=202)
    api.ask("GET", f"/requests/{accepted['requests'][0]['id']}")
