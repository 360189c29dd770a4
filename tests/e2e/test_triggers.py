"""What starts a pass without a webhook: the start of the service, and the slow poll."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import World

pytestmark = pytest.mark.lab


def test_the_start_reconciles(world: World) -> None:
    """What was pushed before the service ran is applied by its start."""
    world.fabric.pop("netbox")
    service = world.service
    commit = service.push(files(), deliver=False)

    service.start()

    status = service.wait_applied(commit)
    assert status["sync_status"] == "in_sync"
    assert status["last_pass"]["triggers"] == ["startup"]


def test_the_poll_finds_what_no_webhook_told(world: World) -> None:
    """A push that was never delivered is applied within a poll interval, and polls go on while nothing happens."""
    world.fabric.pop("netbox")
    service = world.service
    service.settings["poll"] = {"interval": 2}
    service.start()
    service.wait_idle()

    commit = service.push(files(), deliver=False)
    status = service.wait_applied(commit)
    assert status["last_pass"]["triggers"] == ["poll"]

    before = status["last_sync"]
    wait_until(lambda: service.status()["last_sync"] > before, seconds=30, what="another poll")
    polls = [record for record in service.passes() if record["triggers"] == ["poll"]]
    assert len(polls) >= 2
    assert service.status()["interval"] == 2


def test_a_push_before_its_commit(world: World) -> None:
    """A delivery whose commit the host does not serve yet is no success; a push that replaced it, and is served, heals
    it at once.
    """
    service = world.service
    world.fabric.pop("netbox")
    service.start()
    service.wait_applied(service.push(files()))

    (accepted,) = service.deliver("f" * 40).json()["requests"]
    status = service.wait_idle()

    assert (status["sync_status"], status["reason"]) == ("error", "CommitNotServed")
    assert status["desired_revision"] == f"main@sha1:{'f' * 40}"
    assert service.get(f"/requests/{accepted['id']}")["state"] == "queued"

    commit = service.push({"note.txt": "x"}, deliver=False)
    assert service.deliver(commit, before="f" * 40).status_code == 202
    assert service.wait_applied(commit)["sync_status"] == "in_sync"
    assert service.get(f"/requests/{accepted['id']}")["reason"] == "CommitNotApplied"


def test_an_empty_repository(world: World) -> None:
    """An empty repository is named as such, is no outage, and its first push is applied."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()

    status = service.wait_idle()

    assert (status["sync_status"], status["reason"]) == ("error", "BranchNotFound")
    assert status["connections"]["git"]["state"] == "ok"
    assert service.condition("BranchNotFound")["status"] == "True"
    commit = service.push(files())
    assert service.wait_applied(commit)["sync_status"] == "in_sync"


def test_one_process_per_state_file(world: World) -> None:
    """A second service on the same state file is refused with a sentence, and the first goes on."""
    world.fabric.pop("netbox")
    service = world.service
    service.start()

    second = service.run_cli("serve", "--config", str(service.folder / "reconciler.yaml"))

    assert second.returncode == 1
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert service.status()["name"] == service.fabric
