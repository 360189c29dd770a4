"""Answers of the API, made by the views that the service makes them with, so that both sides cannot drift apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.model.fabric import ClusterPolicy, Fabric
from reconciler.model.passes import Outcome, SyncState
from reconciler.model.problems import Problem
from reconciler.model.requests import RequestState
from reconciler.model.status import Connection, ConnectionState, WebhookRecord
from reconciler.status import views
from tests.unit.loopback import as_json
from tests.unit.store import samples

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.unit.loopback import Loopback

FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy())
PROBLEM = Problem("fabrics/dc1/a.yaml", 0, 7, "spec.vlan", "Type", "not a number")
IN_SYNC: dict[str, Any] = {
    "connections": {"git": Connection(ConnectionState.OK)},
    "states": {"VPC": {SyncState.IN_SYNC: 3}},
    "waiting_in_raw": 0,
    "problems": (),
    "problems_total": 0,
}


def fabric(
    name: str = "dc1", *, simulated: tuple[str, ...] = (), is_reconciling: bool = False, **changes: Any
) -> JSONObject:
    """One fabric's answer: in sync, but for the changes to its record."""
    record = replace(samples.fabric_record(name), **{**IN_SYNC, **changes})
    view = views.fabric_view(
        replace(FABRIC, name=name, simulated=simulated),
        record,
        views.webhook_view("github", WebhookRecord("gitops")),
        now=samples.NOON,
        is_reconciling=is_reconciling,
    )
    return view | views.fabric_details(record)


def serve_fabrics(service: Loopback, *fabrics: JSONObject) -> None:
    """Let the service have these fabrics: whole by name, without problems, kinds and drift in the list."""
    brief = [{key: one[key] for key in one if key not in {"problems", "kinds", "netbox_drifted"}} for one in fabrics]
    service.answer("GET /fabrics", as_json({"fabrics": brief}))
    for one in fabrics:
        service.answer(f"GET /fabrics/{one['name']}", as_json(one))


def request(state: str, name: str = "dc1") -> JSONObject:
    """A request's answer in this state."""
    done = RequestState(state).is_terminal
    value = replace(
        samples.request("r1", name, state=state),
        outcome=Outcome.SUCCEEDED.value if state == "succeeded" else Outcome.FAILED.value if done else None,
        revision=samples.REVISIONS[0] if done else None,
        message=f"it {state}" if done else None,
    )
    return views.request_view(value)


def passes(*ids: str) -> JSONObject:
    return {"passes": [views.pass_view(samples.pass_record(name)) for name in ids]}
