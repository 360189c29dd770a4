"""How far is our clock from another machine's? Signed deliveries and tokens are believed for minutes only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.model.verification import Verdict

if TYPE_CHECKING:
    from datetime import datetime

WARNING_ABOVE = 5.0
FAILING_ABOVE = 60.0
"""Seconds."""

_RESOLUTION = timedelta(seconds=1)
"""An HTTP date tells whole seconds."""


def skew(asked: datetime, answered: datetime, said: datetime) -> float:
    """Seconds by which our clock is ahead of the other (negative: behind), at the least: the answer was made between
    `asked` and `answered` by our clock, and within the second that it names by the other.
    """
    if said > answered:
        return -(said - answered).total_seconds()
    return max(0.0, (asked - (said + _RESOLUTION)).total_seconds())


def judge(seconds: float) -> Verdict:
    distance = abs(seconds)
    if distance > FAILING_ABOVE:
        return Verdict.FAILING
    return Verdict.WARNING if distance > WARNING_ABOVE else Verdict.OK
