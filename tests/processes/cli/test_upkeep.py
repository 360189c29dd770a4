"""`reconciler init` and `ingest` for people, on real git: what they say of a directory, and what they make of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.git_branch import GitBranch
from tests.unit.app.configuration import LOCAL, local_repository, secret, settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]

SERVER = "apiVersion: wiring.githedgehog.com/v1beta1\nkind: Server\nmetadata:\n  name: {name}\nspec: {{}}\n"
PATH = "fabrics/dc1"
KEPT = {**LOCAL, "path": PATH, "structure": {"enabled": True}}


class Place:
    """A configuration with one fabric, and its repository."""

    def __init__(self, folder: Path, cli: Cli) -> None:
        self._cli = cli
        self._configuration = folder / "reconciler.yaml"
        self.folder, self.repository = folder, folder / "gitops.git"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.repository)],
            env=inherited, check=True, timeout=60,
        )  # fmt: skip
        self.branch = GitBranch(self.repository)
        settings(folder, {**LOCAL, "path": PATH}, repositories=[local_repository(self.repository)])

    def check(self) -> Said:
        return self._cli("check", "--config", str(self._configuration))

    def run(self, command: str, *options: str, fabric: str = "dc1") -> Said:
        return self._cli(command, fabric, "--config", str(self._configuration), *options)

    def push(self, files: dict[str, str | None]) -> str:
        return self.branch.push({f"{PATH}/{name}": text for name, text in files.items()})

    def names(self) -> set[str]:
        names = self.branch.files(self.branch.history()[-1])
        return {name.removeprefix(f"{PATH}/") for name in names if not name.endswith(".gitkeep")}


@pytest.fixture
def place(tmp_path: Path, cli: Cli) -> Place:
    return Place(tmp_path, cli)


def test_an_empty_repository(place: Place) -> None:
    """Init makes branch and directory; the dry run before says so and makes nothing; a second one has nothing to do."""
    foreseen = place.run("init", "--dry-run")
    assert (foreseen.code, place.branch.history()) == (0, [])
    assert "would commit" in foreseen.out
    assert "on a new branch" in foreseen.out

    said = place.run("init")

    (commit,) = place.branch.history()
    assert f"committed {said.out.count('writes')} file(s) as main@sha1:{commit}" in said.out
    assert place.branch.message(commit).startswith("Set up the directory of fabric dc1\n")
    assert ".hnp/manifest.yaml" in place.names()
    again = place.run("init")
    assert (again.code, again.out) == (0, f"nothing to commit: main@sha1:{commit} is in order\n")


def test_what_is_told_of_documents(place: Place) -> None:
    """Where each document went, and why one is not managed; a file that stays is named."""
    place.run("init")
    dropped = SERVER.format(name="s-1") + "---\nkind: Nothing\n"
    place.push({"raw/all.yaml": dropped, "raw/picture.png": "x"})

    said = place.run("ingest")

    assert said.code == 0
    text = " ".join(said.out.split())
    assert "raw/all.yaml (document 0) is now managed/servers/s-1.yaml" in text
    assert "raw/all.yaml (document 1) is put aside as unmanaged/all-1.yaml" in text
    assert f"removes {PATH}/raw/all.yaml" in text
    assert f"stays: {PATH}/raw/picture.png:1: neither YAML nor JSON by its name: it stays here" in text
    assert "raw/all.yaml:" not in text
    assert "raw/picture.png" in place.names()
    subject, _, rest = place.branch.message(place.branch.history()[-1]).partition("\n")
    assert subject == "Take in 1 document for fabric dc1, put 1 aside"
    assert rest.endswith("Reconciled-by: hedgehog-reconciler\n")


@pytest.mark.parametrize(
    ("command", "files", "fabric", "words"),
    [
        ("ingest", None, "dc1", "the repository is empty; reconciler init dc1 makes it"),
        ("ingest", {"../other/x": ""}, "dc1", "`reconciler init dc1` makes it, or correct `path`"),
        ("init", {"managed": "a file"}, "dc1", "managed"),
        ("init", {".hnp/manifest.yaml": "fabric: dc2\n"}, "dc1", "names the fabric 'dc2'"),
        ("ingest", {"x.txt": ""}, "dc9", "no fabric 'dc9' is configured"),
    ],
)
def test_what_cannot_be(place: Place, command: str, files: Any, fabric: str, words: str) -> None:
    """One sentence says why, the exit code is 1, and nothing is committed."""
    if files:
        place.branch.push({os.path.normpath(f"{PATH}/{name}"): text for name, text in files.items()})
    before = place.branch.history()

    said = place.run(command, fabric=fabric)

    assert said.code == 1
    assert words in " ".join((said.out + said.err).split())
    assert "Traceback" not in said.err
    assert place.branch.history() == before


def test_what_an_earlier_system_left(place: Place) -> None:
    """Archived files that are still declared are dropped, copies that say the same go, all of it is told."""
    one = SERVER.format(name="s-1")
    place.push(
        {
            "managed/servers/s-1.yaml": one,
            "managed/servers/s-1-1.yaml": one,
            "raw/old.yaml.archived": one,
            "raw/gone.yaml.archived": SERVER.format(name="s-2"),
            "loose/s-3.yaml": SERVER.format(name="s-3"),
        }
    )

    said = place.run("init")

    assert said.code == 0, said.out
    names = place.names()
    assert {name for name in names if name.startswith("managed/")} == {
        "managed/servers/s-1.yaml",
        "managed/servers/s-3.yaml",
    }
    assert "unmanaged/gone.yaml-0.yaml" in names, names
    assert not {name for name in names if name.startswith(("raw/", "loose/"))}
    for file in ("managed/servers/s-1-1.yaml", "raw/old.yaml.archived", "raw/gone.yaml.archived", "loose/s-3.yaml"):
        assert file in said.out


def test_check_tries_to_push(place: Place) -> None:
    """Whoever has passes commit to a repository is told whether they may, and whether they can sign."""
    place.run("init")
    settings(place.folder, KEPT, repositories=[local_repository(place.repository)])
    said = place.check()
    assert "ok       repository gitops: push: commits of hedgehog-reconciler <reconciler@localhost> may" in said.out

    secret(place.folder, "signing", "no key")
    commit = {"commit": {"signing_key_file": "secrets/signing"}}
    settings(place.folder, KEPT, repositories=[{**local_repository(place.repository), **commit}])
    said = place.check()
    assert "failing  repository gitops: push: SigningFailed: " in said.out
    assert len(place.branch.history()) == 1


def test_loose_files_that_are_refused_stay(place: Place) -> None:
    """They are desired state: put aside, what they stand for would be missed no longer, and could be deleted."""
    vpc = "apiVersion: vpc.githedgehog.com/v1beta1\nkind: VPC\nmetadata: {name: v-1}\nspec: {subnets: {}}\n"
    place.push(
        {
            "one.yaml": vpc,
            "two.yaml": vpc.replace("{subnets: {}}", "{ipv4Namespace: other}") + f"---\n{SERVER.format(name='s-1')}",
            "broken.yaml": "kind: [\n",
            "fine.yaml": SERVER.format(name="s-2"),
            "again.yaml": SERVER.format(name="s-1"),
        }
    )

    said = place.run("init")

    assert said.code == 0, said.out
    names = place.names()
    assert {"one.yaml", "two.yaml", "broken.yaml"} <= names
    assert {name for name in names if name.startswith("managed/")} == {"managed/servers/s-2.yaml"}
    assert not {name for name in names if name.startswith("unmanaged/")}
    assert f"stays: {PATH}/broken.yaml" in said.out
    assert "SeveralVersions" in said.out
    assert "again.yaml" not in names
