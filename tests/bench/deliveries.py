"""How long a forge waits for its answer while it sends many deliveries and passes go on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.bench.figures import in_milliseconds, say
from tests.e2e.fabrics import files
from tests.e2e.installation import lay_out
from tests.e2e.load import Deliveries

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab

RATE = 200
SECONDS = 30
GOAL = 50
"""Milliseconds, for 99 of 100."""


def measure(lab: Lab, folder: Path) -> None:
    """Print the latency of verified deliveries, each of which asks for a pass, and how many passes they became."""
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    service = lay_out(folder, lab.git.repository(name), name, {"cluster": {"local": True}})
    try:
        service.start()
        commit = service.push(files())
        service.wait_applied(commit)
        passes, memory = len(service.passes()), service.process.memory()
        load = Deliveries.of(service, commit).send(RATE, SECONDS)
        service.wait_idle()
        passes = len(service.passes()) - passes
        say(f"{RATE} deliveries/s for {SECONDS} s", f"{dict(load.codes)} by status, {passes} passes")
        say("delivery -> answer, passes going on", f"{in_milliseconds(load.seconds)} (goal: p99 under {GOAL} ms)")
        say("memory before and after", f"{memory:.0f} MiB, {service.process.memory():.0f} MiB")
    finally:
        service.close()
        lab.git.delete_repository(name)
