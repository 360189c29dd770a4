"""`kill -9` and SIGTERM: what was going on is done again, and nothing was claimed that did not happen."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FabricShape
from tests.e2e import service_log
from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import SMALL, documents, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World
    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

LARGE = FabricShape(spines=2, leafs=8, servers=60, vpcs=20, externals=0)


def _some_switches(world: World) -> bool:
    return bool(world.cluster.names("Switch"))


def _some_connections(world: World) -> bool:
    return bool(world.cluster.names("Connection"))


def _some_devices(world: World) -> bool:
    return bool(world.netbox.owned("dcim/devices"))


@pytest.mark.parametrize(
    ("moment", "shape"), [(_some_switches, LARGE), (_some_connections, LARGE), (_some_devices, SMALL)]
)
def test_kill_in_the_middle_of_a_pass(world: World, moment: Callable[[World], bool], shape: FabricShape) -> None:
    """A service killed while it writes converges after its start; the killed pass moved nothing."""
    service = world.service
    if moment is not _some_devices:
        world.fabric.pop("netbox")
    service.start()
    before = service.wait_idle()
    commit = service.repository.push_files({f"{service.path}/{name}": text for name, text in files(shape).items()})
    answer = service.deliver(commit)
    (accepted,) = answer.json()["requests"]
    number = len(documents(shape))
    service.process.run_until(lambda: moment(world), what="the moment")
    service.kill()
    is_over = len(world.cluster.everything()) == number
    if moment is _some_devices:
        is_over = is_over and bool(world.netbox.owned("ipam/prefixes"))
    assert not is_over, "the pass was over before the kill"

    service.start()
    killed = service.status()
    status = service.wait_applied(commit, seconds=240)

    assert killed["last_sync"] in {before["last_sync"], status["last_sync"]}
    assert len(world.cluster.everything()) == number
    assert status["sync_status"] == "in_sync"
    request = service.get(f"/requests/{accepted['id']}")
    assert (request["state"], request["revision"]) == ("succeeded", f"main@sha1:{commit}")
    marks = world.cluster.mark(), world.netbox.mark()
    assert service.reconcile()["outcome"] == "succeeded"
    assert world.cluster.writes_since(marks[0]) == []
    assert world.netbox.writes_since(marks[1]) == []


def test_sigterm_in_the_middle_of_a_pass(world: World) -> None:
    """A service that is asked to end does so within 20 s at a boundary; its next start finishes the work."""
    service = world.service
    world.fabric.pop("netbox")
    service.start()
    service.wait_idle()
    commit = service.push(files(LARGE))
    wait_until(lambda: world.cluster.names("Switch"), what="some objects")
    started = time.monotonic()

    assert service.stop() == 0

    assert time.monotonic() - started < 20
    service.start()
    assert service.wait_applied(commit, seconds=240)["sync_status"] == "in_sync"


def test_a_lost_state_file_costs_nothing(world: World) -> None:
    """Without its state the service knows its objects again by their marks, without a write, and prunes only those."""
    world.fabric["cluster"]["prune"] = True
    service = world.service
    service.start()
    service.wait_applied(service.push(files()))
    service.stop()
    for file in (service.folder / "state").iterdir():
        if file.is_file():
            file.unlink()
    mark = world.cluster.mark()
    removed = next(name for name in files() if "vpcattachments" in name)

    service.start()
    service.wait_idle()
    assert world.cluster.writes_since(mark) == []
    service.wait_applied(service.push({removed: None}))

    writes = world.cluster.writes_since(mark)
    assert [verb for verb, _, _ in writes] == ["delete"]


LONGEST_WAIT = 0.6
"""Seconds between an answer and the kill: longer than a pass of the embedded cluster takes."""

TERMINAL = {"succeeded", "failed", "superseded"}


def _events_then_kill(views: Sequence[Installation], number: int, chance: random.Random) -> tuple[str, list[str]]:
    """Push, deliver, sometimes ask for a pass, and kill the service a moment after its last answer.

    The commit, and the ids of the requests that were accepted.
    """
    service = views[0]
    changes = {f"{view.path}/note-{number}.txt": "x" for view in views}
    if number % 2:
        changes |= {f"{view.path}/{name}": text for view in views for name, text in _vlan(number).items()}
    commit = service.repository.push_files(changes)
    answers = [service.deliver(commit)]
    if chance.random() < 0.5:
        answers.append(service.post("/reconcile", {"fabric": None, "wait": 0}))
    time.sleep(chance.choice((0.0, chance.uniform(0, LONGEST_WAIT))))
    service.kill()
    assert [answer.status_code for answer in answers] == [202] * len(answers)
    return commit, [request["id"] for answer in answers for request in answer.json()["requests"]]


def _vlan(number: int) -> dict[str, str]:
    text = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: VLANNamespace\nmetadata: {name: extra}\n"
    return {"extra.yaml": f"{text}spec: {{ranges: [{{from: 3000, to: {3100 + number}}}]}}\n"}


def _requests(service: Installation, ids: Sequence[str]) -> list[JSONObject]:
    return [service.get(f"/requests/{id_}") for id_ in ids]


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.long)])
def test_kill_between_the_answer_and_the_pass(local_service: Installation, kills: int) -> None:
    """Killed at random moments after its answers, the service loses no accepted request, makes no two passes of one
    fabric at once, and ends with the last commit applied.
    """
    chance = random.Random(kills)  # noqa: S311 - moments, not secrets
    local_service.settings["workers"] = 2
    views = [local_service, local_service.add_fabric("dc2", LOCAL)]
    local_service.repository.push_files({f"{v.path}/{name}": text for v in views for name, text in files().items()})
    accepted: list[str] = []
    life, passes = 0, 0

    for number in range(kills):
        local_service.start()
        commit, ids = _events_then_kill(views, number, chance)
        accepted += ids
        died = local_service.log.stat().st_size
        passes += service_log.assert_one_pass_at_a_time(service_log.entries(local_service.log, life, died))
        life = died
    local_service.start()
    states = [view.wait_applied(commit) for view in views]

    wait_until(lambda: all(r["state"] in TERMINAL for r in _requests(local_service, accepted)), what="all ended")
    assert [request["state"] for request in _requests(local_service, accepted)] == ["succeeded"] * len(accepted)
    assert [state["sync_status"] for state in states] == ["in_sync"] * len(views)
    service_log.assert_one_pass_at_a_time(service_log.entries(local_service.log, life))
    for view in views:
        service_log.assert_no_overlap(view.passes())
    assert passes >= kills, "hardly a pass was begun before a kill: the moments are no test"
