"""A state file of an earlier version becomes one of the present version, with all that it holds."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from structlog.testing import capture_logs

from reconciler.errors import StateError
from reconciler.model.netbox import Ref
from reconciler.model.requests import RequestState
from reconciler.model.status import Approval, Suspension, WebhookRecord
from reconciler.store import Look, connection, look_at, open_store
from reconciler.store.migrations import SCRIPTS, migrate
from reconciler.store.schema import VERSION, metadata, revision_of
from tests.unit.store.samples import COMMITS, NOON, REVISIONS, SetClock, entry, key, object_state, pass_record, request

if TYPE_CHECKING:
    from sqlalchemy import Connection

EARLIER = {version: Path(__file__).with_name(f"version_{version}.sql") for version in range(1, VERSION)}
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


def _version(path: Path) -> int | None:
    found = look_at(path)
    return found.version if found else None


def _backup(path: Path) -> Path:
    return path.with_name(f"{path.name}.before-{VERSION}")


def test_every_version_has_a_step() -> None:
    """The steps lead from the first version to the present one, one after another."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    steps = list(ScriptDirectory.from_config(config).walk_revisions())

    assert [step.revision for step in reversed(steps)] == [revision_of(number) for number in range(1, VERSION + 1)]
    assert [step.down_revision for step in steps] == [revision_of(number) for number in range(VERSION - 1, 0, -1)] + [
        None
    ]


def test_the_steps_lead_to_the_tables() -> None:
    """All steps from nothing on make what the program's tables are, as Alembic compares them."""
    engine = create_engine("sqlite://")
    with engine.connect() as empty:
        migrate(empty, 0)
        context = MigrationContext.configure(empty, opts={"include_name": _is_compared})
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert [one for one in differences if getattr(one[1], "name", "") != "alembic_version"] == []


def _is_compared(name: str | None, _type: str, _parents: object) -> bool:
    return name != "alembic_version"


@pytest.mark.parametrize("version", EARLIER)
def test_the_shape_is_that_of_a_new_file(tmp_path: Path, version: int) -> None:
    """A file that was brought forward has the tables, columns and indexes of one that was made today."""
    path, fresh = _earlier(tmp_path, version), tmp_path / "fresh.db"
    for file in (path, fresh):
        with closing(open_store(file, SetClock())):
            pass

    assert _shape(path) == _shape(fresh)
    assert _version(path) == _version(fresh) == VERSION


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
        kept = {Ref("ipam/vrfs", "dc1/VPC/v"): "name:abc"} if version == 4 else {}
        assert store.lines("dc1", "https://netbox") == kept
        assert store.owing_repositories() == ({"gitops"} if version == 4 else set())
        assert store.followed() == {}
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


@pytest.mark.parametrize("version", EARLIER)
def test_a_step_that_fails_changes_nothing(tmp_path: Path, version: int) -> None:
    """All steps are made or none: after one that failed the file is still of its version, and opens later."""
    path = _earlier(tmp_path, version)
    _execute(path, "CREATE TABLE notifications (x)")  # what the last step is about to make
    before = _shape(path)
    with pytest.raises(StateError, match="table notifications already exists"):
        open_store(path, SetClock())

    assert (_shape(path), _version(path)) == (before, version)
    _execute(path, "DROP TABLE notifications")
    with closing(open_store(path, SetClock())):
        pass
    assert _version(path) == VERSION


@pytest.mark.parametrize("version", EARLIER)
def test_a_crash_before_the_end_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """What a process leaves that dies after the last step and before the end of the transaction is of the earlier
    version, with a backup beside it, and is upgraded by the next one.
    """
    path, crashed = _earlier(tmp_path, version), tmp_path / "crashed"

    def die(open_: Connection, found: int) -> None:
        migrate(open_, found)
        # Of what is in memory nothing would be left.
        shutil.copytree(tmp_path, crashed, ignore=shutil.ignore_patterns("crashed", "*.lock"))

    monkeypatch.setattr(connection, "migrate", die)
    open_store(path, SetClock()).close()
    monkeypatch.undo()
    left = crashed / path.name
    assert _version(left) == version
    assert _dump(left) == _dump(_backup(left))
    open_store(left, SetClock()).close()

    assert _version(left) == VERSION
    assert _dump(left) == _dump(path)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Alembic keeps quiet: standard output is for answers."""
    with capture_logs() as log, closing(open_store(_earlier(tmp_path, 1), SetClock())):
        pass

    assert capfd.readouterr() == ("", "")
    assert [(entry["event"], entry["version"], entry["upgraded_to"]) for entry in log] == [
        ("state file backed up before its upgrade", 1, VERSION),
        ("state file upgraded", 1, VERSION),
    ]


def test_alembic_is_loaded_only_for_an_upgrade(tmp_path: Path) -> None:
    """It takes a third of a second and 11 MB, which a start with a new or a present file does not pay."""
    code = (
        "import sys; from pathlib import Path; from reconciler.store import open_store; "
        "from tests.unit.store.samples import SetClock; path = Path(sys.argv[1]); "
        "open_store(path, SetClock()).close(); open_store(path, SetClock()).close(); print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "state.db")]
    result = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)

    assert result.stdout == "False\n"


# Backups


@pytest.mark.parametrize("version", EARLIER)
def test_a_backup_is_the_file_of_before(tmp_path: Path, version: int) -> None:
    """It holds all that the file held, in one file, for its owner's eyes only; put back, it is upgraded again."""
    path = _earlier(tmp_path, version)
    before = _dump(path)
    umask = os.umask(0)
    try:
        open_store(path, SetClock()).close()
    finally:
        os.umask(umask)

    assert _dump(_backup(path)) == before
    assert _backup(path).stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"state.db", "state.db.lock", _backup(path).name}
    _backup(path).replace(path)
    open_store(path, SetClock()).close()
    assert _version(path) == VERSION


def test_a_backup_holds_what_is_only_in_the_log(tmp_path: Path) -> None:
    """What a crash left in the write-ahead log is in the backup too."""
    path = _earlier(tmp_path, 4)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("UPDATE approvals SET by = 'eve'")
        database.commit()
        for name in (path.name, f"{path.name}-wal"):
            shutil.copy(tmp_path / name, tmp_path / f"crashed-{name}")
    crashed = tmp_path / f"crashed-{path.name}"
    open_store(crashed, SetClock()).close()

    assert "'eve'" in _dump(_backup(crashed))


def test_the_last_backups_are_kept(tmp_path: Path) -> None:
    """Of older ones only the newest stay; files of other names are not ours to delete."""
    path = _earlier(tmp_path, 4)
    for name in ("before-1", "before-2", "before-3", "before-4", "before-long", "before-2.mine"):
        path.with_name(f"{path.name}.{name}").touch()
    open_store(path, SetClock()).close()

    found = {file.name.partition(".before-")[2] for file in tmp_path.iterdir() if ".before-" in file.name}
    assert found == {"3", "4", "5", "long", "2.mine"}


def test_no_upgrade_without_a_backup(tmp_path: Path) -> None:
    """Where no backup can be made the file stays as it is, and the reason is said."""
    path = _earlier(tmp_path, 4)
    before = _dump(path)
    _backup(path).mkdir()
    (_backup(path) / "x").touch()

    with pytest.raises(StateError, match="no backup could be made before the upgrade from schema version 4 to 5"):
        open_store(path, SetClock())

    assert (_dump(path), _version(path)) == (before, 4)
    assert not _backup(path).with_name(f"{_backup(path).name}.part").exists()


def test_a_full_disk_stops_the_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that cannot be brought to the disk counts as none."""
    path = _earlier(tmp_path, 4)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(StateError, match="so nothing was changed: No space left on device"):
            open_store(path, SetClock())

    assert _version(path) == 4
    assert [file.name for file in tmp_path.iterdir() if "before" in file.name] == []


# Looking


def test_a_look_at_a_file_in_use(tmp_path: Path) -> None:
    """The version can be told while a service uses the file, which notices nothing."""
    path = tmp_path / "odd ?mode#%41.db"
    with closing(open_store(path, SetClock())) as store:
        assert look_at(path) == Look(VERSION)
        store.probe()
    files = {file.name for file in tmp_path.iterdir()}

    found = look_at(path)

    assert found is not None
    assert (found.is_current, found.is_later) == (True, False)
    assert {file.name for file in tmp_path.iterdir()} == files


def test_a_look_at_other_files(tmp_path: Path) -> None:
    """An earlier and a later version, no file, an empty one, one of somebody else, and none that is a database."""
    path = _earlier(tmp_path, 3)
    earlier, before = look_at(path), path.read_bytes()
    assert earlier == Look(3)
    assert (earlier.is_current, earlier.is_later) == (False, False)
    assert path.read_bytes() == before
    _execute(path, "UPDATE schema_version SET version = 9")
    later = look_at(path)
    assert later is not None
    assert later.is_later
    assert look_at(tmp_path / "absent.db") is None
    (tmp_path / "empty.db").touch()
    assert look_at(tmp_path / "empty.db") is None
    other = tmp_path / "other.db"
    _execute(other, "CREATE TABLE customers (name TEXT)")
    with pytest.raises(StateError, match="not a state file of the reconciler"):
        look_at(other)
    other.write_text("no database" * 100)
    with pytest.raises(StateError, match="file is not a database"):
        look_at(other)
    assert look_at(other / "below.db") is None
    with pytest.raises(StateError, match="File name too long"):
        look_at(tmp_path / ("a" * 300))


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


def _dump(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump())


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
