"""What the API tells of a fabric, with every field filled and every kind of state in it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

T1, T2 = "2026-01-01T00:00:00Z", "2026-01-01T00:00:01.500Z"
NOW = 1767225720.0
"""Unix seconds, two minutes after T1."""
COMMIT = "0123456789" * 4
NEWER = "abcdef0123" * 4
HASH = "abcdef012345" + "6" * 52

_STATES = ["in_sync", "changed", "desired_only", "cluster_only", "prune_pending", "failed", "waiting", "unknown"]
_COUNTS = {"desired": 7, "observed": 6} | dict.fromkeys(_STATES, 1)
_FIELD = {"path": ".spec.subnets.a.vlan", "desired": 1001, "observed": "1002", "manager": "kubectl-edit"}
_PROBLEM = {
    "file": "fabrics/dc1/vpcs/vpc-1.yaml",
    "document": 0,
    "line": 7,
    "field": "spec.vlan",
    "rule": "schema",
    "message": "must be a number",
    "severity": "error",
}


def fabric(**changes: object) -> JSONObject:
    connection = {"state": "ok", "since": T1, "last_ok": T2, "last_error": None}
    view: JSONObject = {
        "path": "fabrics/dc1",
        "simulated": ["cluster"],
        "sync_status": "out_of_sync",
        "reason": "Drifted",
        "message": f"1 object drifted from main@sha1:{COMMIT}",
        "reconciling": True,
        "current_pass": {"id": "p2", "triggers": ["push"], "started": T1, "phase": "netbox"},
        "progress": {"phase": "netbox", "done": 30, "total": 120},
        "revision": f"main@sha1:{COMMIT}",
        "desired_revision": f"main@sha1:{NEWER}",
        "last_attempted_revision": f"main@sha1:{COMMIT}",
        "last_sync": T1,
        "next_poll": "2026-01-01T01:00:00Z",
        "interval": 3600.0,
        "conditions": [
            {"type": kind, "status": status, "reason": "Why", "message": f"about {kind}", "last_transition_time": T1}
            for kind, status in [("Ready", "False"), ("Reconciling", "True"), ("Stalled", "False"), ("Odd", "Unknown")]
        ],
        "counts": dict(_COUNTS),
        "kinds": {"VPC": dict(_COUNTS), "Gateway": dict.fromkeys(_COUNTS, 0)},
        "drift": {"count": 1, "netbox": 2, "since": T1},
        "netbox_drifted": ["dcim.device leaf-1"],
        "problems": [dict(_PROBLEM)],
        "problems_total": 3,
        "waiting_in_raw": 1,
        "connections": {
            "git": dict(connection),
            "cluster": connection | {"state": "failing", "last_error": "refused"},
            "netbox": connection | {"state": "not_configured", "since": None, "last_ok": None},
        },
        "webhook": {"provider": "github", "last_received": T1, "last_verified": T1, "silent_since": T2},
        "last_pass": {"id": "p1", "outcome": "partial", "triggers": ["push"], "started": T1, "finished": T2},
        "health": {"Healthy": 4, "Progressing": 0, "Degraded": 1, "Unknown": 0},
    }
    return view | changes


def resource(name: str = "vpc-1", kind: str = "VPC", state: str = "changed", **changes: object) -> JSONObject:
    view: JSONObject = {
        "kind": kind,
        "namespace": "default",
        "name": name,
        "state": state,
        "since": T1,
        "file": f"fabrics/dc1/vpcs/{name}.yaml",
        "reason": "Drifted",
        "message": "somebody changed it",
        "differences": [dict(_FIELD)] if state == "changed" else [],
        "revision": f"main@sha1:{COMMIT}",
        "last_applied": T1,
        "health": None,
    }
    return view | changes


def resources() -> list[JSONObject]:
    health = {"status": "Degraded", "message": "no route", "last_heartbeat": T1}
    return [
        *(resource(f"vpc-{number}", state=state) for number, state in enumerate(reversed(_STATES), 1)),
        resource("leaf-1", "Switch", "in_sync", health=health),
    ]


def done(**changes: object) -> JSONObject:
    failure = {"phase": "apply", "subject": "VPC/vpc-1", "reason": "Rejected", "message": "no", "retryable": True}
    view: JSONObject = {
        "id": "p1",
        "fabric": "dc1",
        "triggers": ["push", "poll"],
        "scope": ["VPC/default/vpc-1"],
        "started": T1,
        "finished": T2,
        "outcome": "partial",
        "reason": "ObjectsFailed",
        "message": "1 failed",
        "revision": f"main@sha1:{COMMIT}",
        "plan_hash": HASH,
        "phases": {"fetch": 0.5, "apply": 0.75, "netbox": 0.25},
        "counts": {"created": 2, "netbox_created": 3, "deleted": 0},
        "failures": [failure],
    }
    return view | changes


def wiring() -> JSONObject:
    node: JSONObject = {
        "kind": "Switch",
        "description": None,
        "role": None,
        "state": "in_sync",
        "health": None,
        "leafs": [],
    }
    ends = [{"kind": "Switch", "name": "spine-1", "port": "E1/1"}, {"kind": "Switch", "name": "leaf-1", "port": None}]
    return {
        "nodes": [
            node | {"name": "spine-1", "row": "spine"},
            node | {"name": "leaf-1", "row": "leaf", "state": "failed"},
        ],
        "links": [{"connection": "spine-1--leaf-1", "type": "fabric", "state": "changed", "ends": ends}],
    }


def plan(**changes: object) -> JSONObject:
    key = {"kind": "VPC", "namespace": "default", "name": "vpc-1", "file": "fabrics/dc1/vpcs/vpc-1.yaml"}
    finding = [key | {"reason": "Why", "message": "because"}]
    action = key | {"reason": "Changed", "fields": [dict(_FIELD)], "field_count": 1, "held": "ApprovalRequired"}
    view: JSONObject = {
        "revision": f"main@sha1:{COMMIT}",
        "mode": "observe",
        "simulated": ["cluster"],
        "hash": HASH,
        "blocks": [{"reason": "TooManyDeletes", "message": "11 deletes"}],
        "unknown": ["Switch"],
        "actions": [
            {"wave": 1, "action": "update", **action},
            {"wave": 2, "action": "create", **action, "name": "vpc-2", "fields": [], "field_count": 5, "held": None},
            {"wave": 3, "action": "delete", **action, "name": "vpc-3", "fields": []},
        ],
        "drifted": [key | {"state": "changed", "message": "drifted", "fields": [dict(_FIELD)]}],
        "findings": {
            name: deepcopy(finding) for name in ("waiting", "conflicts", "fighting", "pending", "prune_pending")
        },
        "approval": {"required": True, "needed": True, "hash": HASH, "approved": False, "by": None, "since": None},
        "counts": {"create": 1, "update": 1, "delete": 1, "held": 2, "unchanged": 4},
        "netbox": {
            **dict.fromkeys(("create", "update", "delete"), 1),
            "conflicts": ["dc1/VPC/vpc-1: taken"],
            "blocks": [{"reason": "Prerequisite", "message": "no site"}],
            "drifted": [
                {"model": "ipam.vlan", "key": "k", "record": "VLAN 7", "state": "changed", "message": "m", "fields": []}
            ],
        },
        "problems": [dict(_PROBLEM)],
        "problems_total": 1,
        "refused": 1,
        "errors": [{"phase": "observe", "subject": "Switch", "reason": "Unreachable", "message": "timed out"}],
    }
    return view | changes
