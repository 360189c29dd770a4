"""Queue, worker and pass together: a long first pass lets another fabric go first, and ends as one pass."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.desired.memory import MemorySource
from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState, Trigger, Work
from reconciler.queue import WorkQueue
from reconciler.reconcile import PassRunner, Subject, Surroundings
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.faults_netbox import FaultyNetBox
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox
from reconciler.worker import Worker
from tests.unit.reconcile.rig import FABRIC, Rig, manifests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.known import Known
    from reconciler.model.passes import PassRecord


def _subject(name: str) -> Subject:
    source = MemorySource()
    source.push(manifests())
    netbox = FaultyNetBox(LocalNetBox(MemoryDocuments(), name))
    return Subject(replace(FABRIC, name=name), source, LocalCluster(MemoryDocuments(), name), netbox)


class Service:
    """Two fabrics, one worker, and what is seen of them from outside each time that a pass ends."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.subjects: Mapping[str, Subject] = {name: _subject(name) for name in ("dc1", "dc2")}
        self.queue = WorkQueue(asyncio.get_running_loop().time)
        surroundings = Surroundings(has_others=self.queue.has_others)
        runner = PassRunner(lambda: self.subjects, (rig.store, rig.store), rig.clock, rig.stop, self, surroundings)
        self.finished: list[Sequence[str]] = []
        self.worker = Worker(self.queue, runner, self.finished.append)
        self.seen: list[tuple[str, Outcome, set[str]]] = []

    def begun(self, fabric: str) -> None:
        assert fabric in self.subjects

    def ended(self, record: PassRecord) -> None:
        active = {name for name in self.subjects if self.queue.is_active(name)}
        self.seen.append((record.fabric, record.outcome, active))

    def left(self, fabric: str, known: Known | None) -> None:
        assert known is not None
        assert known.fabric == fabric

    def ask(self, fabric: str) -> str:
        self.rig.fabric = self.subjects[fabric].fabric
        request = self.rig.request()
        self.queue.add(fabric, Work((Trigger.REQUEST,), (request.id,)))
        return request.id


async def test_a_long_pass_lets_others_go_first(rig: Rig) -> None:
    """The fabric that waits is done first, and whole: the rest of the other's pass is no reason to yield in turn. That
    one shows as worked on until it ends, once.
    """
    service = Service(rig)
    requests = [service.ask("dc1"), service.ask("dc2")]

    for _ in range(3):
        assert await service.worker.run_once()

    assert service.seen == [
        ("dc2", Outcome.SUCCEEDED, {"dc1", "dc2"}),
        ("dc1", Outcome.SUCCEEDED, {"dc1"}),
    ]
    assert not service.queue.is_active("dc1")
    assert [len(rig.store.passes(name)) for name in ("dc1", "dc2")] == [1, 1]
    assert {request.state for request in rig.store.requests(requests)} == {RequestState.SUCCEEDED}
