"""What the store keeps for receivers of notifications."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.notifications import Followed, Notice, NoticeEvent, Owed, Place, Sight, Was
from reconciler.model.status import SyncStatus
from reconciler.store import Store, open_store
from tests.unit.store.samples import NOON, SetClock, pass_result

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGHT = Sight("dc1", SyncStatus.ERROR, "R", "m", "main@sha1:a", "p1", (Place("a.yaml", 3, "Rule"),), 7, ("cluster",))
WAS = Was(SyncStatus.IN_SYNC, "Succeeded", NOON)
NOTICE = Notice(NoticeEvent.TROUBLE, SIGHT, NOON, NOON, WAS)
BARE = Followed(SyncStatus.IN_SYNC, "Succeeded", NOON, NOON)
FULL = Followed(SyncStatus.ERROR, "R", NOON, NOON, WAS, NOTICE, NOON, Owed(NOTICE, "d1", is_tried=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "state.db", SetClock())) as store:
        yield store


def test_what_is_saved_is_read(store: Store, tmp_path: Path) -> None:
    """Every value as it was, also by the next process; a fabric that never had a pass has a place too."""
    rows = {("hook", "dc1"): FULL, ("hook", "dc2"): BARE, ("pager", "dc1"): BARE}
    assert store.followed() == {}

    store.save_followed(rows)

    assert store.followed() == rows
    store.close()
    with closing(open_store(tmp_path / "state.db", SetClock())) as again:
        assert again.followed() == rows


def test_changes(store: Store) -> None:
    """What is named is replaced or forgotten, and the rest stays; nothing at all may be named."""
    store.save_followed({("hook", "dc1"): BARE, ("hook", "dc2"): BARE, ("pager", "dc1"): BARE})
    store.save_followed({("hook", "dc1"): FULL, ("hook", "dc2"): None, ("hook", "unknown"): None})
    store.save_followed({})

    assert store.followed() == {("hook", "dc1"): FULL, ("pager", "dc1"): BARE}


def test_passes_leave_it(store: Store) -> None:
    """The end of a pass moves nothing of it: who is told what is decided apart."""
    store.save_followed({("hook", "dc1"): replace(FULL, owed=None)})
    store.record_pass(pass_result("p1"))

    assert store.followed() == {("hook", "dc1"): replace(FULL, owed=None)}
