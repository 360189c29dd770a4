"""The JSON of the API: exactly the keys that are promised, and every value where it belongs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.passes import SyncState
from reconciler.model.problems import Problem
from reconciler.model.requests import RequestState
from reconciler.model.status import Connection, ConnectionState, FabricRecord, Suspension, WebhookRecord
from reconciler.plan.device_health import DeviceHealth, DeviceStatus
from reconciler.status import views
from tests.unit.store import samples

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.json import JSONObject

NOON = "2026-03-01T12:00:00.000Z"
FABRIC = Fabric(
    "dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy(), netbox=NetBoxPolicy("dc1"), simulated=("netbox",)
)
ALL_STATES = {state.value for state in SyncState}


def _view(record: FabricRecord, fabric: Fabric = FABRIC, *, is_reconciling: bool = False) -> JSONObject:
    webhook = views.webhook_view("github", WebhookRecord("gitops"))
    view = views.fabric_view(fabric, record, webhook, now=samples.NOON, is_reconciling=is_reconciling)
    assert json.loads(json.dumps(view)) == view
    return view


def test_a_fabric() -> None:
    """A fabric's answer holds what the record says, under the promised names."""
    view = _view(samples.fabric_record(), is_reconciling=True)

    revision = samples.REVISIONS[0]
    counts = view.pop("counts")
    assert view == {
        "name": "dc1",
        "repository": "gitops",
        "path": "fabrics/dc1",
        "enabled": True,
        "suspended": None,
        "simulated": ["netbox"],
        "sync_status": "error",
        "reason": "ConnectionFailing",
        "message": "git has been failing: connection refused",
        "reconciling": True,
        "revision": revision,
        "desired_revision": revision,
        "last_attempted_revision": revision,
        "last_sync": NOON,
        "next_poll": NOON,
        "interval": 60.0,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Succeeded",
                "message": "in sync",
                "last_transition_time": NOON,
            }
        ],
        "drift": {"count": 0, "netbox": 0, "since": NOON},
        "problems_total": 1,
        "waiting_in_raw": 4,
        "connections": {
            "git": {"state": "failing", "since": NOON, "last_ok": None, "last_error": "connection refused"},
            "cluster": {"state": "unknown", "since": None, "last_ok": None, "last_error": None},
            "netbox": {"state": "unknown", "since": None, "last_ok": None, "last_error": None},
        },
        "webhook": {"provider": "github", "last_received": None, "last_verified": None, "silent_since": None},
        "last_pass": {
            "id": "p1",
            "outcome": "succeeded",
            "triggers": ["push"],
            "started": NOON,
            "finished": NOON,
        },
    }
    assert counts == dict.fromkeys(ALL_STATES, 0) | {"desired": 3, "observed": 3, "in_sync": 2, "failed": 1}


def test_a_fabric_that_was_never_reconciled() -> None:
    """Before the first pass there is no revision and no time, and all counts are 0."""
    view = _view(FabricRecord("dc1"))

    assert (view["sync_status"], view["reason"]) == ("never_synced", "NeverSynced")
    absent = ("revision", "desired_revision", "last_attempted_revision", "last_sync", "next_poll", "last_pass")
    assert [view[name] for name in absent] == [None] * len(absent)
    assert view["counts"] == dict.fromkeys(ALL_STATES | {"desired", "observed"}, 0)
    assert view["conditions"] == []
    assert view["reconciling"] is False


def test_details() -> None:
    """One fabric's answer adds the counts of each kind and the problems with their places."""
    record = replace(samples.fabric_record(), observed={"VPC": 3, "Switch": 7})

    details = views.fabric_details(record)

    assert list(details["kinds"]) == ["Switch", "VPC"]
    assert details["kinds"]["Switch"] == dict.fromkeys(ALL_STATES, 0) | {"desired": 0, "observed": 7}
    assert details["kinds"]["VPC"]["failed"] == 1
    assert details["problems"] == [
        {
            "file": "dc1/a.yaml",
            "document": 1,
            "line": 7,
            "field": "spec.vlan",
            "rule": "Type",
            "message": "not a number",
            "severity": "warning",
        }
    ]


def test_problems_are_bounded() -> None:
    """An answer holds the first 100 problems; the total says that there are more."""
    problems = tuple(Problem("a.yaml", number, 1, "", "Type", "bad") for number in range(150))
    record = replace(samples.fabric_record(), problems=problems, problems_total=2000)

    assert [problem["document"] for problem in views.fabric_details(record)["problems"]] == list(range(100))
    assert _view(record)["problems_total"] == 2000


@pytest.mark.parametrize(
    ("state", "is_desired"),
    [
        pytest.param(state, state not in {SyncState.CLUSTER_ONLY, SyncState.PRUNE_PENDING}, id=state.value)
        for state in SyncState
    ],
)
def test_what_counts_as_desired(state: SyncState, is_desired: bool) -> None:  # noqa: FBT001 - a column of the table
    """Git declares every object but those that only the cluster holds."""
    record = FabricRecord("dc1", states={"VPC": {state: 4}, "Switch": {state: 3}}, observed={"VPC": 2})

    counts = views.total_counts(record)

    assert counts["desired"] == (7 if is_desired else 0)
    assert counts[state.value] == 7
    assert counts["observed"] == 2


@pytest.mark.parametrize(
    ("name", "fabric", "connection", "expected"),
    [
        pytest.param("git", {}, None, "unknown", id="never contacted"),
        pytest.param("git", {}, Connection(ConnectionState.OK), "ok", id="ok"),
        pytest.param("cluster", {}, Connection(ConnectionState.FAILING), "failing", id="failing"),
        pytest.param("cluster", {"cluster": None}, None, "not_configured", id="no cluster"),
        pytest.param("netbox", {"netbox": None}, None, "not_configured", id="no NetBox"),
        pytest.param(
            "netbox", {"netbox": None}, Connection(ConnectionState.FAILING), "not_configured", id="no NetBox any more"
        ),
    ],
)
def test_connections(name: str, fabric: dict[str, Any], connection: Connection | None, expected: str) -> None:
    """A connection that was never tried is unknown; one that is not configured says so, whatever was before."""
    view = views.connection_view(replace(FABRIC, **fabric), name, connection)

    assert view["state"] == expected


def test_webhook() -> None:
    """A repository's webhook says who sends it and when it last worked; without one there is no provider."""
    seen = WebhookRecord("gitops", last_received=samples.NOON, last_verified=samples.NOON)

    assert views.webhook_view("github", seen) == {
        "provider": "github",
        "last_received": NOON,
        "last_verified": NOON,
        "silent_since": None,
    }
    assert views.webhook_view(None, WebhookRecord("gitops"))["provider"] is None


SILENT = WebhookRecord("gitops", samples.NOON, samples.NOON, samples.NOON, samples.NOON, samples.REVISIONS[1])


def test_a_silent_webhook() -> None:
    """A webhook says since when polls find what it did not announce; a repository without one has nothing to say."""
    assert views.webhook_view("github", SILENT)["silent_since"] == NOON
    assert views.webhook_view(None, SILENT)["silent_since"] is None


@pytest.mark.parametrize(("received", "said"), [(samples.NOON, NOON), (None, "never")])
def test_what_is_said_of_a_silent_webhook(received: datetime | None, said: str) -> None:
    """The warning names the repository, the last commit that was found and when, and the last delivery."""
    assert views.silence(replace(SILENT, last_received=received)) == (
        "polls of repository gitops found commits that no webhook announced, "
        f"last {samples.REVISIONS[1]} at {NOON}; last delivery {said}"
    )
    assert views.silence(WebhookRecord("gitops", received)) is None


@pytest.mark.parametrize("reason", ["cabling", None])
def test_a_suspended_fabric(reason: str | None) -> None:
    """A suspended fabric says since when and why, is not polled, and is disabled."""
    webhook = views.webhook_view("github", WebhookRecord("gitops"))
    suspension = Suspension(samples.NOON, reason, "ann")

    view = views.fabric_view(
        FABRIC, samples.fabric_record(), webhook, now=samples.NOON, is_reconciling=False, suspension=suspension
    )

    assert view["suspended"] == {"since": NOON, "reason": reason, "by": "ann"}
    assert (view["sync_status"], view["reason"], view["next_poll"]) == ("disabled", "Suspended", None)


def test_a_disabled_fabric_is_not_polled() -> None:
    """What was planned for a fabric before it was disabled is no plan any more."""
    assert _view(samples.fabric_record(), replace(FABRIC, is_enabled=False))["next_poll"] is None


def test_a_request() -> None:
    """A request's answer names its fabric, its state, and once it has ended the pass that answered it."""
    request = replace(
        samples.request("r1", commit=samples.COMMITS[0]),
        state=RequestState.SUCCEEDED,
        outcome="succeeded",
        pass_id="p1",
        reason="Succeeded",
        message="applied",
    )

    assert views.request_view(request) == {
        "id": "r1",
        "fabric": "dc1",
        "trigger": "push",
        "accepted": NOON,
        "state": "succeeded",
        "outcome": "succeeded",
        "pass": "p1",
        "revision": samples.REVISIONS[0],
        "reason": "Succeeded",
        "message": "applied",
    }


def test_a_pass() -> None:
    """A pass's answer holds its times by phase, its counts, and every failure with its phase and subject."""
    view = views.pass_view(samples.pass_record("p1"))

    assert view == {
        "id": "p1",
        "fabric": "dc1",
        "triggers": ["push", "poll"],
        "scope": None,
        "started": "2026-03-01T11:59:57.000Z",
        "finished": NOON,
        "outcome": "partial",
        "reason": "Conflict",
        "message": "1 object is in conflict",
        "revision": samples.REVISIONS[0],
        "plan_hash": "f" * 64,
        "phases": {"fetch": 0.25, "apply": 1.5},
        "counts": {"applied": 3},
        "failures": [
            {
                "phase": "apply",
                "subject": "VPC/a",
                "reason": "Conflict",
                "message": "kubectl owns .spec",
                "retryable": True,
            }
        ],
    }


def test_a_pass_over_some_objects() -> None:
    """A pass with a scope names the objects that it was asked to look at."""
    record = replace(samples.pass_record("p1"), scope=(samples.key("a"), samples.key("leaf-1", "Switch")))

    assert views.pass_view(record)["scope"] == ["VPC/a", "Switch/leaf-1"]


def test_an_object() -> None:
    """An object's answer holds its identity, state and file, when and from what it was applied last, how its device
    does, and each field that differs with both values.
    """
    health = DeviceHealth(DeviceStatus.PROGRESSING, "m", samples.NOON)
    state = replace(samples.object_state("a", SyncState.CHANGED), since=samples.NOON)
    assert views.object_view(state, samples.entry("a"), health) == {
        "kind": "VPC",
        "namespace": "default",
        "name": "a",
        "state": "changed",
        "since": "2026-03-01T12:00:00.000Z",
        "file": "dc1/vpcs.yaml",
        "reason": "Drifted",
        "message": "the VLAN differs",
        "differences": [
            {
                "path": ".spec.subnets.a.vlan",
                "desired": 1001,
                "observed": {"was": [1, "x", None, 1.5, True]},
                "manager": "kubectl",
            }
        ],
        "revision": samples.REVISIONS[0],
        "last_applied": "2026-03-01T12:00:00.000Z",
        "health": {"status": "Progressing", "message": "m", "last_heartbeat": "2026-03-01T12:00:00.000Z"},
    }


def test_an_object_that_was_never_applied() -> None:
    """Nothing is said of an apply, nor of health where there is no device."""
    found = views.object_view(samples.object_state("a"), None, None)

    assert (found["revision"], found["last_applied"], found["health"]) == (None, None, None)
