"""A process that is killed at any point leaves each transaction whole or absent."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from reconciler.model.requests import RequestState
from reconciler.store import Store, open_store
from tests.processes.store.crash_writer import FABRICS, OBJECTS, commit
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 5


def run_until_killed(path: Path, first: int, lines: int) -> tuple[int, int]:
    """Run the writer from round `first`, kill it once it has said `lines` lines, and return the last rounds that it
    reported as accepted and as recorded.
    """
    command = [sys.executable, "-m", "tests.processes.store.crash_writer", str(path), str(first)]
    said = {"accepted": first - 1, "recorded": first - 1}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for number, line in enumerate(writer.stdout, start=1):
            what, _, n = line.partition(" ")
            said[what] = int(n)
            if number == lines:
                # The writer does not wait for us: the kill meets it wherever it is by now.
                writer.kill()
    assert writer.returncode == -9
    return said["accepted"], said["recorded"]


def accepted_rounds(store: Store, upto: int) -> int:
    """The number of rounds whose delivery is known, each of them whole."""
    rounds = 0
    for n in range(upto):
        ids = [f"r{n}-{fabric}" for fabric in FABRICS]
        known = store.delivered("github", f"d{n}")
        found = [r.id for r in store.requests(ids)]
        assert (known, found) in ((tuple(ids), ids), (None, []))
        rounds += known is not None
    return rounds


def check_acceptance(store: Store, rounds: int) -> None:
    """The announced revision and the webhook speak of the last delivery that is known, and so do all fabrics."""
    announced = {store.fabric(name).desired_revision for name in FABRICS}
    assert announced == {f"main@sha1:{commit(rounds - 1)}"}
    verified = store.webhook("gitops").last_verified
    assert verified is not None
    assert verified.microsecond == rounds - 1


def check_last_pass(store: Store) -> int:
    """Record, history, inventory, objects and request speak of the same pass; its round."""
    newest = store.passes("dc1", limit=1)[0].id
    n = int(newest.removeprefix("p"))
    last = store.fabric("dc1").last_pass
    assert last is not None
    assert last.id == newest
    assert {e.revision for e in store.inventory("dc1").values()} == {f"main@sha1:{commit(n)}"}
    assert [(o.key.name, o.message) for o in store.objects("dc1")] == [(name, newest) for name in sorted(OBJECTS)]
    answered = store.request(f"r{n}-dc1")
    assert answered is not None
    assert (answered.state, answered.pass_id) == (RequestState.SUCCEEDED, newest)
    return n


def test_killed_at_random_points(tmp_path: Path) -> None:
    """After each of several kills nothing that was reported is missing, and nothing is stored by half."""
    path = tmp_path / "state.db"
    chance = random.Random(7)  # noqa: S311 - where to kill, no secret
    first = 0
    for _ in range(KILLS):
        accepted, recorded = run_until_killed(path, first, chance.randint(1, 60))
        with closing(open_store(path, SetClock())) as store:
            rounds = accepted_rounds(store, accepted + 3)
            assert rounds in (accepted + 1, accepted + 2)
            check_acceptance(store, rounds)
            if store.passes("dc1"):
                assert check_last_pass(store) in (recorded, recorded + 1)
        first = rounds
