"""NetBox: how fast a fabric of 490 objects comes to be in it, is read, and is kept in line.

The first mirror stands beside two plain clients in the same run, which know everything beforehand: one that sends our
own bulk requests again, and one that makes each record by itself.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from reconciler.demo.fabric import FABRIC_500
from reconciler.model.fabric import NetBoxPolicy
from reconciler.plan.netbox import plan_netbox
from reconciler.plan.projection import project
from reconciler.reconcile.netbox_phase import write
from reconciler.targets.netbox import NetBoxAccess, NetBoxServer
from tests.bench import mirror_reading, mirror_service
from tests.bench.figures import say
from tests.bench.mirror_recording import Recorder
from tests.bench.mirror_replay import Replay
from tests.e2e.fabrics import documents
from tests.e2e.mirrored import manifests

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.lab.netbox_server import NetBoxServer as LabNetBox

WRITERS = 2
GOAL_ONE_BY_ONE = 2.0
GOAL_BULK = 0.85


def measure(lab: Lab, folder: Path) -> None:
    """Print all of it."""
    name = f"bench-{secrets.token_hex(3)}"
    lab.netbox.reset()
    recorder = Recorder()
    seconds = _first_mirror(lab.netbox, name, recorder)
    with lab.netbox.backup() as go_back:
        _say_beside_plain_clients(lab.netbox, recorder, seconds)
        go_back()
        mirror_service.measure(lab, folder, name)
    mirror_reading.measure(lab.netbox)


def _first_mirror(netbox: LabNetBox, name: str, recorder: Recorder) -> float:
    """Seconds of everything that a pass does for NetBox, from the fabric's objects to the last answer."""
    objects = manifests(document.body for document in documents(FABRIC_500))
    ours = NetBoxServer(NetBoxAccess(netbox.url, netbox.token.encode, writers=WRITERS))
    ours.version()
    policy = NetBoxPolicy(name, writers=WRITERS)
    with recorder.listening():
        began = time.monotonic()
        projection = project(name, policy, objects)
        plan = plan_netbox(projection, ours.observe(name, projection), policy, name)
        for step in plan.steps():
            recorder.begin_step()
            errors = [f"{result.ref}: {result.error}" for result in write(ours, step) if result.error]
            assert not errors, errors
        seconds = time.monotonic() - began
    say("mirror: objects, records", f"{len(objects)}, {len(projection.records)}")
    return seconds


def _say_beside_plain_clients(netbox: LabNetBox, recorder: Recorder, seconds: float) -> None:
    replay = Replay(netbox, recorder.writes())
    count = replay.records
    say("first mirror, read and plan included", _rate(count, seconds))
    bulk = replay.bulk_seconds()
    goal = f"ours {bulk / seconds:.0%} as fast (goal: at least {GOAL_BULK:.0%})"
    say("bare bulk requests, the same, in 2 lanes", f"{_rate(count, bulk)} (baseline); {goal}")
    sample = replay.one_by_one()
    goal = f"ours {sample.seconds / seconds:.1f} times as fast (goal: at least {GOAL_ONE_BY_ONE:.0f})"
    text = f"{_rate(count, sample.seconds)}, told from {sample.size} of them (baseline); {goal}"
    say("pynetbox create() for each record", text)
    say("  ms a record", ", ".join(f"{path} {ms:.0f}" for path, ms in sample.milliseconds.items()))


def _rate(count: int, seconds: float) -> str:
    return f"{seconds:.1f} s, {count / seconds:.1f} records/s"
