"""Changes in the cluster are noticed by watches, and healed at once by passes over what they name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.demo.fabric import FABRIC_500, render
from reconciler.model.kinds import AGENTS as AGENT_KINDS
from reconciler.model.kinds import OBSERVED
from tests.bench.edits import Client, latencies
from tests.e2e.fabrics import documents, files
from tests.e2e.fleet import AGENTS
from tests.e2e.installation import wait_until
from tests.e2e.load import Processor, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.model.json import JSONObject
    from tests.e2e.conftest import World
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

SOON = 15.0
"""Seconds for what takes milliseconds on a machine at rest."""

VPC, SERVER, SWITCH = "vpc-01", "server-01", "leaf-01"


def _declared_vlan() -> tuple[str, int]:
    """A subnet of the VPC, and its VLAN as Git declares it."""
    (body,) = [yaml.safe_load(render(document)) for document in documents() if document.name == VPC]
    subnet, content = next(iter(body["spec"]["subnets"].items()))
    return subnet, content["vlan"]


def _set_vlan(world: World, vlan: int) -> None:
    """By somebody else."""
    world.cluster.patch("VPC", VPC, f'{{"spec":{{"subnets":{{"{_declared_vlan()[0]}":{{"vlan":{vlan}}}}}}}}}')


def _vlan(world: World) -> int:
    vlan: int = world.cluster.read("VPC", VPC)["spec"]["subnets"][_declared_vlan()[0]]["vlan"]
    return vlan


def _watches(world: World) -> dict[str, JSONObject]:
    """The watches of the fabric as the service reports them, by kind."""
    prefix = f"watch/{world.service.fabric}/"
    components = world.service.healthz()["components"]
    return {name.removeprefix(prefix): part for name, part in components.items() if name.startswith(prefix)}


def _are_live(world: World) -> bool:
    watches = _watches(world)
    return len(watches) >= len(OBSERVED) and all(
        part["state"] == "running" and not part["reason"] for part in watches.values()
    )


def _watch_passes(world: World) -> list[JSONObject]:
    """Newest first."""
    return [record for record in world.service.passes() if "watch" in record["triggers"]]


@pytest.fixture
def watched(world: World) -> World:
    """A fabric in sync, whose watches are live."""
    world.fabric.pop("netbox")
    world.service.start()
    world.service.wait_applied(world.service.push(files()))
    wait_until(lambda: _are_live(world), what="every watch is live")
    world.service.wait_idle()
    return world


def _wait_healed(world: World, passes: int) -> JSONObject:
    """Wait for the end of the watch's pass that follows so many; it."""
    wait_until(lambda: len(_watch_passes(world)) > passes, seconds=SOON, what="a pass of the watch")
    world.service.wait_idle()
    return _watch_passes(world)[0]


def test_what_another_client_changes_is_healed(watched: World) -> None:
    """An edit is reverted and a deletion undone within seconds, each by a pass over that object alone, which is no
    sync; our own writes lead to no pass, nor does a label that Git does not speak of.
    """
    service, (_, vlan) = watched.service, _declared_vlan()
    last_sync = service.status()["last_sync"]
    before = len(_watch_passes(watched))

    _set_vlan(watched, vlan + 700)
    wait_until(lambda: _vlan(watched) == vlan, seconds=SOON, what="the VLAN is healed")
    healing = _wait_healed(watched, before)
    assert (healing["triggers"], healing["outcome"]) == (["watch"], "succeeded")
    assert f"VPC/{VPC}" in healing["scope"]
    assert service.status()["last_sync"] == last_sync

    watched.cluster.patch("Switch", SWITCH, '{"metadata":{"labels":{"rack":"r1"}}}')
    watched.cluster.server.kubectl(
        *("delete", "servers.wiring.githedgehog.com", SERVER, "--namespace", watched.cluster.namespace)
    )
    wait_until(lambda: SERVER in watched.cluster.names("Server"), seconds=SOON, what="the server is back")
    healing = _wait_healed(watched, before + 1)
    assert f"Server/{SERVER}" in healing["scope"]

    # Whatever the writes and the label had led to would have been queued before this last edit's pass, or with it.
    _set_vlan(watched, vlan + 701)
    healing = _wait_healed(watched, before + 2)
    assert len(_watch_passes(watched)) == before + 3
    assert f"VPC/{VPC}" in healing["scope"]
    assert not {f"Switch/{SWITCH}", f"Server/{SERVER}"} & set(healing["scope"])
    assert watched.cluster.read("Switch", SWITCH)["metadata"]["labels"]["rack"] == "r1"
    status = service.status()
    assert (status["sync_status"], status["last_sync"]) == ("in_sync", last_sync)


def test_a_full_pass_lists_nothing_that_is_watched(watched: World) -> None:
    """Pushes and requests are compared with what the watches hold: no list reaches the API server."""
    mark = watched.cluster.mark()

    request = watched.service.reconcile()
    watched.service.wait_applied(watched.service.push({"note.txt": "x"}))

    assert request["outcome"] == "succeeded"
    lists = {resource for _, resource in watched.cluster.requests_since(mark, "list")}
    assert lists <= AGENTS
    assert watched.cluster.writes_since(mark) == []


def test_drift_that_may_not_be_healed_is_shown_while_it_lasts(world: World) -> None:
    """Without self_heal an edit puts the fabric out of sync within seconds; undoing it by hand puts it back."""
    world.fabric["cluster"]["self_heal"] = False
    world.fabric.pop("netbox")
    service, (_, vlan) = world.service, _declared_vlan()
    service.start()
    service.wait_applied(service.push(files()))
    wait_until(lambda: _are_live(world), what="every watch is live")
    mark = world.cluster.mark()

    _set_vlan(world, vlan + 800)
    wait_until(lambda: service.status()["drift"]["count"] == 1, seconds=SOON, what="the drift is shown")
    assert service.wait_idle()["sync_status"] == "out_of_sync"
    _set_vlan(world, vlan)
    wait_until(lambda: service.status()["drift"]["count"] == 0, seconds=SOON, what="the drift is over")

    assert service.wait_idle()["sync_status"] == "in_sync"
    ours = [event for event in world.cluster.server.writes_since(mark) if not event.user_agent.startswith("kubectl")]
    assert [event for event in ours if event.namespace == world.cluster.namespace] == []


@pytest.fixture
def restartable(kubernetes_server: KubernetesServer) -> Iterator[KubernetesServer]:
    yield kubernetes_server
    if not kubernetes_server.is_running():
        kubernetes_server.start()


def test_the_watches_survive_the_server(watched: World, restartable: KubernetesServer) -> None:
    """While the server is away `/healthz` says so of every watch and `/readyz` stays good; then they are back, and
    what was changed in the gap is healed.
    """
    before, (_, vlan) = len(_watch_passes(watched)), _declared_vlan()

    restartable.stop()
    wait_until(lambda: any(part["reason"] for part in _watches(watched).values()), what="the trouble is said")
    assert watched.service.get("/readyz")["status"] == "ok"
    assert watched.service.healthz()["status"] == "degraded"
    restartable.start()
    _set_vlan(watched, vlan + 900)

    wait_until(lambda: _are_live(watched), seconds=60, what="every watch is back")
    wait_until(lambda: _vlan(watched) == vlan, seconds=60, what="the edit in the gap is healed")
    wait_until(lambda: len(_watch_passes(watched)) > before, what="by a watch")


@pytest.mark.parametrize("count", [30, pytest.param(300, marks=pytest.mark.long)])
def test_an_edit_is_acted_on_at_once(
    world: World,
    kubernetes_server: KubernetesServer,
    record_testsuite_property: Callable[[str, object], None],
    count: int,
) -> None:
    """From an edit by another client to the pass that it leads to there is next to nothing. The goals are 50 ms at the
    median and 500 ms at the 99th percentile; what fails is five times as much, as many times over as the machine held
    up the service.
    """
    service = world.service
    world.fabric.pop("netbox")
    service.start()
    service.wait_applied(service.push(files(FABRIC_500)))
    wait_until(lambda: _are_live(world), what="every watch is live")
    service.wait_idle()
    processor = Processor(service.process.pid)

    found = latencies(Client(kubernetes_server, world.cluster.namespace), service, FABRIC_500, count)

    slowdown = processor.slowdown()
    middle, slowest = percentile(found.started, 0.5), percentile(found.started, 0.99)
    record_testsuite_property(
        f"{count} edits: pass started", f"p50 {middle:.3f} s, p99 {slowest:.3f} s, {slowdown:.1f}"
    )
    assert middle <= 5 * 0.05 * slowdown, found.started
    assert slowest <= 5 * 0.5 * slowdown, found.started


def _agent(world: World, name: str, generation: int) -> None:
    """What the agent of a switch reports: that it has applied this generation."""
    agent = AGENT_KINDS[0]
    path = f"/apis/{agent.api_version}/namespaces/{world.cluster.namespace}/{agent.plural}"
    body = {"apiVersion": agent.api_version, "kind": agent.name, "metadata": {"name": name}}
    body["spec"] = {"role": "server-leaf", "users": [{"password": "canary-of-an-agent"}]}
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    applied = [{"type": "Applied", "status": "True", "reason": "Applied", "message": "done", "lastTransitionTime": now}]
    status = {"lastAppliedGen": generation, "lastHeartbeat": now, "conditions": applied}
    api = world.cluster.server.api
    api.request("POST", path, body)
    api.request("PATCH", f"{path}/{name}/status", {"status": status}, content_type="application/merge-patch+json")


def test_how_switches_do(world: World) -> None:
    """What the agents report is shown for each switch and counted for the fabric; their specs are shown nowhere."""
    service = world.service
    world.fabric.pop("netbox")
    for name, generation in (("leaf-01", 1), ("leaf-02", 0)):
        _agent(world, name, generation)
    service.start()
    service.wait_applied(service.push(files()))

    wait_until(lambda: service.status()["health"]["Healthy"] == 1, seconds=SOON, what="the agents are listed")
    resources = service.get(f"/fabrics/{service.fabric}/resources")["resources"]
    health = {one["name"]: one["health"]["status"] for one in resources if one["kind"] == "Switch"}
    assert health == {"leaf-01": "Healthy", "leaf-02": "Progressing", "spine-01": "Unknown"}
    assert service.status()["health"] == {"Healthy": 1, "Progressing": 1, "Degraded": 0, "Unknown": 1}
    assert {one["health"] for one in resources if one["kind"] != "Switch"} == {None}
    assert all(one["since"] and one["last_applied"] and one["revision"] for one in resources)
    assert "canary-of-an-agent" not in f"{resources} {service.status()} {service.log.read_text()}"


def test_a_fight(watched: World) -> None:
    """A writer that changes an object back each time it is healed is named and left alone within a minute; nothing is
    written then until Git changes the object.
    """
    service, cluster, (subnet, vlan) = watched.service, watched.cluster, _declared_vlan()
    for number in range(5):
        _set_vlan(watched, 3000 + number)
        wait_until(lambda: _vlan(watched) == vlan, seconds=SOON, what=f"reversal {number + 1}")
    _set_vlan(watched, 3005)

    wait_until(lambda: service.condition("Fighting")["status"] == "True", what="the fight is noticed")
    mark = cluster.mark()
    status = service.wait_idle()
    assert (status["sync_status"], status["reason"]) == ("error", "Fighting")
    assert f"VPC/{VPC}" in service.condition("Fighting")["message"]
    assert "kubectl" in service.condition("Fighting")["message"]
    (resource,) = [
        one
        for one in service.get(f"/fabrics/{service.fabric}/resources")["resources"]
        if (one["kind"], one["name"]) == ("VPC", VPC)
    ]
    assert (resource["state"], resource["reason"]) == ("changed", "Fighting")
    assert _vlan(watched) == 3005
    assert cluster.writes_since(mark) == []

    (document,) = [one for one in documents() if one.name == VPC]
    text = render(document).replace(f"vlan: {vlan}", f"vlan: {vlan + 500}")
    status = service.wait_applied(service.push({f"managed/vpcs/{VPC}.yaml": text}))
    assert status["sync_status"] == "in_sync"
    assert cluster.read("VPC", VPC)["spec"]["subnets"][subnet]["vlan"] == vlan + 500
    assert service.condition("Fighting")["status"] == "False"
