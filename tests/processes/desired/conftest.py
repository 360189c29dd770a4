"""Repositories, hosts and mirrors for the tests of the desired state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.desired.origins import Host, Origin, mirror_of, run_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.desired.git import Mirror


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    """An empty repository."""
    return Origin(tmp_path / "origin")


@pytest.fixture
def mirror(origin: Origin, tmp_path: Path) -> Mirror:
    """A mirror of `origin`, not fetched yet."""
    return mirror_of(origin.url, tmp_path / "state" / "mirror")


@pytest.fixture
def host() -> Iterator[Host]:
    with run_host() as host:
        yield host
