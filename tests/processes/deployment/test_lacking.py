"""An installation that lacks packages of others: what lacks is named, whichever command is given."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.processes.deployment.artefact import Environment

INSTALL_LOCKED = "pip install --no-deps --require-hashes -r requirements.lock"


@pytest.mark.parametrize("name", ["requests", "typer", "structlog"])
def test_findings_without_a_package(copied: Callable[[], Environment], name: str) -> None:
    """The command line needs two of these to start, and the third later: a document comes all the same, and says under
    `dependencies` which version is to be installed and how.
    """
    environment = copied()
    environment.lack(name)

    code, found = environment.findings("verify", "--installation-only")

    assert code == 1
    assert found[0]["subject"] == "integrity"
    assert found[0]["state"] == "ok"
    named = [(one["state"], one["message"], one["advice"]) for one in found if one["subject"] == "dependencies"]
    assert named[0] == ("failing", f"{name} is not installed, {metadata.version(name)} is locked", INSTALL_LOCKED)


def test_findings_without_what_compares_versions(copied: Callable[[], Environment]) -> None:
    """The check itself needs one package, and names that as it names any other."""
    environment = copied()
    environment.lack("packaging")

    code, found = environment.findings("verify", "--installation-only")

    assert (code, [one["message"] for one in found if one["subject"] == "dependencies"][:1]) == (
        1,
        ["packaging cannot be imported: ModuleNotFoundError: No module named 'packaging'"],
    )


def test_commands_without_a_package(copied: Callable[[], Environment]) -> None:
    """They name all that lack, on standard error, with what to do; `ensure` gives its findings as text as well."""
    environment = copied()
    environment.lack("requests", "sqlalchemy")
    reasons = [f"{name} is not installed, {metadata.version(name)} is locked" for name in ("requests", "sqlalchemy")]

    said = environment.run("status")
    assert said.returncode == 1
    first, *others, advice = said.stderr.splitlines()
    assert first == "error: the program cannot go on: ModuleNotFoundError: No module named 'requests'"
    assert sorted(others)[-2:] == [f"error: {reason}" for reason in reasons]
    assert advice.startswith(f"Install the packages ({INSTALL_LOCKED}), or start the image, again")

    said = environment.run("ensure")
    assert said.returncode == 1
    assert {f"failing  dependencies: {reason}" for reason in reasons} <= set(said.stdout.splitlines())
    assert "Traceback" not in said.stderr


def test_what_an_interrupted_installer_left(copied: Callable[[], Environment]) -> None:
    """It ends nothing: each folder is a warning, and all else is looked at."""
    environment = copied()
    left = [environment.packages / name for name in ("foo-1.0.dist-info", "~oo-1.0.dist-info")]
    for folder in left:
        folder.mkdir()

    code, found = environment.findings("verify", "--installation-only")

    warned = [str(one["message"]).partition(" describes no package")[0] for one in found if one["state"] == "warning"]
    assert (code, warned) == (2, list(map(str, left)))
    assert {"modules", "python", "program git"} <= {one["subject"] for one in found}
