"""The clock of the running service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.app.clock import SystemClock


def test_now_is_utc() -> None:
    """The wall clock is the machine's, with the zone that every stored time has."""
    before = datetime.now(UTC)
    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_monotonic_never_goes_back() -> None:
    """Later looks give no smaller number."""
    clock = SystemClock()
    looks = [clock.monotonic() for _ in range(100)]

    assert looks == sorted(looks)
