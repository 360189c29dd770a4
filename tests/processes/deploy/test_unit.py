"""The unit file as systemd itself reads it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.packages import ensure, locate
from tests.lab.progress import Progress
from tests.processes.deploy.supervisor import Unit
from tests.processes.deploy.tree import PREFIX, PROJECT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = PROJECT / "deploy" / "systemd" / "hedgehog-reconciler.service"
MOST_EXPOSED = 15
"""Tenths of the points that `systemd-analyze security` gives: 100 without any bounds, below 20 "OK"."""


@pytest.fixture
def unit(tree: Path, tmp_path: Path) -> Path:
    """The unit file, with its program where it is here."""
    path = tmp_path / SOURCE.name
    path.write_text(SOURCE.read_text().replace(PREFIX, str(tree)))
    return path


def _analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    ensure({"systemd-analyze"}, Progress())
    return subprocess.run(
        [locate("systemd-analyze"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_takes_the_unit(unit: Path) -> None:
    """Every key is known and every value is one of its kind."""
    answer = _analyze("verify", "--man=no", str(unit))

    assert (answer.returncode, answer.stderr) == (0, "")


def test_systemd_tells_a_wrong_unit(unit: Path) -> None:
    """A program that is not there, and a key that does not exist."""
    unit.write_text(unit.read_text().replace("/bin/reconciler serve", "/bin/nothing serve\nRestrat=always"))

    answer = _analyze("verify", "--man=no", str(unit))

    assert "Restrat" in answer.stderr
    assert "is not executable" in answer.stderr


def test_little_is_exposed(unit: Path) -> None:
    """By systemd's own measure."""
    answer = _analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit))

    assert answer.returncode == 0, answer.stdout


def test_without_its_bounds_more_is_exposed(unit: Path) -> None:
    """The measure takes notice."""
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "").replace("CapabilityBoundingSet=\n", ""))

    answer = _analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit))

    assert answer.returncode == 1, answer.stdout


def test_it_is_given_the_time_that_it_needs() -> None:
    """More than the 20 s in which it ends, and it is never given up."""
    unit = Unit.read(SOURCE.read_text())

    assert unit.seconds("TimeoutStopSec") > 20
    assert unit.one("Restart") == "always"
    assert "StartLimitIntervalSec=0" in SOURCE.read_text()
    assert unit.one("ExecStart") == f"{PREFIX}/bin/reconciler serve"
