"""Those who look on while a pass is made: the log, which knows for whom each line is, and observers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import LogCapture

from reconciler.reconcile import Surroundings
from reconciler.reconcile.observer import Observer, Observers
from reconciler.targets.local.faults import FaultyCluster
from tests.logs import reset_logs
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Resource
    from reconciler.model.passes import Phase


class TalkativeCluster(FaultyCluster):
    """Logs each object as it is applied, in whatever thread that is."""

    def apply(self, body: JSONObject, *, force: bool = False) -> Resource:
        structlog.get_logger("cluster").info("applied")
        return super().apply(body, force=force)


class Notes(Observer):
    """What an observer was told."""

    def __init__(self) -> None:
        self.began_with: list[tuple[str, str, tuple[str, ...]]] = []
        self.phases: list[str] = []
        self.failed: list[Phase] = []
        self.steps = 0

    def began(self, fabric: str, pass_id: str, requests: Sequence[str]) -> None:
        self.began_with.append((fabric, pass_id, tuple(requests)))

    def entered(self, fabric: str, phase: Phase) -> None:
        assert fabric == "dc1"
        self.phases.append(f"+{phase.value}")

    def left(self, fabric: str, phase: Phase, seconds: float, *, has_failed: bool) -> None:
        assert (fabric, seconds >= 0) == ("dc1", True)
        self.phases.append(f"-{phase.value}")
        if has_failed:
            self.failed.append(phase)

    def stepped(self, fabric: str) -> None:
        assert fabric == "dc1"
        self.steps += 1


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    capture = LogCapture()
    structlog.configure(processors=[merge_contextvars, capture])
    yield capture.entries  # type: ignore[misc] # mutable mappings of any kind
    reset_logs()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.cluster = TalkativeCluster(rig.local)
    rig.source.push(manifests())
    yield rig
    rig.store.close()


def test_every_line_knows_its_pass(rig: Rig, lines: list[dict[str, object]]) -> None:
    """What a pass logs, in its own thread and in those that it uses, carries fabric, pass and requests; afterwards
    nothing does.
    """
    request = rig.request()
    rig.run(request)

    of_the_pass = [line for line in lines if line["event"] in {"applied", "pass started", "pass ended", "written"}]
    assert {line["event"] for line in of_the_pass} >= {"applied", "pass started", "pass ended"}
    for line in of_the_pass:
        assert (line["fabric"], line["pass_id"]) == ("dc1", rig.last.id)
        assert line["requests"] == [request.id]
    assert get_contextvars() == {}


def test_observers_see_every_phase(rig: Rig) -> None:
    """Each observer hears of the begin, and of each phase when it begins and ends, in pairs; and of steps between."""
    first, second = Notes(), Notes()
    request = rig.request()

    rig.run(request, by=rig.runner(Surroundings(observer=Observers(first, second))))

    assert first.began_with == [("dc1", rig.last.id, (request.id,))]
    assert first.phases[:2] == ["+fetch", "-fetch"]
    assert {phase.removeprefix("-") for phase in first.phases if phase.startswith("-")} == set(rig.last.phases)
    assert [p[0] for p in first.phases] == ["+", "-"] * (len(first.phases) // 2)
    assert first.steps > len(manifests())
    assert first.failed == []
    assert (second.began_with, second.phases, second.steps) == (first.began_with, first.phases, first.steps)
