"""A tree for all tests of this folder, and places for services that run from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.demo.place import Place, prepare
from tests.lab.ports import free_ports
from tests.processes.deploy.tree import build

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def tree() -> Path:
    return build()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A configuration with a repository and embedded stores, on a free port."""
    (port,) = free_ports(1)
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "state").mkdir(mode=0o700)
    found = Place(folder, port)
    prepare(found)
    return found
