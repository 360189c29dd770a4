"""`reconciler plan --offline` on a real repository, with the CRDs of the fabric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from reconciler.demo.fabric import FabricShape, build_fabric
from tests.processes.desired.origins import Content, Origin
from tests.unit.app.configuration import LOCAL, local_repository, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

    Cli = Callable[..., Said]

CRDS = str(Path(__file__).parents[2] / "crds")
FABRIC = "fabrics/dc1"
FILES: dict[str | bytes, Content] = {
    f"{FABRIC}/{one.directory}/{one.name}.yaml": yaml.safe_dump(one.body, sort_keys=False)
    for one in build_fabric(FabricShape(spines=1, leafs=2, servers=3, vpcs=2, externals=0))
}
VPC = f"{FABRIC}/broken.yaml"
BROKEN = """\
apiVersion: vpc.githedgehog.com/v1beta1
kind: VPC
metadata: {name: broken}
spec:
  subnets:
    a: {subnet: 10.99.0.0/24, vlan: many}
"""
DANGLING = """\
apiVersion: vpc.githedgehog.com/v1beta1
kind: VPCPeering
metadata: {name: dangling}
spec:
  permit: [{elsewhere: {}, vpc-01: {}}]
"""


class Site:
    """A repository and a configuration, without the secrets that it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin = Origin(folder / "origin")
        settings(folder, LOCAL, repositories=[local_repository(self.origin.directory)])
        for secret in (folder / "secrets").iterdir():
            secret.unlink()

    @property
    def options(self) -> list[str]:
        return ["plan", "dc1", "--offline", CRDS, "--config", str(self.folder / "reconciler.yaml")]

    def write(self, files: dict[str | bytes, Content]) -> str:
        """A working copy of these files."""
        for name, text in files.items():
            path = self.folder / "copy" / str(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(text))
        return str(self.folder / "copy")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_fabric_that_is_right(cli: Cli, site: Site) -> None:
    """Without service, cluster and secrets: what a first apply creates, by wave and kind, and exit code 2."""
    commit = site.origin.commit(FILES)

    said = cli(*site.options)

    heading, columns, *rows = said.out.splitlines()
    assert heading == f"dc1 main@{commit[:8]}: 0 errors, 0 warnings; a first apply creates {len(FILES)} objects"
    assert columns.split() == ["WAVE", "KIND", "CREATE"]
    assert ["2", "Switch", "3"] in [row.split() for row in rows]
    assert "not checked: no cluster was asked" in said.out
    assert (said.code, said.err) == (2, "")


def test_problems_are_told_as_compilers_do(cli: Cli, site: Site) -> None:
    """File, line, severity, rule and field; a document that is refused makes the exit code 1, a warning does not."""
    site.origin.commit({**FILES, VPC: BROKEN, f"{FABRIC}/dangling.yaml": DANGLING})

    said = cli(*site.options)

    refused, warned, heading, *_ = said.out.splitlines()
    assert refused.startswith(f"{VPC}:6: error: ")
    assert " spec.subnets.a.vlan: " in refused
    assert warned.startswith(f"{FABRIC}/dangling.yaml:5: warning: MissingReference spec.permit[0].elsewhere: ")
    assert warned.endswith("VPC/elsewhere is not in Git; no cluster was asked whether it has it")
    assert "1 error, 1 warning; " in heading
    assert said.code == 1


def test_a_working_copy(cli: Cli, site: Site) -> None:
    """As it lies there, before anything is pushed: the repository is not asked."""
    copy = site.write({**FILES, f"{FABRIC}/dangling.yaml": DANGLING})

    said = cli(*site.options, "--directory", copy)

    warned, heading, *_ = said.out.splitlines()
    assert warned.startswith(f"{FABRIC}/dangling.yaml:5: warning: ")
    assert heading.startswith(f"dc1 {copy}: 0 errors, 1 warning; a first apply creates {len(FILES) + 1} objects")
    assert said.code == 2


def test_as_json(cli: Cli, site: Site) -> None:
    """The plan as the service gives it, with all problems, and what belongs to this form of it."""
    copy = site.write({**FILES, VPC: f"{BROKEN}---\n{BROKEN}"})

    said = cli(*site.options, "--directory", copy, "--output", "json")

    plan = json.loads(said.out)
    assert plan["offline"]["directory"] == copy
    assert plan["offline"]["crds"] == CRDS
    assert {"wave": 2, "kind": "Switch", "count": 3} in plan["offline"]["creates"]
    assert sum(one["count"] for one in plan["offline"]["creates"]) == len(plan["actions"]) == len(FILES)
    assert (plan["revision"], plan["refused"], len(plan["problems"])) == (None, 2, 2)
    assert said.code == 1


def test_nothing_to_apply(cli: Cli, site: Site) -> None:
    """A fabric that declares nothing, and nothing is wrong with: exit code 0."""
    copy = site.write({f"{FABRIC}/README.md": "empty"})

    said = cli(*site.options, "--directory", copy)

    assert said.out.splitlines()[0].endswith("0 errors, 0 warnings; a first apply creates 0 objects")
    assert said.code == 0


def test_a_repository_that_cannot_be_fetched(cli: Cli, site: Site) -> None:
    """An error, exit code 1, and no plan."""
    said = cli(*site.options)

    error, heading = said.out.splitlines()
    assert error.startswith("error: git: BranchNotFound: ")
    assert heading == "dc1 -: could not be read"
    assert said.code == 1


@pytest.mark.parametrize(
    ("options", "said_so"),
    [
        pytest.param(["plan", "dc9"], "no fabric 'dc9' is configured", id="no such fabric"),
        pytest.param(["plan", "dc1", "--directory", "."], "only looked at with --offline", id="directory alone"),
    ],
)
def test_what_makes_no_sense(cli: Cli, site: Site, options: list[str], said_so: str) -> None:
    """A sentence, and exit code 1."""
    more = [] if "--directory" in options else site.options[2:]

    said = cli(*options, *more)

    assert said.code == 1
    assert said_so in said.err


def test_a_folder_without_crds(cli: Cli, site: Site, tmp_path: Path) -> None:
    """Nothing could be checked by it."""
    (tmp_path / "crds").mkdir()
    options = [str(tmp_path / "crds") if one == CRDS else one for one in site.options]

    said = cli(*options)

    assert said.code == 1
    assert "holds no CustomResourceDefinition of Hedgehog" in said.err
