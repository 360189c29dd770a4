"""The sync status of a fabric: computed from its record, never stored. One function for every surface."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.passes import Outcome, SyncState
from reconciler.model.status import ConnectionState, FabricRecord, LastPass, SyncStatus
from reconciler.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from reconciler.model.fabric import Fabric
    from reconciler.model.status import Suspension


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sync status with its CamelCase reason and a sentence for people."""

    status: SyncStatus
    reason: str
    message: str


def sync_status(fabric: Fabric, record: FabricRecord, now: datetime, suspension: Suspension | None = None) -> Verdict:
    """The first rule that applies decides."""
    last = record.last_pass
    if not fabric.repository or not fabric.is_configured:
        return Verdict(SyncStatus.NOT_CONFIGURED, "NotConfigured", "the fabric has no repository, or no target")
    if not fabric.is_enabled:
        return Verdict(SyncStatus.DISABLED, "Disabled", "the fabric is disabled in the configuration")
    if suspension is not None:
        return Verdict(SyncStatus.DISABLED, "Suspended", _suspended(suspension))
    if last is None:
        return Verdict(SyncStatus.NEVER_SYNCED, "NeverSynced", "no pass has ended yet")
    for rule in (_error, _out_of_sync, _stale):
        verdict = rule(record, last, now)
        if verdict is not None:
            return verdict
    return Verdict(SyncStatus.IN_SYNC, last.reason, last.message)


def _suspended(suspension: Suspension) -> str:
    reason = f": {suspension.reason}" if suspension.reason else ""
    by = f" by {suspension.by}" if suspension.by else ""
    return f"the fabric is suspended since {rfc3339(suspension.since)}{by}{reason}"


def _error(record: FabricRecord, last: LastPass, _now: datetime) -> Verdict | None:
    if last.outcome in {Outcome.FAILED, Outcome.PARTIAL}:
        return Verdict(SyncStatus.ERROR, last.reason, last.message)
    for name, connection in record.connections.items():
        if connection.state is ConnectionState.FAILING:
            message = f"{name} has been failing: {connection.last_error}"
            return Verdict(SyncStatus.ERROR, "ConnectionFailing", message)
    return None


_PENDING: tuple[tuple[str, Callable[[FabricRecord], int], str, str], ...] = (
    ("Drifted", FabricRecord.differing, "object differs from Git", "objects differ from Git"),
    (
        "NetBoxDrifted",
        lambda record: record.netbox_drift,
        "record in NetBox was edited or deleted there, and is left so",
        "records in NetBox were edited or deleted there, and are left so",
    ),
    (
        "PrunePending",
        lambda record: record.count(SyncState.PRUNE_PENDING),
        "object is no longer in Git and may not be deleted: `reconciler plan {fabric}` names it, and why",
        "objects are no longer in Git and may not be deleted: `reconciler plan {fabric}` names them, and why",
    ),
    (
        "NetBoxPrunePending",
        lambda record: record.netbox_retained,
        "record in NetBox is no longer declared and may not be deleted",
        "records in NetBox are no longer declared and may not be deleted",
    ),
    ("RawPending", lambda record: record.waiting_in_raw, "file waits in raw/", "files wait in raw/"),
)
"""Reason, how many, and what is said of one and of several."""


def _out_of_sync(record: FabricRecord, last: LastPass, _now: datetime) -> Verdict | None:
    if last.outcome is Outcome.BLOCKED:
        return Verdict(SyncStatus.OUT_OF_SYNC, last.reason, last.message)
    for reason, count, one, many in _PENDING:
        number = count(record)
        if number:
            said = (one if number == 1 else many).format(fabric=record.name)
            return Verdict(SyncStatus.OUT_OF_SYNC, reason, f"{number} {said}")
    if record.desired_revision != record.applied_revision:
        message = f"{record.desired_revision} is known and not applied"
        return Verdict(SyncStatus.OUT_OF_SYNC, "RevisionPending", message)
    return None


def overdue_since(record: FabricRecord, now: datetime) -> datetime | None:
    """Since when the poll that was due is more than an interval late; None while it is not."""
    if record.next_poll is None:
        return None
    deadline = record.next_poll + timedelta(seconds=record.effective_interval)
    return deadline if now > deadline else None


def _stale(record: FabricRecord, _last: LastPass, now: datetime) -> Verdict | None:
    if overdue_since(record, now) is None:
        return None
    message = f"the poll due {record.next_poll:%Y-%m-%dT%H:%M:%SZ} is more than an interval late"
    return Verdict(SyncStatus.OUT_OF_SYNC, "Stale", message)
