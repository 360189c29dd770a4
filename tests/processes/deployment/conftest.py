"""One wheel and one installation of it for all tests of this folder; who damages one takes a copy."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from tests.processes.deployment.artefact import Environment, build_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder in which the first of all test processes that comes builds and installs."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "artefact"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            Environment.make(folder / "venv", build_wheel(folder))
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = (built / "wheels").glob("*.whl")
    return found


@pytest.fixture(scope="session")
def installed(built: Path) -> Environment:
    """Nobody may change it."""
    return Environment(built / "venv")


@pytest.fixture
def copied(installed: Environment, tmp_path: Path) -> Callable[[], Environment]:
    """A copy to damage."""
    return lambda: installed.copy(tmp_path / "venv")
