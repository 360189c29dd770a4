"""The sync status: every value, every rule, every boundary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.passes import Outcome, SyncState
from reconciler.model.status import Connection, ConnectionState, FabricRecord, LastPass, Suspension, SyncStatus
from reconciler.status.sync_status import sync_status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMIT = f"main@sha1:{'a' * 40}"
NEWER = f"main@sha1:{'b' * 40}"
FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy())


def _last(outcome: Outcome, reason: str = "Because") -> LastPass:
    return LastPass("p1", outcome, ("push",), NOW, NOW, reason, "a sentence")


SYNCED = FabricRecord(
    "dc1",
    desired_revision=COMMIT,
    last_attempted_revision=COMMIT,
    applied_revision=COMMIT,
    last_sync=NOW,
    last_pass=_last(Outcome.SUCCEEDED, "Succeeded"),
    next_poll=NOW,
    effective_interval=300.0,
    connections={"git": Connection(ConnectionState.OK), "cluster": Connection(ConnectionState.OK)},
)


def _failing(name: str) -> dict[str, Connection]:
    return {**SYNCED.connections, name: Connection(ConnectionState.FAILING, last_error="no route")}


@pytest.mark.parametrize(
    ("fabric", "record", "status", "reason"),
    [
        pytest.param({"repository": ""}, {}, "not_configured", "NotConfigured", id="no repository"),
        pytest.param({"cluster": None}, {}, "not_configured", "NotConfigured", id="neither cluster nor NetBox"),
        pytest.param(
            {"cluster": None, "is_enabled": False}, {}, "not_configured", "NotConfigured", id="before disabled"
        ),
        pytest.param(
            {"cluster": None, "netbox": NetBoxPolicy("dc1")}, {}, "in_sync", "Succeeded", id="NetBox alone is enough"
        ),
        pytest.param({"is_enabled": False}, {}, "disabled", "Disabled", id="disabled"),
        pytest.param(
            {"is_enabled": False}, {"last_pass": None}, "disabled", "Disabled", id="disabled before never synced"
        ),
        pytest.param({}, {"last_pass": None}, "never_synced", "NeverSynced", id="no pass has ended"),
        pytest.param(
            {}, {"last_pass": None, "desired_revision": NEWER}, "never_synced", "NeverSynced", id="never, but pushed"
        ),
        pytest.param({}, {"last_pass": _last(Outcome.FAILED)}, "error", "Because", id="failed"),
        pytest.param({}, {"last_pass": _last(Outcome.PARTIAL)}, "error", "Because", id="partial"),
        pytest.param({}, {"connections": _failing("git")}, "error", "ConnectionFailing", id="git fails since"),
        pytest.param({}, {"connections": _failing("cluster")}, "error", "ConnectionFailing", id="cluster fails since"),
        pytest.param({}, {"connections": _failing("netbox")}, "error", "ConnectionFailing", id="netbox fails since"),
        pytest.param(
            {},
            {"connections": {"git": Connection(ConnectionState.UNKNOWN)}},
            "in_sync",
            "Succeeded",
            id="unknown is not failing",
        ),
        pytest.param({}, {"last_pass": _last(Outcome.BLOCKED)}, "out_of_sync", "Because", id="blocked"),
        pytest.param({}, {"states": {"VPC": {SyncState.CHANGED: 1}}}, "out_of_sync", "Drifted", id="drift"),
        pytest.param({}, {"netbox_drift": 2}, "out_of_sync", "NetBoxDrifted", id="drift in NetBox"),
        pytest.param(
            {}, {"states": {"VPC": {SyncState.PRUNE_PENDING: 2}}}, "out_of_sync", "PrunePending", id="prune pending"
        ),
        pytest.param({}, {"waiting_in_raw": 1}, "out_of_sync", "RawPending", id="raw"),
        pytest.param({}, {"desired_revision": NEWER}, "out_of_sync", "RevisionPending", id="a newer commit is known"),
        pytest.param(
            {},
            {"last_pass": _last(Outcome.FAILED), "waiting_in_raw": 1, "desired_revision": NEWER},
            "error",
            "Because",
            id="error before out of sync",
        ),
        pytest.param(
            {}, {"states": {"VPC": {SyncState.CLUSTER_ONLY: 9}}}, "in_sync", "Succeeded", id="others' objects"
        ),
        pytest.param({}, {"last_pass": _last(Outcome.NO_CHANGE, "NoChange")}, "in_sync", "NoChange", id="no change"),
        pytest.param({}, {"next_poll": None}, "in_sync", "Succeeded", id="poll not scheduled yet"),
        pytest.param({}, {"next_poll": NOW + timedelta(hours=1)}, "in_sync", "Succeeded", id="poll in the future"),
        pytest.param({}, {"next_poll": NOW - timedelta(seconds=300)}, "in_sync", "Succeeded", id="an interval late"),
        pytest.param(
            {},
            {"next_poll": NOW - timedelta(seconds=300, microseconds=1)},
            "out_of_sync",
            "Stale",
            id="more than an interval late",
        ),
        pytest.param(
            {},
            {"next_poll": NOW - timedelta(seconds=3000), "effective_interval": 3600.0},
            "in_sync",
            "Succeeded",
            id="late within a longer interval",
        ),
    ],
)
def test_rules(fabric: dict[str, Any], record: dict[str, Any], status: str, reason: str) -> None:
    """The first rule that applies decides, with its reason."""
    verdict = sync_status(replace(FABRIC, **fabric), replace(SYNCED, **record), NOW)

    assert (verdict.status, verdict.reason) == (SyncStatus(status), reason)
    assert verdict.message


@pytest.mark.parametrize(("number", "named"), [(1, "names it"), (2, "names them")])
def test_what_names_objects_that_stay(number: int, named: str) -> None:
    """The next step is said with the fabric's name."""
    record = replace(SYNCED, states={"VPC": {SyncState.PRUNE_PENDING: number}})

    message = sync_status(FABRIC, record, NOW).message

    assert message.startswith(f"{number} object")
    assert message.endswith(f"`reconciler plan {record.name}` {named}, and why")


def test_a_failing_connection_is_named() -> None:
    """The message of a failing connection says which one, and its last error."""
    verdict = sync_status(FABRIC, replace(SYNCED, connections=_failing("netbox")), NOW)

    assert verdict.message == "netbox has been failing: no route"


@pytest.mark.parametrize(
    ("fabric", "record", "reason"),
    [
        pytest.param({}, {}, "Suspended", id="before in sync"),
        pytest.param({}, {"last_pass": None}, "Suspended", id="before never synced"),
        pytest.param({}, {"last_pass": _last(Outcome.FAILED)}, "Suspended", id="before error"),
        pytest.param({"is_enabled": False}, {}, "Disabled", id="after disabled"),
        pytest.param({"cluster": None}, {}, "NotConfigured", id="after not configured"),
    ],
)
def test_suspended(fabric: dict[str, Any], record: dict[str, Any], reason: str) -> None:
    """A suspended fabric is disabled, whatever is known of it."""
    verdict = sync_status(replace(FABRIC, **fabric), replace(SYNCED, **record), NOW, Suspension(NOW, "cabling"))

    assert verdict.reason == reason
    assert (verdict.status is SyncStatus.NOT_CONFIGURED) == (reason == "NotConfigured")


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("cabling", "the fabric is suspended since 2026-03-01T12:00:00.000Z: cabling"),
        (None, "the fabric is suspended since 2026-03-01T12:00:00.000Z"),
    ],
)
def test_why_it_is_suspended(reason: str | None, message: str) -> None:
    """The message says since when, and why where somebody said it."""
    assert sync_status(FABRIC, SYNCED, NOW, Suspension(NOW, reason)).message == message


def test_who_suspended_it() -> None:
    """The message names whoever did, where that was said."""
    message = sync_status(FABRIC, SYNCED, NOW, Suspension(NOW, "cabling", "ann")).message

    assert message == "the fabric is suspended since 2026-03-01T12:00:00.000Z by ann: cabling"


@pytest.mark.parametrize(
    ("changes", "one", "two"),
    [
        ("states", "1 object differs from Git", "2 objects differ from Git"),
        (
            "netbox_drift",
            "1 record in NetBox was edited or deleted there, and is left so",
            "2 records in NetBox were edited or deleted there, and are left so",
        ),
        ("waiting_in_raw", "1 file waits in raw/", "2 files wait in raw/"),
    ],
)
def test_one_and_several(changes: str, one: str, two: str) -> None:
    """Grammar follows the number."""
    told = []
    for number in (1, 2):
        value: Any = {"VPC": {SyncState.CHANGED: number}} if changes == "states" else number
        told.append(sync_status(FABRIC, replace(SYNCED, **{changes: value}), NOW).message)

    assert told == [one, two]


def test_a_change_that_waits_is_no_drift_and_not_in_sync() -> None:
    """What Git changed and nobody approved differs all the same."""
    record = replace(SYNCED, states={"VPC": {SyncState.CHANGED: 1}}, not_applied=1)

    assert (record.drift(), sync_status(FABRIC, record, NOW).status) == (0, "out_of_sync")
