"""How fast 1,000 objects come to be on the real API server, beside the fastest plain client that one can write."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import urllib3

from reconciler.model.kinds import KINDS
from tests.bench.fabrics import FABRIC_1000, cluster_only
from tests.bench.figures import say
from tests.e2e.fabrics import documents, files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.lab.kubernetes_server import KubernetesServer
    from tests.lab.lab import Lab

ROUNDS = 3
THREADS = 8
PATIENCE = 300.0
CREATED = 201

_Write = tuple[str, bytes]
"""The path of an object, and what is sent there."""


def measure(lab: Lab, folder: Path) -> None:
    """Print the seconds of the service's first apply and of a loop over the same objects, in turns."""
    ours, plain = [], []
    for number in range(ROUNDS):
        plain.append(_plain_seconds(lab.kubernetes))
        ours.append(_our_seconds(lab, folder / str(number)))
    count = len(documents(FABRIC_1000))
    ratio = statistics.median(ours) / statistics.median(plain)
    say(f"plain client, {THREADS} threads, {count} objects", f"{_rate(plain, count)} (baseline)")
    say("first apply of the service", f"{_rate(ours, count)}, {ratio:.2f} times the baseline (goal: at most 1)")


def _rate(seconds: Sequence[float], count: int) -> str:
    middle = statistics.median(seconds)
    return f"{middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), {count / middle:.0f} objects/s"


def _our_seconds(lab: Lab, folder: Path) -> float:
    """Those of the phase that writes. The service has been up for a while, and follows the cluster; nobody asks it for
    anything meanwhile.
    """
    with cluster_only(lab, folder) as (service, _):
        service.start()
        service.wait_applied(service.push({"note.txt": "nothing yet"}))
        service.wait_idle()
        service.push(files(FABRIC_1000), deliver=False)
        assert service.reconcile(wait=PATIENCE)["outcome"] == "succeeded"
        first = service.passes()[0]
        assert first["counts"]["created"] == len(documents(FABRIC_1000)), first
        seconds: float = first["phases"]["apply"]
        return seconds


def _plain_seconds(server: KubernetesServer) -> float:
    """Bodies that are ready, kept connections, and one wave after the other, as references want it. What the server
    answers is decoded and not looked at.
    """
    namespace = server.create_namespace("plain")
    address = urlsplit(server.url)
    pool = urllib3.HTTPSConnectionPool(
        address.hostname or "", address.port, maxsize=THREADS, ca_certs=str(server.ca_file)
    )
    headers = {"Authorization": f"Bearer {server.admin_token}", "Content-Type": "application/apply-patch+yaml"}

    def write(one: _Write) -> None:
        answer = pool.request("PATCH", one[0], body=one[1], headers=headers)
        assert answer.status == CREATED, answer.data
        answer.json()

    waves = [list(wave) for _, wave in itertools.groupby(_writes(namespace), key=lambda one: one[0])]
    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        for wave in waves:
            list(threads.map(write, (one for _, one in wave)))
    seconds = time.monotonic() - began
    pool.close()
    server.delete_hedgehog_objects(namespace)
    return seconds


def _writes(namespace: str) -> Iterable[tuple[int, _Write]]:
    """Every object's wave, path and body, in order."""
    found = []
    for document in documents(FABRIC_1000):
        kind = KINDS[document.body["kind"]]
        path = f"/apis/{kind.group}/{kind.version}/namespaces/{namespace}/{kind.plural}/{document.name}"
        found.append((kind.wave or 0, (f"{path}?fieldManager=plain", json.dumps(document.body).encode())))
    return sorted(found)
