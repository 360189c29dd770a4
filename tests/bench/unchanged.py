"""What a full pass costs that finds 10,000 objects as Git declares them, on the real API server."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from reconciler.model.passes import Phase
from tests.bench.fabrics import FABRIC_10000, cluster_only
from tests.bench.figures import say, summary
from tests.e2e.fabrics import files
from tests.e2e.targets import ClusterView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.model.json import JSONObject
    from tests.e2e.installation import Installation
    from tests.lab.lab import Lab

PASSES = 10
GOAL = 2.0
APPLY_TIMEOUT = 600.0


def measure(lab: Lab, folder: Path) -> None:
    """Print how long somebody waits who asks for such a pass, the phases of the pass, and what it wrote."""
    texts = files(FABRIC_10000)
    with cluster_only(lab, folder) as (service, namespace):
        service.start()
        service.wait_applied(service.push(texts), seconds=APPLY_TIMEOUT)
        service.wait_idle()
        cluster = ClusterView(lab.kubernetes, namespace)
        mark, cpu = cluster.mark(), service.process.cpu_seconds()
        waited, passes = _passes(service)
        cpu = (service.process.cpu_seconds() - cpu) / PASSES
        written = len(cluster.writes_since(mark))
        say(f"full pass over {len(texts)} unchanged objects", f"{summary(waited)} (goal: under {GOAL:.0f} s)")
        say("its phases", f"{_phases(passes)}; {cpu:.2f} s of processor time in all")
        say("its write requests", f"{written} (goal: 0)")
        say("memory of the service, peak", f"{service.process.peak_memory():.0f} MiB")


def _passes(service: Installation) -> tuple[list[float], list[JSONObject]]:
    """Seconds until each of some passes was answered, and their records."""
    waited = []
    for _ in range(PASSES):
        began = time.monotonic()
        assert service.reconcile()["outcome"] == "succeeded"
        waited.append(time.monotonic() - began)
    return waited, service.passes()[:PASSES]


def _phases(passes: Sequence[JSONObject]) -> str:
    """The median of each phase, and of what a pass takes from its request to its answer beside them."""
    medians = {phase: statistics.median(one["phases"].get(phase, 0.0) for one in passes) for phase in Phase}
    return ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in medians.items() if seconds)
