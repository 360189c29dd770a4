"""Configuration files of the settings tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.settings import known_secrets
from tests.unit.settings.example import ConfigurationFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> known_secrets.KnownSecrets:
    """What is noted as a secret: nothing yet."""
    known = known_secrets.KnownSecrets()
    monkeypatch.setattr(known_secrets, "KNOWN", known)
    return known


@pytest.fixture
def file(tmp_path: Path) -> ConfigurationFile:
    return ConfigurationFile(tmp_path)
