"""Without any event the poll alone keeps a fabric in line, whatever happens in between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.installation import wait_until
from tests.lab.server import outage

if TYPE_CHECKING:
    from tests.e2e.installation import Installation
    from tests.lab.git_server import GitServer

pytestmark = pytest.mark.lab

INTERVAL = 2.0
A_PASS = 2.0
"""Seconds that the fetch and the pass may take on a busy machine."""
FIRST_BACKOFF = 5.0
"""Seconds after a first failure: longer than the shortened interval, as no configured one should be."""


@pytest.fixture
def polled(local_service: Installation) -> Installation:
    """A service that no webhook reaches and whose cluster sends no events."""
    del local_service.repository_settings["webhook"]
    local_service.settings["poll"] = {"interval": INTERVAL}
    return local_service


def _push(service: Installation, number: int) -> str:
    return service.push({"ranges.yaml": _ranges(number)}, deliver=False)


def _ranges(number: int) -> str:
    head = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: VLANNamespace\nmetadata: {name: default}\n"
    return f"{head}spec: {{ranges: [{{from: 1000, to: {2000 + number}}}]}}\n"


def _assert_polled_in_time(service: Installation, number: int) -> None:
    """A change arrives within one interval, by a poll, and the fabric is in sync."""
    pushed = time.monotonic()
    status = service.wait_applied(_push(service, number))
    assert time.monotonic() - pushed <= INTERVAL + A_PASS
    assert "poll" in status["last_pass"]["triggers"]
    assert status["sync_status"] == "in_sync", status["message"]


def _fails(service: Installation) -> bool:
    status = service.status()
    return (status["sync_status"], status["reason"]) == ("error", "GitUnavailable")


def test_five_cycles_with_a_failure_and_a_restart(polled: Installation, git_server: GitServer) -> None:
    """Five changes in a row arrive within one poll interval each, with Git away and a crash in between."""
    polled.start()
    polled.wait_idle()
    _assert_polled_in_time(polled, 1)
    _assert_polled_in_time(polled, 2)

    commit = _push(polled, 3)
    with outage(git_server):
        wait_until(lambda: _fails(polled), seconds=30, what="the poll fails")
    back = time.monotonic()
    polled.wait_applied(commit)
    assert time.monotonic() - back <= FIRST_BACKOFF + A_PASS
    _assert_polled_in_time(polled, 4)

    polled.kill()
    polled.start()
    polled.wait_idle()
    _assert_polled_in_time(polled, 5)

    polls = [record for record in polled.passes() if "poll" in record["triggers"]]
    assert len(polls) >= 5
    assert polled.status()["webhook"]["last_received"] is None
