"""The reporter: one view of everything, read from the store at every question."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from reconciler import __version__
from reconciler.model.agents import AgentStatus
from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.news import NewsKind
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import ObjectState, Phase, SyncState
from reconciler.model.requests import Trigger, Work
from reconciler.model.status import Connection, ConnectionState, PassResult, Unannounced
from reconciler.model.topology import LinkEnd, Node, Row, Topology, TopologyLink
from reconciler.queue import WorkQueue
from reconciler.reconcile.progress import Running
from reconciler.status.health import Components, ComponentState
from reconciler.status.metrics import Metrics
from reconciler.status.reporter import Described, Glances, Reporter
from reconciler.status.times import rfc3339
from reconciler.store import open_store
from tests.unit.store import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DC1 = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy())
DC2 = Fabric("dc2", "other", "main", "fabrics/dc2", interval=60.0, cluster=ClusterPolicy())
WELL = {"git": Connection(ConnectionState.OK), "cluster": Connection(ConnectionState.OK)}


class Desk:
    """A reporter with everything that it reads from."""

    def __init__(self, folder: Path) -> None:
        self.clock = samples.SetClock()
        self.path = folder / "state.db"
        self.store = open_store(self.path, self.clock)
        self.queue = WorkQueue(self.clock.monotonic)
        self.components = Components(self.clock)
        self.components.report("web", ComponentState.RUNNING)
        described = Described(
            {"dc1": DC1, "dc2": DC2}, {"gitops": "github", "other": None}, (("state", "a warning of the settings"),)
        )
        live = (self.components, Metrics(), self.clock)
        self.agents: list[AgentStatus] | None = None
        self.progress: dict[str, tuple[int, int]] = {}
        self.untold: dict[str, str] = {}
        self.unsent: dict[str, str] = {}
        self.topology = Topology()
        self.running: dict[str, Running] = {}
        self.hanging: dict[str, str] = {}
        glances = Glances(
            agents=lambda _: self.agents,
            progress=self.progress.get,
            running=self.running.get,
            untold=lambda: self.untold,
            notes=self.unsent.items,
            wiring=lambda _: self.topology,
            hanging=lambda: self.hanging,
        )
        self.reporter = Reporter(lambda: described, self.store, self.store, self.queue, live, glances)

    def end_pass(self, name: str = "p1", connections: dict[str, Connection] | None = None) -> None:
        """Store a pass over dc1, as a runner does."""
        result = samples.pass_result(name)
        fabric = replace(result.fabric, connections=WELL if connections is None else connections)
        self.store.record_pass(PassResult(result.record, fabric, objects=[samples.object_state("a")]))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_fabrics_are_those_of_the_configuration(desk: Desk) -> None:
    """Every configured fabric is listed, reconciled or not, and none that only the store still knows."""
    desk.end_pass()
    gone = samples.pass_result("p2", "gone")
    desk.store.record_pass(gone)

    fabrics = desk.reporter.fabrics()["fabrics"]

    assert [fabric["name"] for fabric in fabrics] == ["dc1", "dc2"]
    assert [fabric["sync_status"] for fabric in fabrics] == ["out_of_sync", "never_synced"]
    assert desk.reporter.fabric("gone") is None


def test_one_fabric_is_as_in_the_list(desk: Desk) -> None:
    """One fabric's answer is its entry in the list, with kinds and problems."""
    desk.end_pass()

    one = desk.reporter.fabric("dc1")

    (entry, _) = desk.reporter.fabrics()["fabrics"]
    assert one is not None
    assert {key: one[key] for key in entry} == entry
    assert one.keys() - entry.keys() == {"kinds", "problems", "health", "netbox_drifted"}


def test_an_unscheduled_fabric_has_its_interval(desk: Desk) -> None:
    """Before anything is stored a fabric shows the interval that its first poll will have."""
    intervals = {fabric["name"]: fabric["interval"] for fabric in desk.reporter.fabrics()["fabrics"]}

    assert intervals == {"dc1": 300.0, "dc2": 60.0}


def test_reconciling_follows_the_queue(desk: Desk) -> None:
    """A fabric is reconciling while it is in the queue, whatever its status."""
    assert [fabric["reconciling"] for fabric in desk.reporter.fabrics()["fabrics"]] == [False, False]

    desk.queue.add("dc2", Work((Trigger.PUSH,)))

    assert [fabric["reconciling"] for fabric in desk.reporter.fabrics()["fabrics"]] == [False, True]


def test_progress_of_a_long_mirror(desk: Desk) -> None:
    """While a pass writes to NetBox, its fabric says how far it came."""
    desk.progress["dc2"] = (320, 1693)

    assert [fabric["progress"] for fabric in desk.reporter.fabrics()["fabrics"]] == [
        None,
        {"phase": "netbox", "done": 320, "total": 1693},
    ]


def test_webhook_of_the_fabrics_repository(desk: Desk) -> None:
    """A fabric shows the webhook of its own repository, and when it last worked."""
    desk.store.accept([samples.request("r1")], samples.delivery("d1"), ["gitops"])

    first, second = (fabric["webhook"] for fabric in desk.reporter.fabrics()["fabrics"])

    assert (first["provider"], first["last_verified"]) == ("github", "2026-03-01T12:00:00.000Z")
    assert second == {"provider": None, "last_received": None, "last_verified": None, "silent_since": None}


def test_deliveries_that_prove_nothing(desk: Desk) -> None:
    """A delivery that no secret proves was received, by every repository of its provider, and not verified."""
    desk.store.accept([samples.request("r1")], samples.delivery("d1"), ["gitops"])
    desk.clock.advance(minutes=5)

    for provider in ("github", "gitlab"):
        desk.reporter.received(provider)

    first, second = (fabric["webhook"] for fabric in desk.reporter.fabrics()["fabrics"])
    assert (first["last_received"], first["last_verified"]) == ("2026-03-01T12:05:00.000Z", "2026-03-01T12:00:00.000Z")
    assert second["last_received"] is None
    desk.clock.advance(minutes=5)
    desk.store.mark_verified(["gitops"])
    assert desk.reporter.fabrics()["fabrics"][0]["webhook"]["last_received"] == "2026-03-01T12:10:00.000Z"


def test_health_warns_of_a_silent_webhook(desk: Desk) -> None:
    """What only polls found is a warning with the place of the webhook; where there is no webhook, there is none."""
    for number, repository in enumerate(("gitops", "other")):
        result = samples.pass_result(f"p{number}", f"dc{number + 1}")
        found = Unannounced(repository, samples.REVISIONS[1])
        desk.store.record_pass(replace(result, fabric=replace(result.fabric, connections=WELL), unannounced=found))
    desk.reporter.received("github")

    health = desk.reporter.healthz()

    assert health.is_ok
    assert [warning["key"] for warning in health.body["warnings"]] == ["state", "repositories[0].webhook"]
    warning = health.body["warnings"][1]["message"]
    assert warning.startswith("polls of repository gitops found commits that no webhook announced, last main@sha1:bbbb")
    assert warning.endswith("; last delivery 2026-03-01T12:00:00.000Z")
    desk.store.mark_verified(["gitops"])
    assert len(desk.reporter.healthz().body["warnings"]) == 1


def test_a_suspended_fabric(desk: Desk) -> None:
    """A suspension shows as soon as it is stored; what is known of the fabric's connections is old, and no trouble."""
    desk.end_pass(connections={"git": Connection(ConnectionState.FAILING, last_error="no route")})
    assert not desk.reporter.healthz().is_ok

    desk.store.suspend("dc1", "cabling")

    first, second = desk.reporter.fabrics()["fabrics"]
    assert first["suspended"] == {"since": "2026-03-01T12:00:00.000Z", "reason": "cabling", "by": None}
    assert (first["sync_status"], second["suspended"]) == ("disabled", None)
    assert desk.reporter.healthz().is_ok
    assert desk.reporter.healthz().body["connections"].keys() == {"dc2"}


def test_what_is_stored_later_is_seen(desk: Desk) -> None:
    """Nothing that is said is older than the question."""
    assert desk.reporter.passes("dc1") == {"passes": []}
    assert desk.reporter.resources("dc1") == {"resources": []}

    desk.end_pass("p1")
    desk.end_pass("p2")

    passes, resources = desk.reporter.passes("dc1"), desk.reporter.resources("dc1")
    assert passes is not None
    assert [found["id"] for found in passes["passes"]] == ["p2", "p1"]
    assert resources is not None
    assert [(found["kind"], found["name"]) for found in resources["resources"]] == [("VPC", "a")]


def test_what_is_not_there(desk: Desk) -> None:
    """Unknown fabrics, passes and requests are no answer at all; a pass belongs to its own fabric."""
    desk.end_pass("p1")

    assert desk.reporter.fabric("dc9") is None
    assert desk.reporter.resources("dc9") is None
    assert desk.reporter.passes("dc9") is None
    assert desk.reporter.pass_("dc9", "p1") is None
    assert desk.reporter.pass_("dc2", "p1") is None
    assert desk.reporter.pass_("dc1", "p9") is None
    assert desk.reporter.request("r9") is None


def test_one_pass_and_one_request(desk: Desk) -> None:
    """A pass and a request can be asked for by their ids."""
    desk.end_pass("p1")
    desk.store.accept([samples.request("r1")])

    found, request = desk.reporter.pass_("dc1", "p1"), desk.reporter.request("r1")

    assert found is not None
    assert (found["id"], found["outcome"]) == ("p1", "partial")
    assert request is not None
    assert (request["id"], request["state"]) == ("r1", "queued")


def test_ready_while_every_part_runs(desk: Desk) -> None:
    """Readiness names each part that does not run; an outside system does not make the process unready."""
    desk.end_pass(connections={"git": Connection(ConnectionState.FAILING, last_error="no route")})
    assert desk.reporter.readyz().is_ok

    desk.components.report("poll", ComponentState.FAILED, "StateError: disk full")
    unready = desk.reporter.readyz()

    assert not unready.is_ok
    assert unready.body == {"status": "not ready", "not_running": {"poll": "StateError: disk full"}}
    assert desk.reporter.livez().is_ok


def test_health_names_what_fails(desk: Desk) -> None:
    """Health speaks of parts and connections, and is degraded when one of either fails."""
    desk.end_pass()
    well = desk.reporter.healthz()
    desk.end_pass("p2", {**WELL, "cluster": Connection(ConnectionState.FAILING, last_error="no route")})
    lost = desk.reporter.healthz()
    desk.end_pass("p3")
    desk.components.report("poll", ComponentState.STOPPED)
    stopped = desk.reporter.healthz()

    assert (well.is_ok, well.body["status"], well.body["failing"]) == (True, "ok", [])
    assert (lost.is_ok, lost.body["status"], lost.body["failing"]) == (False, "degraded", ["dc1/cluster"])
    assert lost.body["connections"]["dc1"]["cluster"]["last_error"] == "no route"
    assert (stopped.is_ok, stopped.body["failing"]) == (False, [])
    assert stopped.body["components"]["poll"]["state"] == "stopped"


def test_health_names_overdue_fabrics(desk: Desk) -> None:
    """A fabric whose poll is more than an interval late is named, with the moment at which it became so; a suspended
    one is not expected to be polled.
    """
    desk.end_pass()
    due = desk.clock.now()
    desk.store.schedule_poll("dc1", due, 60.0)
    desk.clock.advance(seconds=60)
    in_time = desk.reporter.healthz()
    desk.clock.advance(seconds=1)
    late = desk.reporter.healthz()
    metrics = desk.reporter.metrics()[0].decode()
    desk.store.suspend("dc1", "cabling")

    assert (in_time.is_ok, in_time.body["overdue"]) == (True, [])
    assert (late.is_ok, late.body["overdue"]) == (False, [{"fabric": "dc1", "since": "2026-03-01T12:01:00.000Z"}])
    assert 'reconciler_fabric_overdue{fabric="dc1"} 1.0' in metrics.splitlines()
    assert 'reconciler_fabric_overdue{fabric="dc2"} 0.0' in metrics.splitlines()
    assert desk.reporter.healthz().body["overdue"] == []


def test_a_hanging_worker_is_not_alive(desk: Desk) -> None:
    """What hangs is named by the liveness probe, and fails it; it says nothing of readiness."""
    assert (desk.reporter.livez().is_ok, desk.reporter.livez().body) == (True, {"status": "ok"})

    desk.hanging["worker-1"] = "the pass over dc1 has made no progress"
    health = desk.reporter.livez()

    assert (health.is_ok, health.body) == (False, {"status": "hanging", "hanging": desk.hanging})
    assert desk.reporter.readyz().is_ok


def test_parts_that_are_asked_have_answered(desk: Desk) -> None:
    """State file and queue have no turns of their own: the probe itself is when they were last well."""
    for name in ("store", "queue"):
        desk.components.report(name, ComponentState.RUNNING)
    desk.clock.advance(seconds=90)

    components = desk.reporter.healthz().body["components"]

    assert {name: components[name]["last_ok"] for name in ("store", "queue")} == dict.fromkeys(
        ("store", "queue"), "2026-03-01T12:01:30.000Z"
    )
    assert desk.reporter.healthz().body["version"] == __version__


def test_trouble_degrades_health_and_not_readiness(desk: Desk) -> None:
    """A part that runs and has trouble with what is outside of it shows in the health; the process stays ready."""
    desk.components.report("configuration", ComponentState.RUNNING)
    desk.components.trouble("configuration", "server.port: needs a restart")

    health = desk.reporter.healthz()

    assert (health.is_ok, health.body["status"]) == (False, "degraded")
    assert health.body["components"]["configuration"]["reason"] == "server.port: needs a restart"
    assert desk.reporter.readyz().is_ok


def test_health_shows_the_warnings_of_the_configuration(desk: Desk) -> None:
    """What the configuration is warned of can be read in the health, and degrades nothing."""
    assert desk.reporter.healthz().body["warnings"] == [{"key": "state", "message": "a warning of the settings"}]
    assert desk.reporter.healthz().is_ok


def test_metrics_follow_the_status(desk: Desk) -> None:
    """Metrics show the fabrics as the list does, and the queue as it is now."""
    desk.end_pass()
    desk.queue.add("dc2", Work((Trigger.PUSH,)))
    desk.clock.advance(seconds=7)

    text, content_type = desk.reporter.metrics()

    lines = text.decode().splitlines()
    assert 'reconciler_fabric_sync_status{fabric="dc1",status="out_of_sync"} 1.0' in lines
    assert 'reconciler_fabric_sync_status{fabric="dc2",status="never_synced"} 1.0' in lines
    assert "reconciler_queue_depth 1.0" in lines
    assert "reconciler_queue_oldest_seconds 7.0" in lines
    assert content_type.startswith("text/plain")


def test_devices(desk: Desk) -> None:
    """Each switch that the cluster holds has its health, and the fabric how many have which."""
    result = samples.pass_result("p1")
    leaf, spine, gone = (samples.key(name, "Switch") for name in ("leaf-1", "spine-1", "gone"))
    objects = [ObjectState(key, SyncState.IN_SYNC) for key in (leaf, spine)]
    objects.append(ObjectState(gone, SyncState.DESIRED_ONLY))
    desk.store.record_pass(PassResult(result.record, result.fabric, objects=objects))
    desk.agents = [AgentStatus("Agent", "leaf-1", 2, 2, desk.clock.now(), is_applied=True)]

    resources = desk.reporter.resources("dc1")
    fabric = desk.reporter.fabric("dc1")

    assert resources is not None
    found = {one["name"]: one["health"] and one["health"]["status"] for one in resources["resources"]}
    assert found == {"leaf-1": "Healthy", "spine-1": "Unknown", "gone": None}
    assert fabric is not None
    assert fabric["health"] == {"Healthy": 1, "Progressing": 0, "Degraded": 0, "Unknown": 1}


def test_health_shows_forges_that_are_not_told(desk: Desk) -> None:
    """Why a forge takes no commit status is a warning at its key, and no reason to call the service unwell."""
    desk.end_pass()
    is_ok = desk.reporter.healthz().is_ok
    desk.untold["other"] = "commit statuses are not told: it answered 401"

    health = desk.reporter.healthz()

    assert health.body["warnings"][-1] == {"key": "repositories[1].forge", "message": desk.untold["other"]}
    assert health.is_ok is is_ok


def test_health_shows_receivers_that_are_not_told(desk: Desk) -> None:
    """Why a receiver takes no notification is a warning at its key, and no reason to call the service unwell."""
    desk.end_pass()
    is_ok = desk.reporter.healthz().is_ok
    desk.unsent["notifications[2]"] = "notifications are not sent to chat: it answered 404"

    health = desk.reporter.healthz()

    assert {"key": "notifications[2]", "message": desk.unsent["notifications[2]"]} in health.body["warnings"]
    assert health.is_ok is is_ok


def test_the_pass_that_goes_on(desk: Desk) -> None:
    """A fabric shows which pass works on it, why, since when, and how far it is; nothing when none does."""
    assert desk.reporter.fabrics()["fabrics"][0]["current_pass"] is None
    desk.running["dc1"] = Running((Trigger.PUSH, Trigger.POLL), "p7", samples.NOON, Phase.APPLY)

    assert desk.reporter.fabrics()["fabrics"][0]["current_pass"] == {
        "id": "p7",
        "triggers": ["push", "poll"],
        "started": rfc3339(samples.NOON),
        "phase": "apply",
    }


async def test_followers_see_fabrics_as_the_list_has_them(desk: Desk) -> None:
    """Everything at first; a delivery that nobody proves is news, the mere passing of time is none."""
    desk.end_pass()
    with desk.reporter.follow(None) as following:
        first = await following.next()
        assert first is not None
        assert [json.loads(one.data) for one in first] == desk.reporter.fabrics()["fabrics"]
        for _ in range(10):
            desk.clock.advance(seconds=1)
            with anyio.move_on_after(1) as silence:
                await following.next()
            assert silence.cancelled_caught
        desk.reporter.received("github")
        (news,) = await following.next() or ()
        assert (news.kind, news.fabric) == (NewsKind.FABRIC, "dc1")


TOPOLOGY = {
    "fabric": "dc1",
    "nodes": [
        {
            "kind": "Switch",
            "name": "leaf-1",
            "row": "leaf",
            "role": "server-leaf",
            "description": "rack 1",
            "state": "changed",
            "health": {
                "status": "Unknown",
                "message": "the agents of this cluster are not known at the moment",
                "last_heartbeat": None,
            },
            "leafs": [],
        },
        {
            "kind": "Server",
            "name": "s1",
            "row": "server",
            "role": None,
            "description": None,
            "state": "missing",
            "health": None,
            "leafs": ["leaf-1"],
        },
    ],
    "links": [
        {
            "connection": "c1",
            "type": "unbundled",
            "state": "in_sync",
            "ends": [
                {"kind": "Switch", "name": "leaf-1", "port": "E1/1"},
                {"kind": "Server", "name": "s1", "port": "E1/1"},
            ],
        }
    ],
}


def test_topology(desk: Desk) -> None:
    """Each device has its state and health, each link the state of its connection; what no pass saw is unknown."""
    desk.store.record_pass(
        replace(
            samples.pass_result("p1"),
            objects=[
                ObjectState(ObjectKey("Switch", "default", "leaf-1"), SyncState.CHANGED),
                ObjectState(ObjectKey("Connection", "default", "c1"), SyncState.IN_SYNC),
            ],
        )
    )
    leaf, server = (
        LinkEnd(ObjectKey(kind, "default", name), "E1/1") for kind, name in (("Switch", "leaf-1"), ("Server", "s1"))
    )
    desk.topology = Topology(
        (
            Node(leaf.node, Row.LEAF, "server-leaf", "rack 1"),
            Node(server.node, Row.SERVER, is_missing=True, leafs=("leaf-1",)),
        ),
        (TopologyLink(ObjectKey("Connection", "default", "c1"), "unbundled", (leaf, server)),),
    )

    assert desk.reporter.topology("dc1") == TOPOLOGY
    assert desk.reporter.topology("nonesuch") is None
