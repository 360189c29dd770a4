"""A pass with fakes that behave: a branch in memory, an embedded cluster and NetBox with faults, and a real store."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.demo.fabric import FabricShape, build_fabric
from reconciler.desired.memory import MemorySource
from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.requests import Request, RequestState, Trigger, Work
from reconciler.queue import Next, Taken
from reconciler.reconcile import PassRunner, Subject, Surroundings
from reconciler.status.sync_status import Verdict, sync_status
from reconciler.store import open_store
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.faults import FaultyCluster
from reconciler.targets.local.faults_netbox import FaultyNetBox
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from reconciler.model.known import Known
    from reconciler.model.passes import ObjectState, PassRecord
    from reconciler.model.status import FabricRecord
    from reconciler.ports import Upkeep

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHAPE = FabricShape(spines=1, leafs=2, servers=3, vpcs=2, externals=0)


class SteppingClock:
    """A clock that goes one second on at each look, so that moments can be told apart."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        self.seconds += 1
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def manifests(shape: FabricShape = SHAPE) -> list[Manifest]:
    """A valid fabric, as Git declares it."""
    return [_manifest(document.body, document.name) for document in build_fabric(shape)]


def _manifest(body: JSONObject, name: str) -> Manifest:
    key = ObjectKey(body["kind"], "default", name)
    return Manifest(key, Source(f"fabrics/dc1/{key.kind}/{name}.yaml"), body.get("spec") or {})


def without(found: Iterable[Manifest], *keys: ObjectKey) -> list[Manifest]:
    return [manifest for manifest in found if manifest.key not in keys]


def with_spec(found: Iterable[Manifest], key: ObjectKey, spec: JSONObject) -> list[Manifest]:
    return [replace(manifest, spec=spec) if manifest.key == key else manifest for manifest in found]


FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy(prune=True), netbox=NetBoxPolicy("dc1"))


@dataclass
class Rig:
    """One fabric, and everything that a pass over it touches."""

    folder: Path
    fabric: Fabric = FABRIC

    def __post_init__(self) -> None:
        self.clock = SteppingClock()
        self.store = open_store(self.folder / "state.db", self.clock)
        self.source = MemorySource()
        self.local = LocalCluster(MemoryDocuments(), "dc1")
        self.cluster = FaultyCluster(self.local)
        self.netbox_documents = MemoryDocuments()
        self.netbox = FaultyNetBox(LocalNetBox(self.netbox_documents, "dc1"))
        self.upkeep: Upkeep | None = None
        self.stop = threading.Event()
        self.passes: list[PassRecord] = []
        self.known: list[Known | None] = []
        self.running = 0
        self._serial = 0

    def runner(self, surroundings: Surroundings | None = None) -> PassRunner:
        subject = Subject(
            self.fabric,
            self.source,
            self.cluster if self.fabric.cluster else None,
            self.netbox if self.fabric.netbox else None,
            self.upkeep,
        )
        stores = (self.store, self.store)
        return PassRunner(lambda: {self.fabric.name: subject}, stores, self.clock, self.stop, self, surroundings)

    # what the runner tells

    def begun(self, fabric: str) -> None:
        assert fabric == self.fabric.name
        self.running += 1

    def ended(self, record: PassRecord) -> None:
        assert self.running == 1
        self.passes.append(record)

    def left(self, fabric: str, known: Known | None) -> None:
        assert fabric == self.fabric.name
        self.running -= 1
        self.known.append(known)

    def request(
        self, trigger: Trigger = Trigger.REQUEST, commit: str | None = None, replaces: str | None = None
    ) -> Request:
        """Store a request, as the intake does."""
        self._serial += 1
        revision = f"main@sha1:{commit}" if commit else None
        accepted = Request(f"r{self._serial}", self.fabric.name, trigger, self.clock.now())
        request = replace(accepted, commit=commit, revision=revision, replaces=replaces)
        self.store.accept([request])
        return request

    def run(self, *requests: Request, by: PassRunner | None = None) -> Next:
        """One pass for these requests, by default a new manual one; by a runner of its own, unless one goes on."""
        asked = requests or (self.request(),)
        work = Work(tuple(r.trigger for r in asked), tuple(r.id for r in asked))
        return (by or self.runner()).run(Taken(self.fabric.name, work, 0.0))

    def run_scoped(self, *keys: ObjectKey, trigger: Trigger = Trigger.WATCH, by: PassRunner | None = None) -> Next:
        """One pass that is asked to look at some objects only."""
        return (by or self.runner()).run(Taken(self.fabric.name, Work((trigger,), (), frozenset(keys)), 0.0))

    @property
    def record(self) -> FabricRecord:
        return self.store.fabric(self.fabric.name)

    @property
    def last(self) -> PassRecord:
        return self.passes[-1]

    @property
    def verdict(self) -> Verdict:
        return sync_status(self.fabric, self.record, self.clock.now())

    def states(self) -> dict[str, ObjectState]:
        return {str(state.key): state for state in self.store.objects(self.fabric.name)}

    def answered(self, request: Request) -> Request:
        found = self.store.request(request.id)
        assert found is not None
        assert found.state not in {RequestState.QUEUED, RequestState.RUNNING}
        return found

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason."""
        (found,) = [condition for condition in self.record.conditions if condition.type == kind]
        return (found.status.value, found.reason)

    def writes(self) -> int:
        """Objects and records that were asked to be written so far."""
        return len(self.cluster.writes) + self.netbox.writes
