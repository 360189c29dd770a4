"""How long it takes to take in what people drop: thousands of documents at once, and one among thousands of files.

Beside it stands what a script would do that knows beforehand where each document goes: write the files, and have git
add, commit and push them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from reconciler.app.clock import SystemClock
from reconciler.desired.git import GitRemote, Mirror
from reconciler.desired.publishing import GitPublisher, Waiting
from reconciler.desired.source import FabricSource, ParseCache
from reconciler.desired.upkeep import DirectoryUpkeep
from reconciler.model.fabric import Fabric
from reconciler.model.publishing import Identity
from tests.bench.figures import say
from tests.contract.git_branch import GitBranch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.lab.lab import Lab

DROPPED = 5_000
MANAGED = 50_000
GOAL, GOAL_MEMORY = 10.0, 300
GOAL_WARM, GOAL_COLD = 3.0, 15.0
DIRECTORY = "fabrics/dc1"
SERVER = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: Server\nmetadata:\n  name: server-{number}\nspec: {{}}\n"

CONFIGURATION = """\
server: {{port: 0, api_token_file: token}}
state: sqlite:///state.db
repositories: [{{name: gitops, url: {url}, allow_local: true}}]
fabrics: [{{name: dc1, repository: gitops, path: {path}, cluster: {{local: true}}, structure: {{enabled: true}}}}]
"""


def measure(_lab: Lab, folder: Path) -> None:
    """Print all of it. Everything lies on this machine, and nothing but git is started."""
    folder.mkdir(parents=True)
    documents = [SERVER.format(number=number) for number in range(DROPPED)]
    place = _Place(folder / "dropped")
    place.ingest("init")
    place.branch.push({f"{DIRECTORY}/raw/all.yaml": "---\n".join(documents)})
    seconds, memory = place.ingest("ingest")
    say(f"ingest of {DROPPED} documents in one file", f"{seconds:.1f} s (goal: under {GOAL:.0f} s)")
    say("its memory, peak", f"{memory:.0f} MiB (goal: under {GOAL_MEMORY})")
    plain = _plain_seconds(folder / "plain", documents)
    say(
        "write them, git add, commit and push",
        f"{plain:.1f} s (baseline); ours took {seconds / plain:.1f} times as long",
    )
    _among_many(folder / "many")


class _Place:
    """A configuration with an empty repository."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.repository = folder / "gitops.git"
        _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.repository))
        self.branch = GitBranch(self.repository)
        self.configuration = folder / "reconciler.yaml"
        (folder / "token").touch(mode=0o600)
        (folder / "token").write_text("token-of-a-bench")
        self.configuration.write_text(CONFIGURATION.format(url=self.repository.as_uri(), path=DIRECTORY))

    def ingest(self, command: str) -> tuple[float, float]:
        """Seconds of the command, start and fetch included, and its peak memory in MiB."""
        arguments = [sys.executable, "-m", "reconciler", command, "dc1", "--config", str(self.configuration)]
        began = time.monotonic()
        process = subprocess.Popen([*arguments, "--output", "json"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, status
        return time.monotonic() - began, usage.ru_maxrss / 1024


def _plain_seconds(folder: Path, documents: list[str]) -> float:
    place = _Place(folder)
    place.branch.push({"x": "x"})
    clone = folder / "clone"
    _git(folder, "clone", "--quiet", str(place.repository), str(clone))
    began = time.monotonic()
    target = clone / DIRECTORY / "managed" / "servers"
    target.mkdir(parents=True)
    for number, document in enumerate(documents):
        (target / f"server-{number}.yaml").write_text(document)
    identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
    _git(clone, "add", "--all")
    _git(clone, *identity, "commit", "--quiet", "--message", "Take in")
    _git(clone, "push", "--quiet")
    return time.monotonic() - began


def _among_many(folder: Path) -> None:
    """One dropped document beside many managed files, once with nothing known and once with them parsed."""
    place = _Place(folder)
    place.ingest("init")
    place.branch.push(_managed())
    remote = GitRemote(name="gitops", url=place.repository.as_uri(), branch="main", allow_local=True)
    mirror = Mirror(remote, folder / "mirror.git")
    fabric = Fabric("dc1", "gitops", "main", DIRECTORY)
    source = FabricSource(mirror, fabric, ParseCache())
    publisher = GitPublisher(mirror, Identity("me", "me@localhost"), SystemClock(), Waiting(lambda _: False))
    upkeep = DirectoryUpkeep(source, publisher, fabric)
    mirror.fetch()
    for what, goal in (("nothing known", GOAL_COLD), ("all files parsed before", GOAL_WARM)):
        place.branch.push({f"{DIRECTORY}/raw/{goal}.yaml": SERVER.format(number=f"new-{goal:.0f}")})
        began = time.monotonic()
        found = upkeep.keep(lambda _: ())
        seconds = time.monotonic() - began
        assert found.published is not None
        say(f"one document beside {MANAGED} files, {what}", f"{seconds:.1f} s (goal: under {goal:.0f} s)")


def _managed() -> Mapping[str, str | None]:
    return {
        f"{DIRECTORY}/managed/servers/server-{number}.yaml": SERVER.format(number=number) for number in range(MANAGED)
    }


def _git(folder: Path, *arguments: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(["git", *arguments], cwd=folder, env=inherited, check=True, timeout=300)
