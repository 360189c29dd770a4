"""The configuration changes while the service runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import LOCAL
from tests.e2e.fabrics import files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import World
    from tests.e2e.installation import Installation
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

NOTICED = 20.0
"""Seconds within which a changed file is read: at once where the system tells of changes."""


def _names(service: Installation) -> list[str]:
    return [fabric["name"] for fabric in service.get("/fabrics")["fabrics"]]


def _trouble(service: Installation) -> str:
    """Why the configuration in use is not the one in the file; empty while they are the same."""
    reason: str = service.healthz()["components"]["configuration"]["reason"] or ""
    return reason


def test_a_bad_configuration_keeps_the_old_one(local_service: Installation) -> None:
    """It is refused with the place and the reason, the service goes on as before, and a good one heals it."""
    service = local_service
    service.start()
    service.wait_applied(service.push(files()))

    service.fabric_settings["pathh"] = "typo"
    service.write_settings()
    wait_until(lambda: _trouble(service), seconds=NOTICED, what="the refusal is said")

    assert "pathh" in _trouble(service)
    assert service.healthz()["status"] == "degraded"
    assert service.get("/readyz")["status"] == "ok"
    service.wait_applied(service.push({"note.txt": "x"}))

    service.write_configuration("fabrics: [")
    wait_until(lambda: "pathh" not in _trouble(service), seconds=NOTICED, what="the new refusal is said")
    assert _trouble(service)
    del service.fabric_settings["pathh"]
    service.write_settings()
    wait_until(lambda: service.healthz()["status"] == "ok", seconds=NOTICED, what="the repair is noticed")


def test_an_added_fabric_is_reconciled(local_service: Installation) -> None:
    """A fabric that appears in the file gets its pass without a restart, and its deliveries are taken."""
    service = local_service
    service.start()
    service.wait_applied(service.push(files()))

    other = service.add_fabric("dc2", LOCAL)
    commit = service.repository.push_files({f"{other.path}/{name}": text for name, text in files().items()})
    service.write_settings()
    wait_until(lambda: _names(service) == ["dc1", "dc2"], seconds=NOTICED, what="the new fabric")

    assert other.wait_applied(commit)["sync_status"] == "in_sync"
    other.wait_applied(other.push({"note.txt": "x"}))
    assert {record["triggers"][0] for record in service.passes()} <= {"startup", "push"}


def test_a_removed_fabric_deletes_nothing(world: World, kubernetes_server: KubernetesServer) -> None:
    """A fabric that leaves the file is neither watched nor reconciled any more; all that it applied stays."""
    service = world.service
    world.fabric.pop("netbox")
    world.fabric["cluster"]["prune"] = True
    other = service.add_fabric("stays", LOCAL)
    service.start()
    service.wait_applied(service.push(files()))
    objects = world.cluster.everything()
    row = service.fabric_settings
    mark = world.cluster.mark()

    service.settings["fabrics"].remove(row)
    service.write_settings()
    wait_until(lambda: _names(service) == ["stays"], seconds=NOTICED, what="the fabric is gone")
    after = world.cluster.mark()
    commit = service.repository.push_files({row["path"] + "/ranges.yaml": "x", f"{other.path}/note.txt": "x"})
    assert [request["fabric"] for request in other.deliver(commit).json()["requests"]] == ["stays"]
    other.wait_applied(commit)
    # A watch ends when the server says so or is cut, and is then begun anew: what was cut here must stay away.
    kubernetes_server.restart()
    time.sleep(3)

    assert world.cluster.writes_since(mark) == []
    assert world.cluster.requests_since(after, "watch", "list") == []
    assert world.cluster.everything() == objects
