"""How soon NetBox shows what is pushed and loses what people edit, and what a pass with nothing to do asks of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import requests

from reconciler.demo.fabric import FABRIC_500
from reconciler.model.netbox import KEY_FIELD
from reconciler.model.netbox_schema import OWNED
from tests.bench.fabrics import with_netbox
from tests.bench.figures import say, summary
from tests.e2e import mirrored
from tests.e2e.fabrics import bodies, files, rendered
from tests.e2e.installation import wait_until
from tests.e2e.targets import NetBoxView

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation
    from tests.lab.lab import Lab

TIMES = 10
FIRST_VLAN = 2900
GOAL_PUSH = 2.0
GOAL_EDIT = 3.0
GOAL_REQUESTS = 20
APPLY_TIMEOUT = 300.0


def measure(lab: Lab, folder: Path, name: str) -> None:
    """Print those figures. NetBox has all records of the fabric of this name already."""
    with with_netbox(lab, folder, name) as service, requests.Session() as session:
        netbox = NetBoxView(lab.netbox, name, session)
        service.start()
        service.wait_applied(service.push(files(FABRIC_500)), seconds=APPLY_TIMEOUT)
        status = service.wait_idle()
        assert status["sync_status"] == "in_sync", status["message"]
        assert not sum(one["counts"].get("netbox_created", 0) for one in service.passes()), "it was not there already"
        _say_no_op(service, netbox)
        seconds = _pushes(service, netbox)
        say("push -> in NetBox, one VLAN of 490 objects", f"{summary(seconds)} (goal: p50 under {GOAL_PUSH:.0f} s)")
        _subscribe(service, netbox)
        lab.netbox.start_webhook_worker()
        try:
            seconds = _edits(netbox)
        finally:
            lab.netbox.stop_webhook_worker()
        say("edit in NetBox -> restored", f"{summary(seconds)} (goal: p50 under {GOAL_EDIT:.0f} s)")


def _say_no_op(service: Installation, netbox: NetBoxView) -> None:
    mark = netbox.mark()
    assert service.reconcile()["outcome"] == "succeeded"
    asked, written = netbox.server.requests_since(mark), netbox.server.writes_since(mark)
    figure = f"{len(asked)} requests, {len(written)} of them writes (goals: under {GOAL_REQUESTS}, 0)"
    say("full pass with nothing to do, at NetBox", figure)


def _pushes(service: Installation, netbox: NetBoxView) -> list[float]:
    """Change one VLAN, push, deliver; seconds from the end of the push until NetBox has the VLAN."""
    declared = bodies(FABRIC_500)
    seconds = []
    for number in range(TIMES):
        edited = mirrored.edited(declared, FIRST_VLAN + number)
        commit = service.push(rendered(edited), deliver=False)
        began = time.monotonic()
        assert service.deliver(commit).status_code == 202
        _wait_for(netbox, _key(netbox.site, edited), "vid", str(FIRST_VLAN + number))
        seconds.append(time.monotonic() - began)
        service.wait_applied(commit)
    return seconds


def _key(fabric: str, edited: dict[str, JSONObject]) -> str:
    """The key of the VLAN that `mirrored.edited` changes."""
    ((vpc, body),) = edited.items()
    return f"{fabric}/{vpc}#{next(iter(body['spec']['subnets']))}"


def _wait_for(netbox: NetBoxView, key: str, column: str, value: str) -> None:
    """Until the VLAN of this key has the value. Looked up in the database, which costs NetBox nothing."""
    query = f"select {column} from ipam_vlan where custom_field_data->>'{KEY_FIELD}' = '{key}'"  # noqa: S608 - ours
    wait_until(lambda: netbox.server.sql(query).strip() == value, seconds=60, what=f"{column} {value} of {key}")


def _subscribe(service: Installation, netbox: NetBoxView) -> None:
    """An event rule for every mirrored model, with the webhook that tells us."""
    secret = (service.folder / "secrets" / "netbox-webhook").read_text()
    hook = {"name": netbox.site, "payload_url": f"{service.url}/webhooks/netbox", "secret": secret}
    made = netbox.create("extras/webhooks", hook)
    rule = {
        "name": netbox.site,
        "object_types": [model.content_type for model in OWNED],
        "event_types": ["object_created", "object_updated", "object_deleted"],
        "action_type": "webhook",
        "action_object_type": "extras.webhook",
        "action_object_id": made["id"],
    }
    netbox.create("extras/event-rules", rule)


def _edits(netbox: NetBoxView) -> list[float]:
    """As a person, rename one VLAN after the other; seconds from the answer until each has its name again."""
    vlans = list(netbox.owned("ipam/vlans").items())
    seconds = []
    for number in range(TIMES):
        key, record = vlans[number % len(vlans)]
        netbox.update("ipam/vlans", record, {"name": f"edit {number}"})
        began = time.monotonic()
        _wait_for(netbox, key, "name", record["name"])
        seconds.append(time.monotonic() - began)
    return seconds
