"""What a pass over 50,000 objects costs of which none changed: `python -m tests.bench.planning`, without any server.

In a process of its own, for its memory. Git and the cluster are values in memory; all that is between them is as in the
service: schemas, rules, plan, states, and the state file.
"""

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from reconciler.app.clock import SystemClock
from reconciler.app.interpreter import share_time
from reconciler.desired.manifests.crds import read_crds
from reconciler.desired.manifests.files import read_file
from reconciler.desired.memory import MemorySource
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.kinds import KINDS, OBSERVED
from reconciler.model.objects import FIELD_MANAGER, Resource
from reconciler.model.passes import Outcome
from reconciler.model.requests import Trigger, Work
from reconciler.queue import Taken
from reconciler.reconcile import PassRunner, Subject
from reconciler.store import open_store
from reconciler.targets.local import managed_fields
from tests.bench.fabrics import FABRIC_50000
from tests.bench.figures import say, summary
from tests.e2e.fabrics import files, generated_files, shared_folder
from tests.e2e.service_process import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.known import Known
    from reconciler.model.objects import Manifest
    from reconciler.model.passes import PassRecord
    from reconciler.model.revision import Revision
    from reconciler.model.served import Served
    from reconciler.store import Store
    from tests.lab.lab import Lab

PRESET = "50k"
WARM = 5
GOAL_COLD = 15
GOAL_WARM = 1.0
GOAL_MEMORY = 600

FABRIC = Fabric("large", "gitops", "main", "fabrics/large", cluster=ClusterPolicy())


def measure(_: Lab, __: Path) -> None:
    """Print the figures, measured in another process."""
    subprocess.run([sys.executable, "-m", "tests.bench.planning"], cwd=PROJECT, check=True)


class _Source(MemorySource):
    """A branch whose tree has an id that costs nothing."""

    def tree(self, revision: Revision) -> str:
        return revision.commit


class _Cluster:
    """A cluster as passes see it through caches that are filled. Nothing can be written to it."""

    def __init__(self, resources: Iterable[Resource], served: Served) -> None:
        self.address = "memory:large"
        self._served = served
        found: dict[str, list[Resource]] = {kind.name: [] for kind in OBSERVED}
        for one in sorted(resources, key=lambda one: one.key):
            found[one.key.kind].append(one)
        self._lists = {kind: tuple(of_kind) for kind, of_kind in found.items()}

    def list(self, kind: Kind) -> tuple[Resource, ...]:
        return self._lists[kind.name]

    def version(self) -> str:
        return "memory"

    def served(self) -> Served:
        return self._served

    def denied(self, *_: object) -> tuple[str, ...]:
        return ()

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        raise AssertionError(f"something was to be applied: {body['metadata']}, {force}")

    def dry_run(self, body: JSONObject) -> Resource:
        raise AssertionError(f"something was to be asked: {body['metadata']}")

    def delete(self, resource: Resource) -> None:
        raise AssertionError(f"something was to be deleted: {resource.key}")


@dataclass
class _Listener:
    """Keeps the records of passes."""

    records: list[PassRecord] = field(default_factory=list)

    def begun(self, fabric: str) -> None: ...

    def ended(self, record: PassRecord) -> None:
        self.records.append(record)

    def left(self, fabric: str, known: Known | None) -> None: ...


@dataclass(frozen=True)
class _Pass:
    """One pass. `seconds` are all that it took, what is before and after its phases too."""

    seconds: float
    record: PassRecord


def main() -> None:
    """Measure and print, in this process."""
    share_time()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        manifests, clock = _manifests(Path(folder)), SystemClock()
        subject = _subject(manifests)
        state = Path(folder) / "state.db"
        # The first of them takes the objects over by their marks, the second finds nothing to do.
        _passes(subject, open_store(state, clock), 2)
        cold, *warm = _passes(subject, open_store(state, clock), 1 + WARM)
    say("objects", f"{len(manifests)}")
    say("pass without a change, nothing known", f"{_figure([cold])} (goal: under {GOAL_COLD} s)")
    say("pass without a change, all known", f"{_figure(warm)} (goal: under {GOAL_WARM:.0f} s)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say("peak memory of this process", f"{peak:.0f} MiB (goal: under {GOAL_MEMORY} MiB)")


def _manifests(folder: Path) -> list[Manifest]:
    shared = shared_folder()
    texts = generated_files(shared, PRESET, folder / "files", "default") if shared else files(FABRIC_50000)
    parsed = (read_file((text or "").encode(), path, "default") for path, text in texts.items())
    return [manifest for file in parsed for manifest in file.manifests]


def _subject(manifests: Sequence[Manifest]) -> Subject:
    source = _Source()
    source.push(manifests)
    resources = (_resource(manifest, number) for number, manifest in enumerate(manifests, start=1))
    return Subject(FABRIC, source, _Cluster(resources, read_crds(PROJECT / "tests" / "crds")), None)


def _resource(manifest: Manifest, number: int) -> Resource:
    """The object as a cluster holds it after our apply, with nothing in common with what Git declares but its value."""
    body = json.loads(json.dumps(managed_fields.apply(None, manifest.body(FABRIC.name), FIELD_MANAGER)))
    body["metadata"] |= {"uid": f"uid-{number}", "resourceVersion": str(number), "generation": 1}
    return Resource.from_body(body, KINDS[manifest.key.kind])


def _passes(subject: Subject, store: Store, number: int) -> list[_Pass]:
    """Full passes of one service, which are asked for as a poll does."""
    listener = _Listener()
    runner = PassRunner(lambda: {FABRIC.name: subject}, (store, store), SystemClock(), threading.Event(), listener)
    seconds = []
    for _ in range(number):
        began = time.process_time()
        runner.run(Taken(FABRIC.name, Work((Trigger.POLL,)), 0.0))
        seconds.append(time.process_time() - began)
    store.close()
    return [_Pass(*pair) for pair in zip(seconds, listener.records, strict=True)]


def _figure(passes: Sequence[_Pass]) -> str:
    """Seconds of processor time, and those of each phase of the pass in the middle."""
    middle = sorted(passes, key=lambda one: one.seconds)[len(passes) // 2]
    assert middle.record.outcome is Outcome.SUCCEEDED, middle.record.message
    phases = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in middle.record.phases.items())
    return f"{summary([one.seconds for one in passes])}: {phases}"


if __name__ == "__main__":
    main()
