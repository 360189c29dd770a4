"""Findings in files of Git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.problems import NO_DIRECTORY, dotted, file_problem

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


@pytest.mark.parametrize(("rule", "place"), [("InvalidYAML", "fabrics/dc1:1"), (NO_DIRECTORY, "fabrics/dc1")])
def test_a_directory_has_no_lines(rule: str, place: str) -> None:
    """A problem stands in a line of a file, unless it is the directory that is missing."""
    assert file_problem("fabrics/dc1", rule, "it is wrong").place == place
