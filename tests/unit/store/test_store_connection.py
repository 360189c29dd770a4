"""Opening the state file, refusing what is not ours, and transactions."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.store import connection, open_store
from reconciler.store.schema import VERSION
from tests.unit.store.samples import (
    COMMITS,
    SetClock,
    delivery,
    entry,
    fabric_record,
    key,
    object_state,
    pass_result,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.store import Store

CLOCK = SetClock()

HOLDER = """
import sys
from pathlib import Path
from reconciler.store import open_store
from tests.unit.store.samples import SetClock
store = open_store(Path(sys.argv[1]), SetClock())
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "reconciler.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = open_store(path, CLOCK)
    yield store
    store.close()


def make(path: Path) -> bytes:
    """A state file with content, closed; its bytes."""
    with closing(open_store(path, CLOCK)) as store:
        store.save("netbox", {f"document-{number}": {"text": "x" * 500} for number in range(100)})
    return path.read_bytes()


def execute(path: Path, statement: str) -> list[tuple[object, ...]]:
    """What another program does to the file."""
    with closing(sqlite3.connect(path)) as database, database:
        return database.execute(statement).fetchall()


# Creating


def test_creates_file_and_directory(path: Path) -> None:
    """The file and everything beside it are readable by their owner alone, whatever the umask allows."""
    before = os.umask(0)
    try:
        with closing(open_store(path, CLOCK)):
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert modes.keys() >= {"reconciler.db", "reconciler.db-wal", "reconciler.db.lock"}
    assert set(modes.values()) == {0o600}


def test_empty_file_is_absent(path: Path) -> None:
    """A file of no bytes, as a crash before the first write leaves it, becomes a state file."""
    path.parent.mkdir()
    path.touch()

    with closing(open_store(path, CLOCK)) as store:
        store.probe()

    assert execute(path, "SELECT version_num FROM alembic_version") == [(f"{VERSION:04}",)]


def test_half_created_file(path: Path) -> None:
    """A database without any table, as a crash between the first two writes leaves it, becomes a state file."""
    path.parent.mkdir()
    execute(path, "PRAGMA journal_mode=WAL")
    assert path.stat().st_size > 0

    with closing(open_store(path, CLOCK)) as store:
        store.probe()


def test_odd_file_names(tmp_path: Path) -> None:
    """Characters that mean something in a URL mean nothing in the file's name."""
    path = tmp_path / "a ?mode=ro#%41&.db"

    with closing(open_store(path, CLOCK)) as store:
        store.probe()

    assert path.exists()


def test_settings_of_a_connection(store: Store, path: Path) -> None:
    """Commits are on disk when they return (WAL, FULL), references are enforced, and a busy file is waited for."""
    with store._database.writing() as transaction:
        found = {
            name: transaction.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"]
        }

    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


# Refusing


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"x", "not a database", id="one byte"),
        pytest.param(b"state: sqlite:///\n" * 300, "not a database", id="text"),
        pytest.param(connection.HEADER, "file is not a database", id="header only"),
        pytest.param(connection.HEADER + b"z" * 5000, "file is not a database", id="header and noise"),
    ],
)
def test_refuses_what_is_no_database(path: Path, content: bytes, reason: str) -> None:
    """A file that is not a database is named, and stays byte for byte as it is."""
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StateError) as refusal:
        open_store(path, CLOCK)

    assert refusal.value.message == f"{path}: {reason}"
    assert path.read_bytes() == content


@pytest.mark.parametrize("length", [100, 4096, 20_000])
def test_refuses_a_cut_file(path: Path, length: int) -> None:
    """A state file that lost its end is named, and what is left of it stays."""
    cut = make(path)[:length]
    path.write_bytes(cut)

    with pytest.raises(StateError, match=f"^{path}: .*malformed"):
        open_store(path, CLOCK)

    assert path.read_bytes() == cut


def test_refuses_a_damaged_file(path: Path) -> None:
    """A page that was overwritten is found at the start, said in one line, and not written to."""
    damaged = bytearray(make(path))
    damaged[4096 * 5 : 4096 * 5 + 200] = b"\xff" * 200
    path.write_bytes(damaged)

    with pytest.raises(StateError) as refusal:
        open_store(path, CLOCK)

    assert refusal.value.message.startswith(f"{path}: the state file is damaged: ")
    assert "\n" not in refusal.value.message
    assert path.read_bytes() == damaged


def test_refuses_another_version(path: Path) -> None:
    """Another schema version is refused, naming both; opened by the program that knows it, nothing is lost."""
    make(path)
    execute(path, "UPDATE alembic_version SET version_num = '0103'")
    before = path.read_bytes()

    with pytest.raises(StateError) as refusal:
        open_store(path, CLOCK)

    assert refusal.value.message == (
        f"{path}: schema version 103, this program needs version {VERSION}. The file is of a later version of the "
        "reconciler, and was left as it is: use that version again, since no backup from before its upgrade lies "
        "beside it"
    )
    assert path.read_bytes() == before


def test_names_the_backup_of_a_later_version(path: Path) -> None:
    """The newest backup that this program can use is named; a later one and one that is broken are not."""
    make(path)
    for name, version in {"before-7": VERSION, "before-5": VERSION, "before-103": 102}.items():
        backup = path.with_name(f"{path.name}.{name}")
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        execute(backup, f"UPDATE alembic_version SET version_num = '{version:04}'")  # noqa: S608 - a number
    path.with_name(f"{path.name}.before-104").write_text("no database")
    path.with_name(f"{path.name}.before-x").touch()
    execute(path, "UPDATE alembic_version SET version_num = '0103'")

    with pytest.raises(StateError, match=f"or put its backup in its place, {path}.before-7 "):
        open_store(path, CLOCK)


def test_an_earlier_program_refuses_the_file(path: Path) -> None:
    """Programs of before Alembic look at `schema_version`, and find a version there that they do not know."""
    make(path)

    assert execute(path, "SELECT version FROM schema_version") == [(5,)]


@pytest.mark.parametrize("table", ["alembic_version", "schema_version"])
def test_refuses_a_file_without_version(path: Path, table: str) -> None:
    """A version table without a version is refused, not taken for a new file."""
    make(path)
    if table == "schema_version":
        execute(path, "DROP TABLE alembic_version")
    execute(path, f"DELETE FROM {table}")  # noqa: S608 - a name of this test

    with pytest.raises(StateError, match="schema version none, this program needs"):
        open_store(path, CLOCK)


def test_refuses_another_programs_database(path: Path) -> None:
    """A database of something else gets no tables from us."""
    path.parent.mkdir()
    execute(path, "CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(StateError, match="not a state file of the reconciler"):
        open_store(path, CLOCK)

    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param(".", "Is a directory", id="a directory"),
        pytest.param("file/state.db", "File exists: .*/file", id="below a file"),
        pytest.param("file/more/state.db", "Not a directory: .*/file/more", id="deeper below a file"),
        pytest.param("circle", "Too many levels of symbolic links", id="a link to itself"),
        pytest.param("a" * 300, "File name too long: .*a.lock", id="too long"),
    ],
)
def test_refuses_a_place_that_cannot_be(tmp_path: Path, place: str, reason: str) -> None:
    """A place where no file can be is named with the reason of the system."""
    (tmp_path / "file").touch()
    (tmp_path / "circle").symlink_to("circle")

    with pytest.raises(StateError, match=f"^{tmp_path}.*: {reason}$"):
        open_store(tmp_path / place, CLOCK)


def test_refusal_lets_go(path: Path) -> None:
    """After a refusal nothing is held: once repaired, the file opens in the same process."""
    make(path)
    execute(path, "UPDATE alembic_version SET version_num = '0103'")
    with pytest.raises(StateError):
        open_store(path, CLOCK)
    execute(path, f"UPDATE alembic_version SET version_num = '{VERSION:04}'")  # noqa: S608 - a number

    with closing(open_store(path, CLOCK)) as store:
        assert len(store.load("netbox")) == 100


# One process


def test_second_opening_is_refused(store: Store, path: Path) -> None:
    """The file cannot be opened twice, not by its other name either, until it is closed."""
    link = path.with_name("link.db")
    link.symlink_to(path)

    for name in (path, link):
        with pytest.raises(StateError) as refusal:
            open_store(name, CLOCK)
        assert refusal.value.message == f"{path}: in use by process {os.getpid()}"

    store.close()
    with closing(open_store(link, CLOCK)) as second:
        second.probe()


def test_other_process_is_named(path: Path) -> None:
    """The process that holds the file is named; when it is killed, the file is free."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"

        with pytest.raises(StateError, match=f"in use by process {holder.pid}$"):
            open_store(path, CLOCK)
        holder.kill()

    with closing(open_store(path, CLOCK)) as store:
        store.probe()


def test_closing_twice(path: Path) -> None:
    """Closing again is no error."""
    store = open_store(path, CLOCK)
    store.close()
    store.close()


# Transactions


def test_failed_pass_leaves_nothing(store: Store, path: Path) -> None:
    """A pass whose last step cannot be written leaves fabric, inventory, objects and requests as they were."""
    store.accept([request("r1", commit=COMMITS[1])])
    store.record_pass(pass_result("p1"))
    before = store.fabric("dc1"), store.unfinished()
    unwritable = replace(request("r2", "unknown-fabric", state="succeeded"))
    result = replace(
        pass_result("p2"),
        fabric=replace(fabric_record(last="p2"), failures=99),
        inventory={key("a"): entry("a")},
        objects=[object_state("a")],
        requests=[replace(request("r1", state="succeeded")), unwritable],
    )

    with pytest.raises(StateError, match=f"^{path}: FOREIGN KEY constraint failed$"):
        store.record_pass(result)

    assert (store.fabric("dc1"), store.unfinished()) == before
    assert store.inventory("dc1") == {}
    assert store.objects("dc1") == []
    assert store.pass_("dc1", "p2") is None


def test_failed_acceptance_leaves_nothing(store: Store) -> None:
    """A delivery whose requests cannot be stored is not known afterwards: the forge may send it again."""
    store.record_pass(pass_result("p1"))
    execute(
        store._database.path, "CREATE TRIGGER full BEFORE INSERT ON webhooks BEGIN SELECT RAISE(ABORT, 'full'); END"
    )

    with pytest.raises(StateError, match="full"):
        store.accept([request("r1", commit=COMMITS[1])], delivery("d1"), ["gitops"])

    assert store.delivered("github", "d1") is None
    assert store.request("r1") is None
    assert store.fabric("dc1").desired_revision != f"main@sha1:{COMMITS[1]}"


def test_pass_is_recorded_once(store: Store) -> None:
    """The same pass a second time is an error, never a second entry."""
    store.record_pass(pass_result("p1"))

    with pytest.raises(StateError, match=r"UNIQUE constraint failed: passes\.id"):
        store.record_pass(pass_result("p1"))

    assert len(store.passes("dc1")) == 1


def test_time_without_offset(store: Store) -> None:
    """A time that does not say which moment it means is refused."""
    with pytest.raises(StateError, match="a time without offset cannot be stored"):
        store.schedule_poll("dc1", datetime(2026, 3, 1, 12), 60.0)  # noqa: DTZ001 - that is the case


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        pytest.param("UPDATE fabrics SET record = 'canary'", "a stored FabricRecord cannot be read", id="record"),
        pytest.param("UPDATE fabrics SET next_poll = 'canary'", "a stored time cannot be read", id="time"),
    ],
)
def test_unreadable_row(store: Store, path: Path, statement: str, reason: str) -> None:
    """A row that another hand wrote is an error that names the file and the kind of value, not its content."""
    store.record_pass(pass_result("p1"))
    execute(path, statement)

    with pytest.raises(StateError) as refusal:
        store.fabrics()

    assert refusal.value.message.startswith(f"{path}: {reason}")
    assert "canary" not in refusal.value.message


def test_file_held_by_another_program(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program writes, reading goes on; writing is an error after the time-out, and then works again."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.05)
    with closing(open_store(path, CLOCK)) as store, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert store.unfinished() == []
        with pytest.raises(StateError, match=f"^{path}: database is locked$"):
            store.probe()

        other.rollback()
        store.probe()


# Threads


def test_threads_lose_nothing(store: Store) -> None:
    """Many threads that accept, read and record at once: every request is stored, and no call fails."""

    def work(thread: int) -> None:
        for number in range(10):
            store.accept([request(f"{thread}-{number}", f"dc{thread}", COMMITS[0])], delivery(f"{thread}-{number}"))
            store.record_pass(pass_result(f"{thread}-{number}", f"dc{thread}"))
            assert store.fabric(f"dc{thread}").last_pass is not None
            assert len(store.passes(f"dc{thread}")) == number + 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))

    assert len(store.unfinished()) == 120


def test_one_delivery_from_many_threads(store: Store) -> None:
    """A delivery that arrives many times at once is accepted once; the others are told the ids of that one."""
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: store.accept([request(f"r{n}")], delivery("d1")), range(24)))

    accepted = [f"r{number}" for number, answer in enumerate(answers) if answer is None]
    assert [r.id for r in store.unfinished()] == accepted
    assert len(accepted) == 1
    assert {answer for answer in answers if answer is not None} == {tuple(accepted)}
