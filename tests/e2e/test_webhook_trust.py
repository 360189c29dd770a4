"""How far the poll trusts a webhook: the running service, real deliveries, and commits of which nothing is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fabrics import files
from tests.e2e.installation import wait_until

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation

pytestmark = pytest.mark.lab

CONFIGURED = 3600.0
WITHOUT_PROOF = 300.0


def _until_next_poll(service: Installation) -> timedelta:
    return datetime.fromisoformat(service.status()["next_poll"]) - datetime.now(UTC)


def test_the_first_delivery_stretches_the_interval(local_service: Installation) -> None:
    """The poll comes each 300 s, whatever strangers send, until a delivery verifies; then at once as configured."""
    service = local_service
    service.settings["poll"] = {"interval": CONFIGURED, "jitter": 0.1}
    service.start()
    service.wait_idle()
    commit = service.push(files(), deliver=False)
    assert service.deliver(commit, secret=b"of somebody else").status_code == 401

    before = service.status()
    assert (before["interval"], before["webhook"]["last_verified"]) == (WITHOUT_PROOF, None)
    assert before["webhook"]["last_received"]
    assert _until_next_poll(service) <= timedelta(seconds=WITHOUT_PROOF)

    assert service.deliver(commit).status_code == 202
    wait_until(lambda: service.status()["interval"] == CONFIGURED, seconds=10, what="the interval is as configured")
    assert timedelta(seconds=CONFIGURED * 0.9 - 60) < _until_next_poll(service) <= timedelta(seconds=CONFIGURED)

    del service.repository_settings["webhook"]
    service.write_settings()
    wait_until(lambda: service.status()["interval"] == WITHOUT_PROOF, seconds=30, what="a webhook that is gone is none")


def _of_repositories(service: Installation) -> list[JSONObject]:
    """What health warns of, but for how the program was installed."""
    return [one for one in service.healthz()["warnings"] if one["key"].startswith("repositories")]


def test_a_webhook_that_falls_silent(local_service: Installation) -> None:
    """A commit that only a poll finds is a warning that names the repository, until a delivery verifies."""
    service = local_service
    service.settings["poll"] = {"interval": 1.0}
    service.start()
    service.wait_applied(service.push(files()))
    assert (_of_repositories(service), service.status()["webhook"]["silent_since"]) == ([], None)

    commit = service.push({"note.txt": "nobody tells"}, deliver=False)
    service.wait_applied(commit)

    webhook = service.status()["webhook"]
    (warning,) = _of_repositories(service)
    assert webhook["silent_since"] > webhook["last_verified"]
    assert warning["key"] == "repositories[0].webhook"
    assert "found commits that no webhook announced" in warning["message"]
    assert commit in warning["message"]
    assert service.healthz()["status"] == "ok"

    assert service.deliver(commit).status_code == 202
    assert (_of_repositories(service), service.status()["webhook"]["silent_since"]) == ([], None)
