"""A tree for all tests of this folder, and places for services that run from it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from reconciler.demo.place import Place, prepare
from tests.lab.ports import free_ports
from tests.processes.deploy.tree import build

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tree() -> Path:
    return build()


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other users can enter, which pytest's own cannot be."""
    with TemporaryDirectory(prefix="reconciler-deploy-") as made:
        found = Path(made)
        found.chmod(0o711)
        yield found


@pytest.fixture
def place(folder: Path) -> Place:
    """A configuration with a repository and embedded stores, on a free port."""
    (port,) = free_ports(1)
    found = Place(folder / "place", port)
    found.folder.mkdir()
    (found.folder / "state").mkdir(mode=0o700)
    prepare(found)
    return found
