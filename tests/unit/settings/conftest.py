"""Configuration files of the settings tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.settings.example import ConfigurationFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> ConfigurationFile:
    return ConfigurationFile(tmp_path)
