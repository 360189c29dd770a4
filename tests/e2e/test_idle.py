"""While nothing happens the service does next to nothing, however many fabrics it has."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.e2e.fleet import Fleet, lay_out_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.git_server import GitServer, Repository
    from tests.lab.kubernetes_server import KubernetesServer

pytestmark = pytest.mark.lab

FABRICS = 20
REPOSITORIES = 4
WINDOW = 8.0
"""Seconds."""
GOAL = 0.01
"""Of one core."""
ALLOWED = 5 * GOAL
"""What a busy machine may make of it. `make bench` prints the figure itself."""


@pytest.fixture
def fleet(
    crds: None, another_repository: Callable[[], Repository], kubernetes_server: KubernetesServer, tmp_path: Path
) -> Iterator[Fleet]:
    repositories = [another_repository() for _ in range(REPOSITORIES)]
    found = lay_out_fleet(tmp_path / "service", repositories, kubernetes_server, FABRICS)
    yield found
    found.close()


def test_idle_with_twenty_fabrics(fleet: Fleet, git_server: GitServer) -> None:
    """With a webhook known to work and no poll due there is no fetch, no list, no pass, and hardly any work."""
    fleet.settle()
    service = fleet.service
    assert {fabric["interval"] for fabric in service.get("/fabrics")["fabrics"]} == {3600}
    next_poll = min(datetime.fromisoformat(one["next_poll"]) for one in service.get("/fabrics")["fabrics"])
    assert next_poll > datetime.now(tz=UTC) + timedelta(seconds=4 * WINDOW)
    passes = [view.passes()[0]["id"] for view in fleet.views]
    fetches, lists = git_server.mark(), fleet.server.mark()
    used, began = service.process.cpu_seconds(), time.monotonic()

    time.sleep(WINDOW)

    share = (service.process.cpu_seconds() - used) / (time.monotonic() - began)
    assert git_server.requests_since(fetches) == []
    assert fleet.lists_since(lists) == []
    assert [view.passes()[0]["id"] for view in fleet.views] == passes
    assert share <= ALLOWED, f"{share:.1%} of one core, the goal is {GOAL:.0%}"
