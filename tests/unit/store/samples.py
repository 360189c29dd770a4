"""Values to store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.model.objects import ObjectKey
from reconciler.model.passes import (
    Failure,
    FieldDifference,
    InventoryEntry,
    ObjectState,
    Outcome,
    PassRecord,
    Phase,
    SyncState,
)
from reconciler.model.problems import Problem, Severity
from reconciler.model.requests import Delivery, Request, RequestState, Trigger
from reconciler.model.status import (
    Condition,
    ConditionStatus,
    Connection,
    ConnectionState,
    FabricRecord,
    LastPass,
    PassResult,
)

NOON = datetime(2026, 3, 1, 12, 0, 0, 250, tzinfo=UTC)
COMMITS = ["a" * 40, "b" * 40, "c" * 40]
REVISIONS = [f"main@sha1:{commit}" for commit in COMMITS]


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOON).total_seconds()

    def advance(self, **units: float) -> None:
        self.time += timedelta(**units)


def key(name: str, kind: str = "VPC") -> ObjectKey:
    return ObjectKey(kind, "default", name)


def request(request_id: str, fabric: str = "dc1", commit: str | None = None, state: str = "queued") -> Request:
    return Request(
        id=request_id,
        fabric=fabric,
        trigger=Trigger.PUSH,
        accepted=NOON,
        state=RequestState(state),
        commit=commit,
        revision=f"main@sha1:{commit}" if commit else None,
    )


def delivery(delivery_id: str, provider: str = "github") -> Delivery:
    return Delivery(provider, delivery_id, "push", ref="refs/heads/main", commit=COMMITS[0])


def entry(name: str, **changes: str) -> InventoryEntry:
    paths = frozenset({".spec.ipv4Namespace", ".spec.subnets.a.vlan"})
    return InventoryEntry(key(name), f"uid-{name}", "0" * 64, paths, changes.get("revision", REVISIONS[0]), NOON)


def object_state(name: str, state: SyncState = SyncState.IN_SYNC) -> ObjectState:
    differences = (FieldDifference(".spec.subnets.a.vlan", 1001, {"was": [1, "x", None, 1.5, True]}, "kubectl"),)
    return ObjectState(key(name), state, "dc1/vpcs.yaml", "Drifted", "the VLAN differs", differences)


def pass_record(pass_id: str, fabric: str = "dc1", finished: datetime = NOON) -> PassRecord:
    return PassRecord(
        id=pass_id,
        fabric=fabric,
        triggers=(Trigger.PUSH, Trigger.POLL),
        started=finished - timedelta(seconds=3),
        finished=finished,
        outcome=Outcome.PARTIAL,
        reason="Conflict",
        message="1 object is in conflict",
        revision=REVISIONS[0],
        plan_hash="f" * 64,
        phases={Phase.FETCH: 0.25, Phase.APPLY: 1.5},
        counts={"applied": 3},
        failures=(Failure(Phase.APPLY, "VPC/a", "Conflict", "kubectl owns .spec", is_retryable=True),),
    )


def fabric_record(name: str = "dc1", desired: str | None = REVISIONS[0], last: str = "p1") -> FabricRecord:
    return FabricRecord(
        name=name,
        desired_revision=desired,
        last_attempted_revision=REVISIONS[0],
        applied_revision=REVISIONS[0],
        tree="d" * 40,
        last_sync=NOON,
        last_pass=LastPass(last, Outcome.SUCCEEDED, ("push",), NOON, NOON, "Succeeded", "done"),
        next_poll=NOON,
        effective_interval=60.0,
        failures=2,
        conditions=(Condition("Ready", ConditionStatus.TRUE, "Succeeded", "in sync", NOON),),
        connections={"git": Connection(ConnectionState.FAILING, NOON, None, "connection refused")},
        states={"VPC": {SyncState.IN_SYNC: 2, SyncState.FAILED: 1}},
        observed={"VPC": 3},
        drift_since=NOON,
        waiting_in_raw=4,
        problems=(Problem("dc1/a.yaml", 1, 7, "spec.vlan", "Type", "not a number", Severity.WARNING, key("a")),),
        problems_total=1,
    )


def pass_result(name: str = "p1", fabric: str = "dc1", finished: datetime = NOON) -> PassResult:
    return PassResult(pass_record(name, fabric, finished), fabric_record(fabric, last=name))
