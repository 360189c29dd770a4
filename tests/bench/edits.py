"""How soon a change in the cluster is acted on, beside a plain watch of the same objects in the same run."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import requests
import yaml

from reconciler.demo.fabric import render
from reconciler.model.kinds import KINDS
from tests.bench.fabrics import FABRIC_1000, cluster_only
from tests.bench.figures import in_milliseconds, say
from tests.e2e import service_log
from tests.e2e.fabrics import documents, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.demo.fabric import Document, FabricShape
    from tests.e2e.installation import Installation
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.lab import Lab

EDITS = 100
PAUSE = 0.2
"""Seconds between a healing and the next edit, at most."""
TIMEOUT = (5.0, 60.0)
KIND = KINDS["Server"]


@dataclass
class Client:
    """Somebody else, with one kept connection for edits and a plain watch on another."""

    server: KubernetesServer
    namespace: str
    session: requests.Session = field(default_factory=requests.Session)
    seen: dict[tuple[str, str], float] = field(default_factory=dict)
    """When the watch first told of a description of an object, in seconds since the epoch."""
    is_over: bool = False

    def __post_init__(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.server.admin_token}"
        # else an authority that the environment names would replace this one
        self.session.trust_env = False
        self.session.verify = str(self.server.ca_file)
        self._url = f"{self.server.url}/apis/{KIND.group}/{KIND.version}/namespaces/{self.namespace}/{KIND.plural}"

    def edit(self, name: str, description: str) -> float:
        """Change the description; the moment before it was asked."""
        patch = json.dumps({"spec": {"description": description}})
        headers = {"Content-Type": "application/merge-patch+json"}
        began = time.time()
        answer = self.session.patch(f"{self._url}/{name}", data=patch, headers=headers, timeout=TIMEOUT)
        assert answer.status_code == 200, answer.text
        return began

    def watch(self) -> None:
        """In a thread of its own, note when each event arrives until the server ends the watch."""
        version = self.session.get(self._url, timeout=TIMEOUT).json()["metadata"]["resourceVersion"]
        parameters = {"watch": "1", "resourceVersion": version}
        answer = self.session.get(self._url, params=parameters, stream=True, timeout=TIMEOUT)
        threading.Thread(target=self._read, args=(answer,), daemon=True).start()

    def _read(self, answer: requests.Response) -> None:
        try:
            for line in answer.iter_lines(chunk_size=None):
                arrived, body = time.time(), json.loads(line)["object"]
                self.seen.setdefault((body["metadata"]["name"], body["spec"]["description"]), arrived)
        except requests.RequestException:
            # Silence, or a server that is restarted, ends every watch that nobody needs any more.
            if not self.is_over:
                raise


@dataclass
class Latencies:
    """Seconds from each edit to a plain watch's event, to the start of the pass that it led to, and to the event of the
    healed object.
    """

    watched: list[float]
    started: list[float]
    healed: list[float]


def measure(lab: Lab, folder: Path) -> None:
    """Print the time from an edit to a plain watch's event, to the start of the pass, and to the healed object, among
    1,010 objects.
    """
    with cluster_only(lab, folder) as (service, namespace):
        service.start()
        service.wait_applied(service.push(files(FABRIC_1000)))
        service.wait_idle()
        found = latencies(Client(lab.kubernetes, namespace), service, FABRIC_1000, EDITS)
        say("edit -> a plain watch tells of it", f"{in_milliseconds(found.watched)} (baseline)")
        say("edit -> pass started", f"{in_milliseconds(found.started)} (goal: p50 under 50 ms, p99 under 500 ms)")
        say("edit -> healed", f"{in_milliseconds(found.healed)} (goal: p50 under 150 ms, p99 under 1000 ms)")


def latencies(client: Client, service: Installation, shape: FabricShape, count: int) -> Latencies:
    """Edit one server after the other, each again once it is healed and the others had their turn."""
    declared = [(one.name, yaml.safe_load(render(one))["spec"]["description"]) for one in _servers(shape)]
    chance = random.Random(count)  # noqa: S311 - pauses, not secrets
    client.watch()
    edits: dict[tuple[str, str], float] = {}
    healed = []
    for number in range(count):
        name, description = declared[number % len(declared)]
        client.seen.pop((name, description), None)
        edit = (name, f"edit {number}")
        edits[edit] = client.edit(*edit)
        wait_until(lambda: (name, description) in client.seen, seconds=30, what="the edit is healed")  # noqa: B023 - waited for at once
        healed.append(client.seen[name, description] - edits[edit])
        time.sleep(chance.uniform(0, PAUSE))
    client.is_over = True
    started = [_first_after(moment, service) for moment in edits.values()]
    return Latencies([client.seen[edit] - moment for edit, moment in edits.items()], started, healed)


def _servers(shape: FabricShape) -> list[Document]:
    return [document for document in documents(shape) if document.body["kind"] == KIND.name]


def _first_after(edit: float, service: Installation) -> float:
    """Seconds from the edit to the first pass that began after it."""
    return next(start for start in _starts(service) if start > edit) - edit


def _starts(service: Installation) -> Iterator[float]:
    """When passes began, in seconds since the epoch."""
    for line in service_log.entries(service.log):
        if line["event"] == service_log.PASS_STARTED:
            yield datetime.fromisoformat(line["timestamp"]).timestamp()
