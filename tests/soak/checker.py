"""Looks at the service every few seconds, and holds what it says against the world."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from yaml import YAMLError

from tests.lab.errors import LabError
from tests.soak import reading
from tests.soak.invariants import (
    Observation,
    Sample,
    dead_tasks,
    has_looked,
    leaks,
    missed_polls,
    moved_by_failure,
    overlapping,
)
from tests.soak.invariants import silences as silences_of
from tests.soak.truth import untrue
from tests.soak.violations import Violation
from tests.soak.world import INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject
    from tests.soak.journal import Journal
    from tests.soak.world import SoakFabric, SoakWorld

EVERY = 2.0
"""Seconds between looks."""

LATEST = INTERVAL + 30.0
"""Seconds after which a change that no pass began after must be known all the same: an interval, and a busy machine."""

AGAIN = 1.5
"""Seconds until a contradiction is looked at again."""

_TIMEOUT = 10.0

_SAME = ("sync_status", "reconciling", "revision", "desired_revision", "last_sync", "suspended", "last_pass")
"""What must not change while the world is read."""


@dataclass
class Seen:
    """All that was seen; what is judged of it is judged of all of it."""

    fabrics: defaultdict[str, list[Observation]] = field(default_factory=lambda: defaultdict(list))
    passes: defaultdict[str, dict[str, JSONObject]] = field(default_factory=lambda: defaultdict(dict))
    answers: list[tuple[float, bool]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    tasks: list[Violation] = field(default_factory=list)
    untruths: list[Violation] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    """How often what a fabric said was held against the world."""
    settled: list[float] = field(default_factory=list)
    """When every fabric was in sync and at rest."""


class Checker:
    """Runs in a thread of its own until it is ended."""

    def __init__(self, world: SoakWorld, journal: Journal) -> None:
        self._world = world
        self._journal = journal
        self._session = requests.Session()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)
        self.seen = Seen()
        self._whole: int | None = None
        """The process whose watches all ran without trouble at the last look."""
        self.failure: BaseException | None = None
        """Why the checks themselves came to an end; None: they did not."""

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ending.set()
        self._thread.join(timeout=120)
        self._session.close()

    def violations(self) -> Iterator[Violation]:
        """All that is wrong with what was seen until now."""
        seen, now = self.seen, time.time()
        yield from seen.untruths
        yield from seen.tasks
        yield from silences_of(seen.answers)
        yield from leaks(seen.samples)
        for name, observations in seen.fabrics.items():
            passes = seen.passes[name].values()
            yield from moved_by_failure(observations, passes)
            yield from overlapping(passes)
            yield from missed_polls(observations, passes, self._world.supervisor.lives, now)

    def _run(self) -> None:
        try:
            while not self._ending.wait(EVERY):
                self.look()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the soak must not pass without its checks
            self.failure = error

    def look(self) -> None:
        """One look at everything."""
        self._sample()
        try:
            self._look_at_service()
        except (requests.ConnectionError, requests.Timeout):
            self.seen.answers.append((time.time(), False))
            return
        self.seen.answers.append((time.time(), True))
        for fabric in self._world.fabrics.values():
            self._compare(fabric)

    def _look_at_service(self) -> None:
        health = self._get("/healthz")
        now, age = time.time(), self._world.supervisor.age()
        self.seen.tasks += dead_tasks(health["components"], now, age)
        watches = [one for name, one in health["components"].items() if name.startswith("watch/")]
        is_whole = all(one["state"] == "running" and one["reason"] is None for one in watches)
        self._whole = self._world.supervisor.pid if is_whole else None
        fabrics = self._get("/fabrics")["fabrics"]
        for status in fabrics:
            self.seen.fabrics[status["name"]].append(Observation(now, status))
            told = self._get(f"/fabrics/{status['name']}/passes")["passes"]
            self.seen.passes[status["name"]] |= {one["id"]: one for one in told}
        if all(one["sync_status"] == "in_sync" and not one["reconciling"] for one in fabrics):
            self.seen.settled.append(now)

    def _get(self, path: str) -> JSONObject:
        """What the service says, be it good or bad."""
        body: JSONObject = self._session.get(f"{self._world.service.url}{path}", timeout=_TIMEOUT).json()
        return body

    def _sample(self) -> None:
        pid = self._world.supervisor.pid
        process = Path(f"/proc/{pid}")
        try:
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            memory, threads = int(lines["VmRSS"].split()[0]) / 1024, int(lines["Threads"])
            files = sum(1 for _ in (process / "fd").iterdir())
        except (OSError, KeyError):
            return  # it has just ended
        self.seen.samples.append(Sample(time.time(), pid, memory, files, threads, is_whole=pid == self._whole))

    # what a fabric says, and what is so

    def _compare(self, fabric: SoakFabric) -> None:
        """Two looks in a row must contradict the fabric, each while nothing was done and the fabric said the same."""
        found = self._contradictions(fabric)
        if found is None:
            return
        self.seen.compared[fabric.name] += 1
        if not found or self._ending.wait(AGAIN):
            return
        still = self._contradictions(fabric)
        if still and set(found) & set(still):
            told = "; ".join(sorted(set(found) & set(still))[:5])
            self.seen.untruths.append(Violation(time.time(), "in_sync is true", f"{fabric.name}: {told}"))

    def _contradictions(self, fabric: SoakFabric) -> list[str] | None:
        """What contradicts a fabric that says that it is in sync; None: it does not say so, or it cannot be judged."""
        try:
            mark, before = self._journal.mark(), self._get(f"/fabrics/{fabric.name}")
            if mark is None or not self._may_be_judged(before):
                return None
            found = untrue(fabric.name, reading.read(fabric, before["revision"].rpartition(":")[2]))
            after = self._get(f"/fabrics/{fabric.name}")
        except (LabError, requests.RequestException, AssertionError, YAMLError):
            return None  # a server is away
        is_same = all(before[name] == after[name] for name in _SAME)
        return found if is_same and self._journal.mark() == mark else None

    def _may_be_judged(self, status: JSONObject) -> bool:
        """Whether a fabric claims to be in sync, and had to know of all that was done: its last pass looked after that,
        or so much time went by that a watch or the poll must have told.
        """
        if status["sync_status"] != "in_sync" or status["reconciling"]:
            return False
        done = self._journal.last()
        return has_looked(status, done) or time.time() - done > LATEST
