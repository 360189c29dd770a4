"""`reconciler adopt`: what it refuses, and what it says, with real Git and an API server that answers as told."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.model.kinds import DECLARABLE
from reconciler.plan.structure import ensure
from tests.contract.git_branch import GitBranch
from tests.unit.app.configuration import LOCAL, kubeconfig, local_repository, settings
from tests.unit.loopback import as_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Said
    from tests.unit.loopback import Loopback

    Cli = Callable[..., Said]

FOLDER = "fabrics/dc1"


@pytest.fixture
def branch(tmp_path: Path) -> GitBranch:
    """A repository whose fabric has its structure."""
    path = tmp_path / "gitops.git"
    command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(command, env=inherited, check=True, timeout=60)
    found = GitBranch(path)
    found.push({one.path: (one.content or b"").decode() for one in ensure("dc1", FOLDER, ()).changes})
    return found


@pytest.fixture
def adopt(cli: Cli, service: Loopback, branch: GitBranch, tmp_path: Path) -> Callable[..., Said]:
    """Run it on a cluster that has two VPCs, of which one is being deleted, and no gateway kinds."""
    at = {kind.name: f"/apis/{kind.group}/{kind.version}/namespaces/default/{kind.plural}" for kind in DECLARABLE}
    vpcs = [
        {"metadata": {"name": "a", "namespace": "default", "uid": "u"}, "spec": {"vlanNamespace": "default"}},
        {"metadata": {"name": "b", "namespace": "default", "deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ]
    for name, path in at.items():
        if not name.startswith("Gateway"):
            service.answer(f"GET {path}?limit=500", as_json({"items": vpcs if name == "VPC" else []}))
    service.otherwise = as_json({"kind": "Status", "code": 404, "message": "not found"}, 404)

    def run(*arguments: str) -> Said:
        cluster = {"kubeconfig": kubeconfig(tmp_path, "kubeconfig", service.url)}
        settings(tmp_path, {"cluster": cluster}, repositories=[local_repository(branch.directory)])
        return cli("adopt", "dc1", *arguments, "--config", str(tmp_path / "reconciler.yaml"))

    return run


@pytest.mark.parametrize(
    ("fabric", "name", "message"),
    [
        pytest.param(LOCAL, "dc9", "no fabric 'dc9' is configured", id="unknown"),
        pytest.param(LOCAL, "dc1", "its cluster is embedded", id="embedded"),
        pytest.param({}, "dc1", "fabric dc1 has no cluster to adopt from", id="none"),
    ],
)
def test_what_is_refused(cli: Cli, tmp_path: Path, fabric: dict[str, Any], name: str, message: str) -> None:
    """In a sentence, before anything is asked."""
    settings(tmp_path, fabric)

    said = cli("adopt", name, "--config", str(tmp_path / "reconciler.yaml"))

    assert (said.code, said.out) == (1, "")
    assert message in " ".join(said.err.split())


def test_it_commits_and_says_so(adopt: Callable[..., Said], branch: GitBranch, service: Loopback) -> None:
    """Once; then there is nothing to commit."""
    first, second = adopt(), adopt()

    commit = branch.history()[-1]
    assert (first.code, second.code, len(branch.history())) == (0, 0, 2), first.err
    assert f"Committed as main@{commit[:8]}" in first.out or f"Committed as main@sha1:{commit}" in first.out
    assert "created  VPC/a   unmanaged/vpcs/a.yaml" in first.out
    assert "left     VPC/b   the cluster is deleting it" in first.out
    assert "note: the cluster does not serve GatewayGroup, Gateway, GatewayPeering" in first.out
    assert "note: schemas cannot be read" in first.out
    assert second.out.endswith(f"Nothing is to be committed: {service.url} has nothing more that Git lacks.\n")
    assert branch.files(commit)[f"{FOLDER}/unmanaged/vpcs/a.yaml"].endswith("spec: {}\n")


def test_dry_run(adopt: Callable[..., Said], branch: GitBranch) -> None:
    """It tells the same, and commits nothing."""
    said = adopt("--dry-run", "--managed", "--output", "json")

    assert (said.code, len(branch.history())) == (0, 1)
    told = json.loads(said.out)
    assert (told["dry_run"], told["revision"]) == (True, None)
    assert told["objects"][0] == {
        "kind": "VPC",
        "name": "a",
        "outcome": "created",
        "path": "managed/vpcs/a.yaml",
        "rule": None,
        "message": None,
    }
    assert [one["rule"] for one in told["objects"]] == [None, "Deleting"]


def test_text_of_a_dry_run(adopt: Callable[..., Said]) -> None:
    """It does not say that anything was done."""
    assert "Would be committed: 1 VPC." in adopt("--dry-run").out


def test_what_is_in_the_way(adopt: Callable[..., Said], branch: GitBranch) -> None:
    """It is named, and the exit code tells."""
    branch.push({f"{FOLDER}/unmanaged/vpcs/a.yaml": "mine: true\n"})

    said = adopt()

    assert (said.code, len(branch.history())) == (1, 2)
    assert f"blocked  VPC/a   {FOLDER}/unmanaged/vpcs/a.yaml is there" in said.out
    assert said.out.endswith("Nothing is to be committed.\n")


def test_without_the_structure(adopt: Callable[..., Said], branch: GitBranch) -> None:
    """It says which command makes it."""
    branch.push({f"{FOLDER}/.hnp/manifest.yaml": None})

    said = adopt()

    assert said.code == 1
    assert "reconciler init dc1 makes them" in " ".join(said.err.split())
