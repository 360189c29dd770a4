"""A NetBox that answers badly, late, twice or not at all while a fabric is mirrored: everything arrives once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e import mirrored
from tests.e2e.fabrics import bodies, rendered
from tests.e2e.installation import wait_until
from tests.e2e.people import People
from tests.lab.http_faults import UNANSWERED, HttpFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World
    from tests.lab.netbox_server import NetBoxServer

# a NetBox of its own: whole tables are looked at
pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("pristine_netbox")]

PASSES = 8
"""Passes that somebody asks for, one after the other, until NetBox is in line again."""

BURST = 10
"""Bad answers in a row: more than the writers of a pass wait out, each by itself."""

SOON = 60.0


@pytest.fixture
def faults(world: World, netbox_server: NetBoxServer) -> Iterator[HttpFaults]:
    """Stands between the service and NetBox."""
    with HttpFaults(netbox_server.url) as faults:
        world.fabric["netbox"]["url"] = faults.url
        yield faults
        world.service.close()


@pytest.fixture
def people(world: World) -> People:
    """One record of each kind that people made in the fabric's site."""
    people = People.at_site(world.netbox)
    people.around(1)
    return people


def _push(world: World, edited: dict[str, JSONObject]) -> str:
    return world.service.push(rendered(edited))


def _vlan(body: JSONObject) -> object:
    (subnet, *_) = body["spec"]["subnets"].values()
    return subnet["vlan"]


def _wait_in_cluster(world: World, edited: dict[str, JSONObject]) -> None:
    """Until the cluster holds the edited VPC."""
    ((key, body),) = edited.items()
    name = key.partition("/")[2]
    wait_until(lambda: _vlan(world.cluster.read("VPC", name)) == _vlan(body), seconds=SOON, what=f"{key} is edited")


def _wait_failing(world: World) -> None:
    """Until the status says that NetBox, and nothing else, fails."""
    wait_until(lambda: _states(world)["netbox"] == "failing", seconds=SOON, what="NetBox is said to fail")
    assert _states(world) == {"git": "ok", "cluster": "ok", "netbox": "failing"}
    assert world.service.status()["sync_status"] == "error"
    condition = world.service.condition("NetBoxReady")
    assert (condition["status"], condition["reason"]) == ("False", "NetBoxUnavailable")


def _states(world: World) -> dict[str, object]:
    return {name: one["state"] for name, one in world.service.status()["connections"].items()}


def _converge(world: World) -> None:
    """Ask for passes until one succeeds."""
    outcomes = []
    for _ in range(PASSES):
        outcomes.append(world.service.reconcile()["outcome"])
        if outcomes[-1] == "succeeded":
            return
    raise AssertionError(f"{outcomes}: {world.service.status()['message']}")


def _assert_converged(world: World, declared: dict[str, JSONObject], people: People) -> None:
    """Cluster and NetBox hold what is declared, each record once; people's records are as they were; the next pass
    writes nothing.
    """
    status = world.service.status()
    assert status["sync_status"] == "in_sync", status["message"]
    assert world.cluster.everything() == {tuple(key.split("/")) for key in declared}
    mirrored.assert_mirrored(world.netbox, declared.values())
    people.assert_untouched()
    marks = world.cluster.mark(), world.netbox.mark()
    assert world.service.reconcile()["outcome"] == "succeeded"
    assert world.cluster.writes_since(marks[0]) == []
    assert mirrored.writes_since(world.netbox, marks[1]) == []


def test_netbox_stops_in_the_middle_of_a_mirror(
    world: World, faults: HttpFaults, people: People, netbox_server: NetBoxServer
) -> None:
    """What was not written yet is written once NetBox is back; the cluster gets an edit meanwhile."""
    declared = bodies()
    world.service.start()
    faults.hold_writes("/api/ipam/prefixes/")
    _push(world, declared)
    faults.wait_held(SOON)
    netbox_server.stop()
    try:
        faults.release()
        _wait_failing(world)
        edited = mirrored.edited(declared, 2900)
        _push(world, edited)
        _wait_in_cluster(world, edited)
        _wait_failing(world)
        faults.hold_writes("/api/ipam/prefixes/")  # until we have looked
    finally:
        netbox_server.start()
    so_far = mirrored.keys(world.netbox)
    faults.release()
    assert so_far["dcim/devices"], "nothing was written before the stop: it was not in the middle"
    assert not so_far["ipam/prefixes"]

    _converge(world)

    _assert_converged(world, {**declared, **edited}, people)


@pytest.mark.parametrize("fault", [HttpFaults.refuse_writes, HttpFaults.throttle], ids=["502", "429"])
def test_a_burst_of_bad_answers(
    world: World, faults: HttpFaults, people: People, fault: Callable[[HttpFaults, int], None]
) -> None:
    """A pass that could not wait them out says that NetBox fails; the cluster gets all of the commit nevertheless."""
    declared = bodies()
    world.service.start()
    world.service.wait_idle()
    fault(faults, BURST)
    _push(world, declared)

    _wait_failing(world)

    assert world.cluster.everything() == {tuple(key.split("/")) for key in declared}
    edited = mirrored.edited(declared, 2900)
    _push(world, edited)
    _wait_in_cluster(world, edited)
    _converge(world)
    assert faults.waiting == 0
    _assert_converged(world, {**declared, **edited}, people)


def test_answers_that_get_lost(world: World, faults: HttpFaults, people: People) -> None:
    """A write whose answer is lost has happened: the pass looks, repeats none of it, and succeeds."""
    declared = bodies()
    mirrored_models = {record.ref.model for record in mirrored.projection(world.netbox.site, declared.values()).records}
    for model in mirrored_models:
        faults.lose_answers(1, f"/api/{model}/")
    commit = world.service.push(rendered(declared), deliver=False)

    world.service.start()
    world.service.wait_applied(commit)

    assert faults.waiting == 0
    assert [one.status for one in faults.journal].count(UNANSWERED) == len(mirrored_models)
    assert {one["outcome"] for one in world.service.passes()} == {"succeeded"}
    _assert_converged(world, declared, people)


def test_a_stall(world: World, faults: HttpFaults, people: People) -> None:
    """Shorter than the client waits, it costs its time and nothing else: what is pushed meanwhile waits for it, and is
    not lost.
    """
    declared = bodies()
    world.service.push(rendered(declared), deliver=False)
    faults.hold_writes("/api/ipam/")
    world.service.start()
    faults.wait_held(SOON)
    edited = mirrored.edited(declared, 2900)
    faults.stall(4.0)
    faults.release()
    commit = _push(world, edited)

    _wait_in_cluster(world, edited)
    world.service.wait_applied(commit)

    assert {one["outcome"] for one in world.service.passes()} == {"succeeded"}
    _assert_converged(world, {**declared, **edited}, people)


@pytest.mark.long
def test_a_long_stall(world: World, faults: HttpFaults, people: People) -> None:
    """What is pushed meanwhile reaches the cluster long before NetBox answers again; what NetBox does in the end of
    what nobody waited for is found.
    """
    declared = bodies()
    world.service.push(rendered(declared), deliver=False)
    faults.hold_writes("/api/ipam/")
    world.service.start()
    faults.wait_held(SOON)
    edited = mirrored.edited(declared, 2900)
    faults.stall(30.0)
    back = time.monotonic() + 30.0
    faults.release()
    _push(world, edited)

    _wait_in_cluster(world, edited)

    assert time.monotonic() < back
    _wait_failing(world)
    time.sleep(max(back - time.monotonic(), 0.0))
    _converge(world)
    _assert_converged(world, {**declared, **edited}, people)


def test_a_database_that_went_back(world: World, people: People, netbox_server: NetBoxServer) -> None:
    """NetBox is reset to an older backup, and people take the ids that our later records had: those stay theirs, ours
    come back, and what the backup brought back of deleted objects goes.
    """
    world.fabric["cluster"]["prune"] = True
    declared = bodies()
    removed = "VPCAttachment/vpc-02--default--server-02--eslag--leaf-01--leaf-02", "VPC/vpc-02"
    world.service.start()
    world.service.wait_applied(_push(world, declared))
    with netbox_server.backup() as go_back:
        later = _more(declared)
        changes = {**rendered(later), **dict.fromkeys(rendered({key: declared[key] for key in removed}))}
        world.service.wait_applied(world.service.push(changes))
        go_back()
        people.around(3)

        _converge(world)

        now = {key: body for key, body in {**declared, **later}.items() if key not in removed}
        _assert_converged(world, now, people)


def _more(declared: dict[str, JSONObject]) -> dict[str, JSONObject]:
    """Another server, another VPC, and an edit."""
    server = {**declared["Server/server-01"], "metadata": {"name": "server-99"}}
    vpc = declared["VPC/vpc-01"]
    subnets = {"late": {"subnet": "10.1.99.0/24", "gateway": "10.1.99.1", "vlan": 2999}}
    other = {**vpc, "metadata": {**vpc["metadata"], "name": "vpc-99"}, "spec": {**vpc["spec"], "subnets": subnets}}
    return {**mirrored.edited(declared, 2900), "Server/server-99": server, "VPC/vpc-99": other}
