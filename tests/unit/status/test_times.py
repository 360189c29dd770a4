"""Times as the API writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.status.times import rfc3339


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        pytest.param(datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00.000Z", id="whole seconds"),
        pytest.param(datetime(2026, 3, 1, 12, 0, 0, 250_999, UTC), "2026-03-01T12:00:00.250Z", id="milliseconds"),
        pytest.param(
            datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-02-28T22:30:00.000Z",
            id="other zone",
        ),
        pytest.param(None, None, id="never"),
    ],
)
def test_rfc3339(time: datetime | None, expected: str | None) -> None:
    """RFC 3339, in UTC whatever the zone was, cut to the millisecond."""
    assert rfc3339(time) == expected
