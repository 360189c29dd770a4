"""How soon a change in the cluster is acted on, beside a plain watch of the same objects in the same run."""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import requests
import yaml

from reconciler.demo.fabric import render
from reconciler.model.kinds import KINDS
from tests.bench.figures import in_milliseconds, say
from tests.e2e import service_log
from tests.e2e.fabrics import documents, files
from tests.e2e.installation import lay_out, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.lab import Lab

EDITS = 100
PAUSE = 0.2
"""Seconds between a healing and the next edit, at most."""
TIMEOUT = (5.0, 60.0)


@dataclass
class Client:
    """Somebody else, with one kept connection for edits and a plain watch on another."""

    server: KubernetesServer
    namespace: str
    session: requests.Session = field(default_factory=requests.Session)
    seen: dict[int, float] = field(default_factory=dict)
    """When the watch first told of a VLAN, in seconds since the epoch."""
    is_over: bool = False

    def __post_init__(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.server.admin_token}"
        # else an authority that the environment names would replace this one
        self.session.trust_env = False
        self.session.verify = str(self.server.ca_file)
        vpc = KINDS["VPC"]
        self._url = f"{self.server.url}/apis/{vpc.group}/{vpc.version}/namespaces/{self.namespace}/{vpc.plural}"

    def edit(self, name: str, subnet: str, vlan: int) -> float:
        """Change the VLAN; the moment before it was asked."""
        patch = json.dumps({"spec": {"subnets": {subnet: {"vlan": vlan}}}})
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
                arrived = time.time()
                for content in json.loads(line)["object"]["spec"]["subnets"].values():
                    self.seen.setdefault(content.get("vlan"), arrived)
        except requests.ConnectionError:
            # Silence, which ends every watch that nobody edits for any more.
            if not self.is_over:
                raise


def measure(lab: Lab, folder: Path) -> None:
    """Print the time from an edit to a plain watch's event, to the start of the pass, and to the healed object."""
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    client = Client(lab.kubernetes, lab.kubernetes.create_namespace("bench"))
    targets = {"cluster": {"kubeconfig": str(lab.kubernetes.kubeconfig), "namespace": client.namespace}}
    service = lay_out(folder, lab.git.repository(name), name, targets)
    try:
        service.start()
        service.wait_applied(service.push(files()))
        service.wait_idle()
        edits, healed = _edit(client)
        starts = [_first_after(edit, service) for edit in edits.values()]
        baseline = [client.seen[vlan] - edit for vlan, edit in edits.items()]
        say("edit -> a plain watch tells of it", f"{in_milliseconds(baseline)} (baseline)")
        say("edit -> pass started", f"{in_milliseconds(starts)} (goal: p50 under 50 ms, p99 under 500 ms)")
        say("edit -> healed", in_milliseconds(healed))
    finally:
        client.is_over = True
        service.close()
        lab.kubernetes.delete_hedgehog_objects(client.namespace)
        lab.git.delete_repository(name)


def _edit(client: Client) -> tuple[dict[int, float], list[float]]:
    """When each VLAN was set, and how long it took until the declared one was back."""
    vpc = next(document for document in documents() if document.body["kind"] == "VPC")
    subnet, content = next(iter(yaml.safe_load(render(vpc))["spec"]["subnets"].items()))
    chance = random.Random(EDITS)  # noqa: S311 - pauses, not secrets
    client.watch()
    edits, healed = {}, []
    for vlan in range(3000, 3000 + EDITS):
        client.seen.pop(content["vlan"], None)
        edits[vlan] = client.edit(vpc.name, subnet, vlan)
        wait_until(lambda: content["vlan"] in client.seen, seconds=30, what="the edit is healed")
        healed.append(client.seen[content["vlan"]] - edits[vlan])
        time.sleep(chance.uniform(0, PAUSE))
    return edits, healed


def _first_after(edit: float, service: Installation) -> float:
    """Seconds from the edit to the first pass that began after it."""
    return next(start for start in _starts(service) if start > edit) - edit


def _starts(service: Installation) -> Iterator[float]:
    """When passes began, in seconds since the epoch."""
    for line in service_log.entries(service.log):
        if line["event"] == service_log.PASS_STARTED:
            yield datetime.fromisoformat(line["timestamp"]).timestamp()
