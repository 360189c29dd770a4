"""Findings in files of Git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.problems import dotted

if TYPE_CHECKING:
    from reconciler.model.problems import Path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "permit", 0, "vpc-1"), "spec.permit[0].vpc-1"),
        ((0, "x"), "[0].x"),
        (("metadata", "labels", "a.b/c"), "metadata.labels.a.b/c"),
    ],
)
def test_paths_as_people_read_them(path: Path, text: str) -> None:
    """Names are joined by dots, and indexes stand in brackets."""
    assert dotted(path) == text
