"""How figures are printed: one line each, beside the goal or the baseline that they are measured against."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<44} {figure}\n")
    sys.stdout.flush()


def summary(seconds: Sequence[float]) -> str:
    """Median and 95th percentile, in seconds."""
    return f"p50 {statistics.median(seconds):.2f} s, p95 {_percentile(seconds, 0.95):.2f} s, n={len(seconds)}"


def in_milliseconds(seconds: Sequence[float]) -> str:
    """Median and 99th percentile, in milliseconds."""
    low, high = statistics.median(seconds) * 1000, _percentile(seconds, 0.99) * 1000
    return f"p50 {low:.0f} ms, p99 {high:.0f} ms, n={len(seconds)}"


def _percentile(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
