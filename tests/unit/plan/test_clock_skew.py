"""How far is our clock from another machine's?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.verification import Verdict
from reconciler.plan.clock_skew import judge, skew

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "answered", "seconds"),
    [
        (0.0, 0.2, 0.0),
        (0.9, 1.1, 0.0),  # the other clock tells whole seconds
        (-3.0, 4.0, 0.0),  # a slow answer proves nothing
        (8.0, 8.5, 7.0),
        (-8.0, -7.5, -7.5),
    ],
)
def test_the_least_distance(asked: float, answered: float, seconds: float) -> None:
    """Only what is certain counts: the answer was made within the request, and within the second that it names."""
    times = NOON + timedelta(seconds=asked), NOON + timedelta(seconds=answered)

    assert skew(*times, NOON) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [
        (5.0, Verdict.OK),
        (-5.0, Verdict.OK),
        (5.1, Verdict.WARNING),
        (-60.0, Verdict.WARNING),
        (60.1, Verdict.FAILING),
        (-61.0, Verdict.FAILING),
    ],
)
def test_how_bad_it_is(seconds: float, verdict: Verdict) -> None:
    """In either direction."""
    assert judge(seconds) is verdict
