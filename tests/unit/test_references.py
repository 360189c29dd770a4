"""The references in `docs/` are what the program makes of itself now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.references.files import REFERENCES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.name)
def test_up_to_date(path: Path) -> None:
    """Whoever changes a route or a key runs `make docs`."""
    assert path.read_text(encoding="utf-8") == REFERENCES[path](), "stale: run `make docs`"


@pytest.mark.parametrize("path", REFERENCES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
