"""A suspended fabric is left alone, whatever happens; resuming it brings it up to date."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import files

if TYPE_CHECKING:
    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

INTERVAL = 1.0
SEVERAL_INTERVALS = 2.5
"""Seconds."""


def _ids(service: Installation) -> list[str]:
    return [record["id"] for record in service.passes()]


def test_events_of_a_suspended_fabric_are_ignored(local_service: Installation) -> None:
    """Delivery, poll, restart and requests cause no pass of it, the others go on; resume makes a full pass at once."""
    service, other = local_service, local_service.add_fabric("dc2", LOCAL)
    service.settings["poll"] = {"interval": INTERVAL}
    service.start()
    both = {f"{view.path}/{name}": text for view in (service, other) for name, text in files().items()}
    first = service.repository.push_files(both)
    assert service.deliver(first).status_code == 202
    for view in (service, other):
        view.wait_applied(first)

    answer = service.post("/fabrics/dc1/suspend", {"reason": "cabling"})
    assert answer.status_code == 200, answer.text
    passes = service.wait_idle() and _ids(service)
    commit = service.push({"note.txt": "x"}, deliver=False)
    delivery = service.deliver(commit)
    everything = service.post("/reconcile", {"fabric": None})

    assert delivery.status_code == 202
    assert [request["fabric"] for request in delivery.json()["requests"]] == ["dc2"]
    assert everything.json()["skipped"] == ["dc1"]
    assert service.post("/reconcile", {"fabric": "dc1"}).status_code == 409
    other.wait_applied(commit)
    service.kill()
    service.start()
    time.sleep(SEVERAL_INTERVALS)
    status = service.status()
    assert _ids(service) == passes
    assert (status["sync_status"], status["reason"]) == ("disabled", "Suspended")
    assert status["suspended"]["reason"] == "cabling"
    assert status["revision"] == f"main@sha1:{first}"

    assert service.post("/fabrics/dc1/resume", {}).status_code == 200
    status = service.wait_applied(commit)
    assert (status["sync_status"], status["suspended"]) == ("in_sync", None)


def test_a_delivery_for_suspended_fabrics_only(local_service: Installation) -> None:
    """It is answered 200 and ignored, with the reason; the webhook counts as working all the same."""
    local_service.start()
    local_service.wait_idle()
    assert local_service.post("/fabrics/dc1/suspend", {}).status_code == 200

    answer = local_service.deliver(local_service.push(files(), deliver=False))

    assert (answer.status_code, answer.json()["result"]) == (200, "ignored")
    assert "suspended" in answer.json()["reason"]
    assert local_service.status()["webhook"]["last_verified"]
