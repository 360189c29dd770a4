"""A state file of an earlier version becomes one of the present version, with all that it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.errors import StateError
from reconciler.model.netbox import Ref
from reconciler.model.requests import RequestState
from reconciler.model.status import Approval, Suspension, WebhookRecord
from reconciler.store import migrations, open_store
from reconciler.store.schema import VERSION
from tests.unit.store.samples import COMMITS, NOON, REVISIONS, SetClock, entry, key, object_state, pass_record, request

EARLIER = {version: Path(__file__).with_name(f"version_{version}.sql") for version in migrations.STEPS}
"""What a program of each earlier version left: its tables, and a value in each."""


def _earlier(folder: Path, version: int) -> Path:
    path = folder / "state.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(EARLIER[version].read_text())
    return path


def _shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Columns and indexes of every table, whatever the words that made them."""
    with closing(sqlite3.connect(path)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL")]
        return {name: database.execute("SELECT * FROM pragma_table_xinfo(?)", [name]).fetchall() for name in names}


def _version(path: Path) -> list[tuple[int]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT version FROM schema_version").fetchall()


def test_every_earlier_version_has_a_step() -> None:
    """No version between the first and the present one is left without a way forward."""
    assert list(migrations.STEPS) == list(range(1, VERSION))


@pytest.mark.parametrize("version", EARLIER)
def test_the_shape_is_that_of_a_new_file(tmp_path: Path, version: int) -> None:
    """A file that was brought forward has the tables, columns and indexes of one that was made today."""
    path, fresh = _earlier(tmp_path, version), tmp_path / "fresh.db"
    for file in (path, fresh):
        with closing(open_store(file, SetClock())):
            pass

    assert _shape(path) == _shape(fresh)
    assert _version(path) == [(VERSION,)]


@pytest.mark.parametrize("version", EARLIER)
def test_nothing_is_lost(tmp_path: Path, version: int) -> None:
    """Requests, deliveries, passes, inventory and documents are read as they were written."""
    with closing(open_store(_earlier(tmp_path, version), SetClock())) as store:
        assert store.unfinished() == [request("r2", commit=COMMITS[2])]
        answered = store.request("r1")
        assert answered is not None
        assert (answered.state, answered.pass_id) == (RequestState.SUCCEEDED, "p1")
        assert store.delivered("github", "d1") == ("r1",)
        assert store.webhook("gitops") == WebhookRecord("gitops", NOON, NOON)
        assert store.fabric("dc1").desired_revision == REVISIONS[2]
        assert store.fabric("dc1").last_sync == NOON
        assert store.pass_("dc1", "p1") == pass_record("p1")
        assert store.inventory("dc1") == {key("a"): entry("a")}
        assert store.objects("dc1") == [object_state("a")]
        assert store.load("netbox") == {"a": {"id": 1}}
        assert store.suspension("dc1") is None
        assert store.suspension("dc2") == (None if version == 1 else Suspension(NOON, "cabling"))
        assert store.lines("dc1", "https://netbox") == {}
        assert store.approval("dc1") is None


@pytest.mark.parametrize("version", EARLIER)
def test_what_is_new_works_at_once(tmp_path: Path, version: int) -> None:
    """A file that was brought forward takes what only the present version knows, and opens again."""
    path = _earlier(tmp_path, version)
    with closing(open_store(path, SetClock())) as store:
        store.suspend("dc1", "cabling", "ann")
        store.approve("dc1", "a" * 64, "ann")
        store.keep_lines("dc1", "https://netbox", {Ref("ipam/vrfs", "dc1/VPC/v"): "name:abc"})

    with closing(open_store(path, SetClock())) as store:
        assert store.suspension("dc1") == Suspension(NOON, "cabling", "ann")
        assert store.approval("dc1") == Approval("a" * 64, NOON, "ann")
        assert store.lines("dc1", "https://netbox") == {Ref("ipam/vrfs", "dc1/VPC/v"): "name:abc"}


def test_a_step_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is made whole or not at all: after one that failed the file is still of its version, and opens later."""
    path = _earlier(tmp_path, 1)
    before = _shape(path)
    steps = {**migrations.STEPS, 1: (*migrations.STEPS[1], "CREATE TABLE fabrics (name TEXT)")}
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "STEPS", steps)
        with pytest.raises(StateError, match="table fabrics already exists"):
            open_store(path, SetClock())

    assert (_shape(path), _version(path)) == (before, [(1,)])
    with closing(open_store(path, SetClock())):
        pass
    assert _version(path) == [(VERSION,)]


def test_what_cannot_be_read_lets_go(tmp_path: Path) -> None:
    """A suspension that cannot be read is refused with the file's name, and nothing is held afterwards."""
    path = _earlier(tmp_path, 1)
    with closing(open_store(path, SetClock())) as store:
        store.suspend("dc1", None)
    _execute(path, "UPDATE suspensions SET since = 'noon'")

    with pytest.raises(StateError, match=f"^{path}: a stored time cannot be read"):
        open_store(path, SetClock())

    _execute(path, "DELETE FROM suspensions")
    with closing(open_store(path, SetClock())):
        pass


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
