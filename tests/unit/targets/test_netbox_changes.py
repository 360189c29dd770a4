"""What NetBox's own log tells of what was written, and when it cannot tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest

from reconciler.errors import NetBoxAccessError
from reconciler.targets.netbox.changes import Mark, newest, since

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARK = Mark(7, NOW, frozenset({6, 7}))


def change(number: int, kind: str = "dcim.device", record: int = 1) -> JSONObject:
    return {"id": number, "time": NOW.isoformat(), "changed_object_type": kind, "changed_object_id": record}


class Log:
    """A client that knows one page of the log, newest first; None: it may not be seen."""

    def __init__(self, found: list[JSONObject] | None, *, is_cut: bool = False) -> None:
        self._found = found
        self._is_cut = is_cut
        self.asked: list[Mapping[str, object]] = []

    def page(self, path: str, params: Mapping[str, object]) -> tuple[list[JSONObject], bool]:
        assert path == "core/object-changes"
        self.asked.append(params)
        if self._found is None:
            raise NetBoxAccessError("HTTP 403")
        return self._found, self._is_cut


def client(log: Log) -> NetBoxClient:
    return cast("NetBoxClient", log)


def test_newest() -> None:
    """The mark is the newest change, with the numbers of those around it; a log that is empty or hidden has none."""
    mark = newest(client(Log([change(9), change(8)])))
    assert mark == Mark(9, NOW)
    assert mark is not None
    assert mark.seen == {8, 9}
    assert newest(client(Log([]))) is None
    assert newest(client(Log(None))) is None


def test_what_was_written_since() -> None:
    """Only what was not seen before counts, also where its number is lower; other models are passed over."""
    found = [
        change(9, "ipam.vlan", 4),
        change(8, record=3),
        change(7),
        change(6),
        change(5, record=2),
        change(4, "x.y"),
    ]
    log = Log(found)
    changes = since(client(log), MARK)

    assert changes is not None
    assert changes.touched == {"ipam/vlans": {4}, "dcim/devices": {2, 3}}
    assert (changes.mark, changes.mark.seen) == (Mark(9, NOW), frozenset(range(4, 10)))
    assert log.asked[0]["time_after"] == (NOW - timedelta(seconds=60)).isoformat()


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(Log([change(9), change(8)]), id="cut off, or set back and gone on"),
        pytest.param(Log([change(6)]), id="set back"),
        pytest.param(Log([]), id="empty"),
        pytest.param(Log(None), id="hidden"),
        pytest.param(Log([change(8), change(7)], is_cut=True), id="more than a page"),
        pytest.param(Log([change(8, "extras.tag"), change(7)]), id="a tag"),
        pytest.param(Log([change(8), change(7) | {"time": "2026-03-01T11:00:00Z"}]), id="set back, and as far again"),
    ],
)
def test_when_the_log_cannot_tell(log: Log) -> None:
    """Then everything is read again."""
    assert since(client(log), MARK) is None
