"""How long a forge waits for its answer while a pass parses thousands of changed documents."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.bench.fabrics import FABRIC_5000
from tests.bench.figures import in_milliseconds, say
from tests.e2e.fabrics import files
from tests.e2e.installation import lay_out
from tests.e2e.load import Deliveries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.e2e.installation import Installation
    from tests.lab.lab import Lab

ROUNDS = 5
RATE = 100
GOAL = 250
"""Milliseconds, for 99 of 100."""


def measure(lab: Lab, folder: Path) -> None:
    """Print the latency of verified deliveries from the moment on at which one led to such a pass, until its end."""
    name = f"bench-{secrets.token_hex(3)}"
    lab.git.create_repository(name)
    service = lay_out(folder, lab.git.repository(name), name, {"cluster": {"local": True}})
    texts = files(FABRIC_5000)
    try:
        service.start()
        service.wait_applied(service.push(texts), seconds=600)
        service.wait_idle()
        quiet = [one for number in range(ROUNDS) for one in _round(service, {"note.txt": f"{number}"})[0]]
        busy, reads = [], []
        for number in range(ROUNDS):
            seconds, read = _round(service, written_anew(texts, number))
            busy += seconds
            reads.append(read)
        say("delivery -> answer, nothing to parse", f"{in_milliseconds(quiet)} (baseline)")
        say(f"delivery -> answer, {len(texts)} documents", f"{in_milliseconds(busy)} (goal: p99 under {GOAL} ms)")
        say("the longest answer, and the longest parse", f"{max(busy) * 1000:.0f} ms, {max(reads):.2f} s")
    finally:
        service.close()
        lab.git.delete_repository(name)


def written_anew(texts: Mapping[str, str | None], number: int) -> dict[str, str | None]:
    """The same documents in other words."""
    return {path: f"{text}# written {number} times\n" for path, text in texts.items()}


def _round(service: Installation, texts: Mapping[str, str | None]) -> tuple[list[float], float]:
    """Push, and announce it again and again until a pass has applied it: the latencies, and how long the longest of
    the passes over it took to read it, in seconds.
    """
    commit = service.push(texts, deliver=False)
    deliveries, revision = Deliveries.of(service, commit), f"main@sha1:{commit}"
    found: list[float] = []
    while service.status()["revision"] != revision:
        found += deliveries.send(RATE, 1).seconds
    service.wait_idle()
    return found, max(one["phases"].get("read", 0.0) for one in service.passes() if one["revision"] == revision)
