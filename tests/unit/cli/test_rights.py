"""`reconciler rbac` prints what the files in `deploy/kubernetes/rbac` hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from reconciler.cli import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Said

RBAC = Path(__file__).parents[3] / "deploy" / "kubernetes" / "rbac"


def _printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["rbac", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("mode", ["apply", "observe"])
def test_the_manifests_are_those_of_the_table(mode: str) -> None:
    """Whoever changes the table of kinds says `make rbac`."""
    assert (RBAC / mode / "rbac.yaml").read_text() == _printed("--mode", mode)


def test_both_forms_say_the_same() -> None:
    """As YAML and as JSON, for another namespace and another account."""
    options = ("--mode", "observe", "--namespace", "fab", "--account", "robot", "--account-namespace", "ops")

    documents = list(yaml.safe_load_all(_printed(*options)))

    assert json.loads(_printed(*options, "--output", "json")) == {
        "apiVersion": "v1",
        "kind": "List",
        "items": documents,
    }
    assert documents[0]["metadata"] == {"name": "hedgehog-reconciler-observer", "namespace": "fab"}
    assert documents[1]["subjects"] == [{"kind": "ServiceAccount", "name": "robot", "namespace": "ops"}]


@pytest.mark.parametrize("name", ["A b", "a\n", "-a", "a.b", "", "a" * 64])
@pytest.mark.parametrize("option", ["--namespace", "--account-namespace"])
def test_a_name_that_no_namespace_has(cli: Callable[..., Said], option: str, name: str) -> None:
    """It is refused by the option, and nothing is printed that an API server would refuse."""
    said = cli("rbac", f"{option}={name}")

    assert (said.code, said.out) == (1, "")
    assert option in said.err
    assert "1 to 63 small letters" in said.err
