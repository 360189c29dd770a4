"""Values as the JSON of the API. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.passes import SyncState
from reconciler.model.status import ConnectionState
from reconciler.plan.device_health import DeviceStatus
from reconciler.status.sync_status import sync_status
from reconciler.status.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from reconciler.model.fabric import Fabric
    from reconciler.model.json import JSONObject
    from reconciler.model.passes import FieldDifference, InventoryEntry, ObjectState, PassRecord
    from reconciler.model.problems import Problem
    from reconciler.model.requests import Request
    from reconciler.model.status import Condition, Connection, FabricRecord, LastPass, Suspension, WebhookRecord
    from reconciler.plan.device_health import DeviceHealth
    from reconciler.reconcile.progress import Running

MAX_PROBLEMS = 100
"""How many problems a fabric's answer holds; `problems_total` counts all."""

_CONNECTIONS = ("git", "cluster", "netbox")


def request_view(request: Request) -> JSONObject:
    return {
        "id": request.id,
        "fabric": request.fabric,
        "trigger": request.trigger.value,
        "accepted": rfc3339(request.accepted),
        "state": request.state.value,
        "outcome": request.outcome,
        "pass": request.pass_id,
        "revision": request.revision,
        "reason": request.reason,
        "message": request.message,
    }


def pass_view(record: PassRecord) -> JSONObject:
    return {
        "id": record.id,
        "fabric": record.fabric,
        "triggers": [trigger.value for trigger in record.triggers],
        "scope": None if record.scope is None else [str(key) for key in record.scope],
        "started": rfc3339(record.started),
        "finished": rfc3339(record.finished),
        "outcome": record.outcome.value,
        "reason": record.reason,
        "message": record.message,
        "revision": record.revision,
        "plan_hash": record.plan_hash,
        "phases": {phase.value: round(seconds, 4) for phase, seconds in record.phases.items()},
        "counts": record.counts,
        "failures": [
            {
                "phase": failure.phase.value,
                "subject": failure.subject,
                "reason": failure.reason,
                "message": failure.message,
                "retryable": failure.is_retryable,
            }
            for failure in record.failures
        ],
    }


def object_view(state: ObjectState, entry: InventoryEntry | None, health: DeviceHealth | None) -> JSONObject:
    """An object with when and from which revision it was applied last (null: never by us), and how it does what it was
    told (null: it is no device).
    """
    return {
        "kind": state.key.kind,
        "namespace": state.key.namespace,
        "name": state.key.name,
        "state": state.state.value,
        "since": rfc3339(state.since),
        "file": state.file,
        "reason": state.reason,
        "message": state.message,
        "differences": [
            {"path": d.path, "desired": d.desired, "observed": d.observed, "manager": d.manager}
            for d in state.differences
        ],
        "revision": entry.revision if entry else None,
        "last_applied": rfc3339(entry.applied) if entry else None,
        "health": health_view(health),
    }


def field_views(differences: Sequence[FieldDifference]) -> list[JSONObject]:
    """What differs; `manager` is who holds the field in the cluster."""
    return [
        {"path": one.path, "desired": one.desired, "observed": one.observed, "manager": one.manager}
        for one in differences
    ]


def health_view(health: DeviceHealth | None) -> JSONObject | None:
    if health is None:
        return None
    return {
        "status": health.status.value,
        "message": health.message,
        "last_heartbeat": rfc3339(health.last_heartbeat),
    }


def health_counts(found: Iterable[DeviceHealth]) -> dict[str, int]:
    """Devices by how they do what they were told."""
    counted = Counter(health.status for health in found)
    return {status.value: counted[status] for status in DeviceStatus}


def problem_view(problem: Problem) -> JSONObject:
    return {
        "file": problem.file,
        "document": problem.document,
        "line": problem.line,
        "field": problem.field,
        "rule": problem.rule,
        "message": problem.message,
        "severity": problem.severity.value,
    }


def fabric_view(
    fabric: Fabric,
    record: FabricRecord,
    webhook: JSONObject,
    *,
    now: datetime,
    is_reconciling: bool,
    suspension: Suspension | None = None,
) -> JSONObject:
    """One fabric, without `problems`, `kinds` and `netbox_drifted`: what a list of fabrics holds."""
    verdict = sync_status(fabric, record, now, suspension)
    is_polled = fabric.is_enabled and suspension is None
    return {
        "name": fabric.name,
        "repository": fabric.repository,
        "path": fabric.path,
        "enabled": fabric.is_enabled,
        "suspended": _suspension_view(suspension),
        "simulated": list(fabric.simulated),
        "sync_status": verdict.status.value,
        "reason": verdict.reason,
        "message": verdict.message,
        "reconciling": is_reconciling,
        "revision": record.applied_revision,
        "desired_revision": record.desired_revision,
        "last_attempted_revision": record.last_attempted_revision,
        "last_sync": rfc3339(record.last_sync),
        "next_poll": rfc3339(record.next_poll) if is_polled else None,
        "interval": record.effective_interval,
        "conditions": [condition_view(condition) for condition in record.conditions],
        "counts": total_counts(record),
        "drift": {
            "count": record.drift(),
            "netbox": record.netbox_drift,
            "since": rfc3339(record.drift_since),
        },
        "problems_total": record.problems_total,
        "waiting_in_raw": record.waiting_in_raw,
        "connections": {name: connection_view(fabric, name, record.connections.get(name)) for name in _CONNECTIONS},
        "webhook": webhook,
        "last_pass": _last_pass_view(record.last_pass),
    }


def progress_view(progress: tuple[int, int] | None) -> JSONObject | None:
    """How far a long mirror in NetBox has come."""
    return None if progress is None else {"phase": "netbox", "done": progress[0], "total": progress[1]}


def running_view(running: Running | None) -> JSONObject | None:
    """The pass that goes on, and the phase that it began last."""
    if running is None:
        return None
    return {
        "id": running.id,
        "triggers": [trigger.value for trigger in running.triggers],
        "started": rfc3339(running.started),
        "phase": running.phase.value,
    }


def _suspension_view(suspension: Suspension | None) -> JSONObject | None:
    if suspension is None:
        return None
    return {"since": rfc3339(suspension.since), "reason": suspension.reason, "by": suspension.by}


def fabric_details(record: FabricRecord) -> JSONObject:
    """What one fabric's answer holds beyond a list's."""
    kinds = sorted(record.states.keys() | record.observed.keys())
    return {
        "kinds": {kind: kind_counts(record, kind) for kind in kinds},
        "netbox_drifted": list(record.netbox_drifted),
        "problems": [problem_view(problem) for problem in record.problems[:MAX_PROBLEMS]],
    }


def condition_view(condition: Condition) -> JSONObject:
    return {
        "type": condition.type,
        "status": condition.status.value,
        "reason": condition.reason,
        "message": condition.message,
        "last_transition_time": rfc3339(condition.last_transition_time),
    }


def connection_view(fabric: Fabric, name: str, connection: Connection | None) -> JSONObject:
    state = ConnectionState.UNKNOWN if connection is None else connection.state
    if (name == "cluster" and fabric.cluster is None) or (name == "netbox" and fabric.netbox is None):
        state = ConnectionState.NOT_CONFIGURED
    return {
        "state": state.value,
        "since": rfc3339(connection.since) if connection else None,
        "last_ok": rfc3339(connection.last_ok) if connection else None,
        "last_error": connection.last_error if connection else None,
    }


def webhook_view(provider: str | None, webhook: WebhookRecord) -> JSONObject:
    """`provider` is None where the repository has no webhook: such a one cannot fall silent."""
    return {
        "provider": provider,
        "last_received": rfc3339(webhook.last_received),
        "last_verified": rfc3339(webhook.last_verified),
        "silent_since": rfc3339(webhook.silent_since) if provider else None,
    }


def silence(webhook: WebhookRecord) -> str | None:
    """What is wrong with a configured webhook whose repository's commits only polls find; None: nothing."""
    if webhook.last_unannounced is None:
        return None
    return (
        f"polls of repository {webhook.repository} found commits that no webhook announced, last {webhook.unannounced} "
        f"at {rfc3339(webhook.last_unannounced)}; last delivery {rfc3339(webhook.last_received) or 'never'}"
    )


_DECLARED = frozenset(SyncState) - {SyncState.CLUSTER_ONLY, SyncState.PRUNE_PENDING}


def kind_counts(record: FabricRecord, kind: str) -> dict[str, int]:
    """The counts of one kind: objects that Git declares, that the cluster holds, and by state."""
    states = record.states.get(kind, {})
    desired = sum(number for state, number in states.items() if state in _DECLARED)
    counts = {"desired": desired, "observed": record.observed.get(kind, 0)}
    return counts | {state.value: states.get(state, 0) for state in SyncState}


def total_counts(record: FabricRecord) -> dict[str, int]:
    """The counts over all kinds."""
    total = dict.fromkeys(("desired", "observed", *(state.value for state in SyncState)), 0)
    for kind in record.states.keys() | record.observed.keys():
        for name, number in kind_counts(record, kind).items():
            total[name] += number
    return total


def _last_pass_view(last: LastPass | None) -> JSONObject | None:
    if last is None:
        return None
    return {
        "id": last.id,
        "outcome": last.outcome.value,
        "triggers": list(last.triggers),
        "started": rfc3339(last.started),
        "finished": rfc3339(last.finished),
    }
