"""A fabric's site in NetBox says how the fabric stands: when it is told, and that an outage of NetBox fails nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.netbox import Ref, SharedRecord
from reconciler.model.passes import Outcome, PassRecord, SyncState
from reconciler.model.requests import Trigger
from reconciler.model.status import Connection, ConnectionState, FabricRecord, LastPass
from reconciler.status.site_status import SiteStatus
from reconciler.targets.local.faults_netbox import FaultyNetBox
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.targets.local.netbox import LocalNetBox

if TYPE_CHECKING:
    from reconciler.model.netbox_site import SiteValue
    from reconciler.model.status import Suspension

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OURS, OTHER = "a" * 16, "b" * 16
SITE = SharedRecord(Ref("dcim/sites", "dc1"), {"name": "dc1", "slug": "dc1"})
PASS = PassRecord(
    "p1", "dc1", (Trigger.PUSH,), NOON, NOON, Outcome.SUCCEEDED, "Succeeded", "all is applied", "main@sha1:1"
)
LAST = LastPass("p1", Outcome.SUCCEEDED, ("push",), NOON, NOON, "Succeeded", "all is applied")
RECORD = FabricRecord(
    "dc1",
    desired_revision="main@sha1:1",
    applied_revision="main@sha1:1",
    last_sync=NOON,
    last_pass=LAST,
    next_poll=NOON + timedelta(hours=1),
    effective_interval=3600.0,
    connections={"netbox": Connection(ConnectionState.OK)},
)


@dataclass
class Scene:
    """A fabric with a NetBox, and what is known of it. It is the memory and the clock too."""

    record: FabricRecord = RECORD
    time: datetime = NOON
    policy: NetBoxPolicy = NetBoxPolicy("dc1", installation=OURS)  # noqa: RUF009 - a frozen value
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)

    def __post_init__(self) -> None:
        self.netbox = FaultyNetBox(LocalNetBox(self.documents, "dc1"))
        self.status = SiteStatus(self, self)

    def fabric(self, _name: str) -> FabricRecord:
        return self.record

    def suspension(self, _fabric: str) -> Suspension | None:
        return None

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    def end_pass(self, *triggers: Trigger, netbox: bool = True) -> list[str]:
        """A pass ends; which methods of NetBox are called for it."""
        self.netbox.calls.clear()
        fabric = Fabric("dc1", "gitops", "main", "dc1", cluster=ClusterPolicy(), netbox=self.policy)
        given = self.netbox if netbox else None
        self.status.pass_ended(fabric, given, replace(PASS, triggers=triggers or (Trigger.PUSH,)))
        return list(self.netbox.calls)

    def said(self) -> dict[str, SiteValue]:
        site = self.netbox.site("dc1")
        assert site is not None
        return dict(site.fields)

    def journal(self) -> list[tuple[str, str]]:
        rows = self.documents.load("netbox:dc1").items()
        entries = [body["fields"] for name, body in rows if name.startswith("extras/journal-entries/")]
        return [(entry["kind"], entry["comments"]) for entry in entries]


@pytest.fixture
def scene() -> Scene:
    """A site that is prepared and says nothing yet."""
    scene = Scene()
    scene.netbox.create_shared([SITE])
    scene.netbox.prepare_sites()
    return scene


def test_a_first_pass_is_told(scene: Scene) -> None:
    """The site says all that it can say, whose it is, and the journal tells of the status."""
    assert scene.end_pass() == ["site", "write_site", "note"]

    assert scene.said() == {
        "hh_sync_status": "in_sync",
        "hh_revision": "main@sha1:1",
        "hh_last_sync": "2026-03-01T12:00:00.000Z",
        "hh_drift": 0,
        "hh_valid_until": "2026-03-01T14:00:00.000Z",
        "hh_installation": OURS,
    }
    assert scene.journal() == [("info", "Sync status is in_sync. Succeeded: all is applied")]


def test_a_pass_without_change_asks_nothing(scene: Scene) -> None:
    """Where only times moved NetBox is left alone, but by the poll's pass, and once what it says is over."""
    scene.end_pass()
    scene.record = replace(RECORD, last_sync=NOON + timedelta(minutes=5), next_poll=NOON + timedelta(hours=2))

    assert scene.end_pass(Trigger.REQUEST) == []
    assert scene.end_pass(Trigger.POLL) == ["site", "write_site"]
    assert scene.said()["hh_valid_until"] == "2026-03-01T15:00:00.000Z"
    scene.time, scene.record = NOON + timedelta(hours=4), replace(scene.record, next_poll=NOON + timedelta(hours=5))
    assert scene.end_pass(Trigger.STARTUP) == ["site", "write_site"]


def test_drift_is_told(scene: Scene) -> None:
    """Drift changes number and status; the journal says what it was before."""
    scene.end_pass()
    scene.record = replace(RECORD, states={"VPC": {SyncState.CHANGED: 2}})

    assert scene.end_pass(Trigger.WATCH) == ["site", "write_site", "note"]

    assert (scene.said()["hh_sync_status"], scene.said()["hh_drift"]) == ("out_of_sync", 2)
    assert scene.journal()[1] == (
        "warning",
        "Sync status is out_of_sync (was in_sync). Drifted: 2 objects differ from Git",
    )


def test_a_restart_repeats_nothing(scene: Scene) -> None:
    """A service that does not know what the site says asks it, and writes nothing that it says already."""
    scene.end_pass()
    scene.status = SiteStatus(scene, scene)

    assert scene.end_pass() == ["site"]
    assert scene.end_pass() == []


@pytest.mark.parametrize("method", ["site", "write_site", "note"])
def test_a_netbox_that_is_down(scene: Scene, method: str) -> None:
    """What cannot be told is logged, and told with the next pass."""
    scene.netbox.fail(method)

    with capture_logs() as logs:
        scene.end_pass()

    assert [(line["event"], line["reason"]) for line in logs] == [("status not shown in NetBox", "NetBoxUnavailable")]
    scene.end_pass()
    assert scene.said()["hh_sync_status"] == "in_sync"


@pytest.mark.parametrize("connections", [{}, {"netbox": Connection(ConnectionState.FAILING, last_error="down")}])
def test_a_netbox_that_the_pass_did_not_reach(scene: Scene, connections: dict[str, Connection]) -> None:
    """It is not asked again: the pass has waited for it long enough."""
    scene.record = replace(RECORD, connections=connections)

    assert scene.end_pass() == []


def test_a_site_of_another_installation(scene: Scene) -> None:
    """Its status is the other one's to tell, unless the site is taken over."""
    site = scene.netbox.site("dc1")
    assert site is not None
    scene.netbox.write_site(site, {"hh_installation": OTHER})

    assert scene.end_pass() == ["site"]
    scene.policy = replace(scene.policy, take_over=True)
    assert scene.end_pass() == ["site", "write_site", "note"]
    assert scene.said()["hh_installation"] == OURS


def test_a_site_that_cannot_say_it() -> None:
    """A site that does not exist, or lacks the custom fields, is left alone."""
    scene = Scene()
    assert scene.end_pass() == ["site"]
    scene.netbox.create_shared([SITE])

    assert scene.end_pass() == ["site"]
    assert scene.said() == {}


def test_a_fabric_without_netbox(scene: Scene) -> None:
    """There is nobody to tell."""
    assert scene.end_pass(netbox=False) == []


def test_another_site(scene: Scene) -> None:
    """What one site says is not taken for what another one does; nor is anything once the fabric was forgotten."""
    scene.end_pass()
    scene.policy = replace(scene.policy, site="dc2")
    assert scene.end_pass() == ["site"]
    scene.policy = replace(scene.policy, site="dc1")
    scene.end_pass()
    scene.status.forget("dc1")

    assert scene.end_pass() == ["site"]
