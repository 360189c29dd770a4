"""The rig, fresh and in sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.passes import Outcome
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


MANIFESTS = manifests()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.store.close()


@pytest.fixture
def synced(rig: Rig) -> Rig:
    """A fabric that one pass brought in line."""
    rig.source.push(MANIFESTS)
    rig.run()
    assert rig.last.outcome is Outcome.SUCCEEDED, rig.last.message
    return rig
