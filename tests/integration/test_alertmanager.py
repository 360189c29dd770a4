"""A real Alertmanager takes our alerts, and knows by them when a trouble begins, changes and ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from reconciler.model.answers import AnswerKind
from reconciler.model.notifications import Notice, NoticeEvent, Owed, Sight, Was
from reconciler.model.status import SyncStatus
from reconciler.status.notifications import HttpReceiver, ReceiverAccess
from tests.lab import alertmanager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Url:
    value: str
    is_secret: bool = False

    def read(self) -> str:
        return self.value


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        raise NotImplementedError  # nobody asks


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    with alertmanager.running(folder) as url:
        yield url


def _active(url: str) -> dict[str, Any]:
    """The alerts that fire, by severity."""
    found = requests.get(f"{url}/api/v2/alerts", params={"active": "true"}, timeout=10).json()
    return {alert["labels"]["severity"]: alert for alert in found}


def test_an_alert_lives_and_ends(url: str) -> None:
    """It fires with all that people need, is one alert however often it is sent, takes another severity, and ends."""
    receiver = HttpReceiver(
        ReceiverAccess("pager", "alertmanager", Url(url), public_url="https://r", repeat=60.0), Now()
    )
    now = datetime.now(UTC)
    since = now - timedelta(minutes=5)
    drifted = Sight("dc1", SyncStatus.OUT_OF_SYNC, "Drifted", "3 objects differ", "main@sha1:a", "p1")
    broken = replace(drifted, status=SyncStatus.ERROR, reason="Partial")
    fine = replace(drifted, status=SyncStatus.IN_SYNC, reason="Succeeded")
    trouble = Notice(NoticeEvent.TROUBLE, drifted, since, now)
    was = Was(SyncStatus.OUT_OF_SYNC, "Drifted", since)

    def send(notice: Notice) -> None:
        assert receiver.send(Owed(notice, "d")).kind is AnswerKind.SENT

    send(trouble)
    send(replace(trouble, event=NoticeEvent.REPEAT, was=was))
    (alert,) = _active(url).values()
    assert alert["labels"] == {"alertname": "HedgehogFabricNotInSync", "fabric": "dc1", "severity": "warning"}
    assert alert["generatorURL"] == "https://r/fabrics/dc1"
    assert alert["annotations"]["description"] == "3 objects differ"
    ends = datetime.fromisoformat(alert["endsAt"])
    assert timedelta(seconds=200) < ends - datetime.now(UTC) < timedelta(seconds=241)

    send(Notice(NoticeEvent.CHANGE, broken, now, datetime.now(UTC), was))
    assert _active(url).keys() == {"critical"}

    send(Notice(NoticeEvent.RECOVERY, fine, now, datetime.now(UTC), Was(SyncStatus.ERROR, "Partial", now)))
    assert _active(url) == {}
