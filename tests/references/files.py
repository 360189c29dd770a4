"""Which references there are."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.references import api, configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCS = Path(__file__).parents[2] / "docs"

REFERENCES: Mapping[Path, Callable[[], str]] = MappingProxyType(
    {DOCS / "api.md": api.render, DOCS / "configuration.md": configuration.render}
)
