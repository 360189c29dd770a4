"""What a site says of its fabric, when that is written, and whose a site is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.netbox_site import SiteValue, SiteWrite, Standing
from reconciler.model.passes import SyncState
from reconciler.model.status import FabricRecord
from reconciler.plan.netbox_site import bound_elsewhere, site_write, standing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = Standing("in_sync", "main@sha1:1", NOON, 0, NOON + timedelta(hours=2))
SAID: dict[str, SiteValue] = {
    "hh_sync_status": "in_sync",
    "hh_revision": "main@sha1:1",
    "hh_last_sync": "2026-03-01T12:00:00.000Z",
    "hh_drift": 0,
    "hh_valid_until": "2026-03-01T14:00:00.000Z",
}
LATER = replace(NOW, last_sync=NOON + timedelta(hours=1), valid_until=NOON + timedelta(hours=3))
SAID_LATER = {**SAID, "hh_last_sync": "2026-03-01T13:00:00.000Z", "hh_valid_until": "2026-03-01T15:00:00.000Z"}


@pytest.mark.parametrize(
    ("before", "now", "at", "is_poll", "expected"),
    [
        pytest.param({}, NOW, NOON, False, SiteWrite(SAID, is_new_status=True), id="nothing was said"),
        pytest.param(SAID, NOW, NOON, True, None, id="all is said"),
        pytest.param(SAID, LATER, NOON, False, None, id="only times moved"),
        pytest.param(SAID, LATER, NOON, True, SiteWrite(SAID_LATER), id="times, by the poll's pass"),
        pytest.param(SAID, LATER, NOON + timedelta(hours=2), False, None, id="at the last moment that it holds"),
        pytest.param(SAID, LATER, NOON + timedelta(hours=2, seconds=1), False, SiteWrite(SAID_LATER), id="over"),
        pytest.param({**SAID, "hh_valid_until": None}, LATER, NOON, False, SiteWrite(SAID_LATER), id="no end"),
        pytest.param({**SAID, "hh_valid_until": "soon"}, LATER, NOON, False, SiteWrite(SAID_LATER), id="no time"),
        pytest.param(
            SAID, replace(LATER, drift=2), NOON, False, SiteWrite({**SAID_LATER, "hh_drift": 2}), id="drift changed"
        ),
        pytest.param({**SAID, "hh_drift": None}, NOW, NOON, False, SiteWrite(SAID), id="no drift is not 0"),
        pytest.param(
            SAID,
            replace(NOW, revision="main@sha1:2"),
            NOON,
            False,
            SiteWrite({**SAID, "hh_revision": "main@sha1:2"}),
            id="revision changed",
        ),
        pytest.param(
            SAID,
            replace(NOW, status="error"),
            NOON,
            False,
            SiteWrite({**SAID, "hh_sync_status": "error"}, is_new_status=True, was="in_sync"),
            id="status changed",
        ),
        pytest.param(
            {**SAID, "hh_last_sync": "2026-03-01T13:00:00+01:00", "hh_valid_until": "2026-03-01T14:00:00"},
            NOW,
            NOON,
            True,
            None,
            id="the same times in other words",
        ),
        pytest.param(
            {**SAID, "hh_revision": "", "hh_last_sync": None},
            replace(NOW, revision=None, last_sync=None),
            NOON,
            True,
            None,
            id="no text is none",
        ),
    ],
)
def test_what_is_written(
    before: dict[str, SiteValue],
    now: Standing,
    at: datetime,
    is_poll: bool,  # noqa: FBT001 - a column of the table
    expected: SiteWrite | None,
) -> None:
    """Status, revision and drift at once, times with the poll's pass and once they are over; else nothing."""
    assert site_write(before, now, at=at, is_poll=is_poll) == expected


def test_standing() -> None:
    """A standing holds until the next poll is a whole interval late, and without a poll for no time."""
    record = FabricRecord(
        "dc1",
        applied_revision="main@sha1:1",
        last_sync=NOON,
        next_poll=NOON + timedelta(hours=1),
        effective_interval=3600.0,
        states={"VPC": {SyncState.CHANGED: 1, SyncState.DESIRED_ONLY: 1, SyncState.IN_SYNC: 5}},
    )

    assert standing("out_of_sync", record) == replace(NOW, status="out_of_sync", drift=2)
    assert standing("error", replace(record, next_poll=None)).valid_until is None
    assert standing("disabled", record).valid_until is None


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        ({}, None),
        ({"hh_installation": None}, None),
        ({"hh_installation": ""}, None),
        ({"hh_installation": "a"}, None),
        ({"hh_installation": "b"}, "b"),
    ],
)
def test_whose_a_site_is(fields: dict[str, SiteValue], other: str | None) -> None:
    """A site without a binding is nobody's; ours stays ours."""
    assert bound_elsewhere(fields, "a") == other
