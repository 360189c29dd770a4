"""What the service costs while nothing happens."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from tests.bench.figures import say
from tests.e2e.fleet import lay_out_fleet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.git_server import Repository
    from tests.lab.lab import Lab

FABRICS = 20
REPOSITORIES = 4
WINDOW = 60.0
GOAL = 0.01


def measure(lab: Lab, folder: Path) -> None:
    """Print the share of one core that a settled service with many fabrics takes, and what it holds in memory."""
    repositories = [_repository(lab) for _ in range(REPOSITORIES)]
    fleet = lay_out_fleet(folder, repositories, lab.kubernetes, FABRICS)
    try:
        fleet.settle()
        process = fleet.service.process
        used, began = process.cpu_seconds(), time.monotonic()
        time.sleep(WINDOW)
        share = (process.cpu_seconds() - used) / (time.monotonic() - began)
        say(f"idle, {FABRICS} fabrics, {WINDOW:.0f} s", f"{share:.2%} of one core (goal: under {GOAL:.0%})")
        say(f"memory with {FABRICS} idle fabrics", f"{process.memory():.0f} MiB")
    finally:
        fleet.close()
        for repository in repositories:
            lab.git.delete_repository(repository.name)


def _repository(lab: Lab) -> Repository:
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    return lab.git.repository(name)
