"""`kill -9` and SIGTERM: what was going on is done again, and nothing was claimed that did not happen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.fabric import FabricShape
from tests.e2e.fabrics import SMALL, documents, files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import World

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
    wait_until(lambda: moment(world), what="the moment")
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
