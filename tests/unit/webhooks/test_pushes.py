"""What pushes of all forges have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.payloads import github
from webhooks.payload import Fields
from webhooks.providers.pushes import NO_COMMIT, replaced

if TYPE_CHECKING:
    from reconciler.model.json import JSON


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (github.BEFORE, github.BEFORE),
        (NO_COMMIT, None),
        (None, None),
        ("", None),
        (github.BEFORE.upper(), None),
        (github.BEFORE + "\n", None),
        (5, None),
        ([github.BEFORE], None),
    ],
)
def test_the_commit_before(before: JSON, expected: str | None) -> None:
    """A hint that nothing depends on: what is no commit is as if it were not there, and refuses nothing."""
    assert replaced(Fields({"before": before}), "before") == expected


def test_no_commit_before() -> None:
    """Senders may leave it out."""
    assert replaced(Fields({}), "before") is None
