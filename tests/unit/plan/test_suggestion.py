"""What is said of a name that nobody knows."""

from __future__ import annotations

import pytest

from reconciler.plan.suggestion import suggestion


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        pytest.param("dc-eas", ["dc-west", "dc-east"], "did you mean dc-east?", id="mistyped"),
        pytest.param("DC1", ["dc1"], "there is dc1", id="one that is unlike"),
        pytest.param("x", ["b", "a"], "there are a, b", id="none is near"),
        pytest.param("x", [], "there is none", id="nothing is configured"),
        pytest.param(
            "x",
            [f"dc{number:02}" for number in range(12)],
            "there are dc00, dc01, dc02, dc03, dc04, dc05, dc06, dc07, dc08, dc09 and 2 more",
            id="many",
        ),
    ],
)
def test_suggestion(name: str, known: list[str], said: str) -> None:
    """The nearest name, or those that there are."""
    assert suggestion(name, known) == said
