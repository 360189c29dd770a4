"""`python -m tests.soak --seconds N [--seed S]`: needs a lab that is up, or brings it up.

The service runs on three fabrics under a supervisor while, at moments that the seed decides, people push and edit,
servers go away and the service is killed; checks of the soak's own look every few seconds. The exit code is 1 when
anything was wrong, and each violation is told with its time and evidence. The report, the actions, the log of the
service and what it was answered stay in `build/test-output/soak`.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.lab import Lab, default_folder
from tests.lab.progress import Progress
from tests.processes.deploy.tree import build as build_tree
from tests.soak.checker import Checker
from tests.soak.driver import Driver
from tests.soak.ending import at_rest, end_of_log, settled_violations, verified
from tests.soak.invariants import too_little
from tests.soak.journal import Journal
from tests.soak.report import report
from tests.soak.schedule import SERVERS, schedule
from tests.soak.violations import Violation, clock
from tests.soak.world import build

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.soak.world import SoakWorld

PROJECT = Path(__file__).parents[2]
OUTPUT = PROJECT / "build" / "test-output" / "soak"
CRDS = PROJECT / "tests" / "crds"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="how long (default 1800)")
    parser.add_argument("--seed", type=int, help="decides what happens and when (default: a random one)")
    given = parser.parse_args(arguments)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    progress = Progress()
    progress.say(f"soak of {given.seconds:.0f} s with seed {seed}")
    lab = Lab(default_folder())
    lab.up(progress, SERVERS)
    progress.say("building the tree that runs in production")
    tree = build_tree()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        world = build(lab, Path(folder) / "service", CRDS, tree)
        try:
            told, is_well = _soak(world, seed, given.seconds, progress)
        finally:
            world.close()
            _keep(world)
    (OUTPUT / "report.txt").write_text(told)
    sys.stdout.write(told)
    return 0 if is_well else 1


def _soak(world: SoakWorld, seed: int, seconds: float, progress: Progress) -> tuple[str, bool]:
    """The report, and whether nothing was wrong."""
    journal = Journal(progress.say)
    driver, checker = Driver(world, journal), Checker(world, journal)
    world.supervisor.start()
    began = at_rest(world)
    checker.start()
    driver.run(schedule(seed, seconds))
    driver.settle()
    progress.say("nothing is done any more")
    ended = at_rest(world)
    found = [*began, *ended, *settled_violations(world, driver.requests), *verified(world)]
    checker.look()
    checker.end()
    found += [*driver.violations, *checker.violations()]
    if checker.failure is not None:
        found.append(Violation(time.time(), "the checks", repr(checker.failure)))
    code = world.supervisor.close()
    if code != 0:
        found.append(Violation(time.time(), "SIGTERM", f"exit code {code} at the end"))
    found += end_of_log(world)
    for told in too_little(journal.counted(), checker.seen.compared, seconds):
        found.append(Violation(time.time(), "the soak did enough", told))
    _write_actions(journal)
    return report(seed, journal, checker.seen, world.supervisor.lives, found), not found


def _write_actions(journal: Journal) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    lines = (
        {"began": clock(one.began), "ended": clock(one.ended), "action": one.action, "on": one.target, "said": one.said}
        for one in journal.entries
    )
    (OUTPUT / "actions.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _keep(world: SoakWorld) -> None:
    """What a person needs to look into a violation."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for file in (world.service.log, world.answers):
        if file.exists():
            shutil.copyfile(file, OUTPUT / file.name)


if __name__ == "__main__":
    sys.exit(main())
