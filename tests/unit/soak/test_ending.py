"""The soak is at its end when a pass that began afterwards says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.soak.ending import unrest

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

TIP = "main@sha1:4f2c"
QUIET = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _status(after: float = 1.0, outcome: str = "succeeded", **changes: object) -> JSONObject:
    """Of a fabric whose last pass began so many seconds after all was quiet."""
    started = (QUIET + timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
    return {
        "sync_status": "in_sync",
        "reason": "InSync",
        "message": "",
        "reconciling": False,
        "revision": TIP,
        "last_pass": {"started": started, "outcome": outcome},
        **changes,
    }


def test_in_sync_by_a_pass_of_afterwards() -> None:
    assert unrest(_status(), TIP, QUIET) is None


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(_status(after=-0.6), id="a pass that may not have seen the last edit"),
        pytest.param(_status(after=0.0), id="one of the same moment"),
        pytest.param(_status(last_pass=None), id="no pass at all"),
        pytest.param(_status(outcome="no_change"), id="one that did not look"),
        pytest.param(_status(sync_status="out_of_sync"), id="out of sync"),
        pytest.param(_status(reconciling=True), id="at work"),
        pytest.param(_status(revision="main@sha1:0000"), id="another commit"),
    ],
)
def test_anything_else_is_told(status: JSONObject) -> None:
    told = unrest(status, TIP, QUIET)

    assert told is not None
    assert told.endswith(f"the branch is at {TIP}")
    assert str(status["last_pass"]) in told
