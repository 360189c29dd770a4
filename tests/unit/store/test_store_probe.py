"""The probe of the store: it proves that the file can be written, and disturbs nobody."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import StateError
from reconciler.store import connection, open_store
from tests.unit.store.samples import SetClock, delivery, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reconciler.db"


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file grows beyond what the log of the state file has now."""
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name(f"{path.name}-wal").stat().st_size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))


def test_a_probe_writes(path: Path) -> None:
    """A probe needs room, as every write does: where there is none it fails, and not from memory."""
    clock = SetClock()
    with closing(open_store(path, clock, clock.monotonic)) as store:
        store.probe()
        clock.advance(seconds=connection.PROVEN_FOR)
        with full_disk(path), pytest.raises(StateError, match=f"^{path}: "):
            store.probe()
        store.probe()

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT COUNT(*) FROM schema_version").fetchall() == [(1,)]


def test_probes_write_now_and_then(path: Path) -> None:
    """However often somebody asks, a write is made once in ten seconds, and none where others write."""
    clock = SetClock()
    log = path.with_name(f"{path.name}-wal")
    with closing(open_store(path, clock, clock.monotonic)) as store:
        store.probe()
        size = log.stat().st_size
        clock.advance(seconds=connection.PROVEN_FOR - 1)
        store.probe()
        assert log.stat().st_size == size

        store.accept([request("r1")], delivery("d1"))
        size = log.stat().st_size
        clock.advance(seconds=connection.PROVEN_FOR - 1)
        store.probe()
        assert log.stat().st_size == size
        clock.advance(seconds=1)
        store.probe()
        assert log.stat().st_size > size


def test_probes_ring_no_bell(path: Path) -> None:
    """Those who follow writes hear of those of others alone: a probe changes nothing that anybody reads."""
    told: list[None] = []
    with closing(open_store(path, SetClock())) as store:
        store.tell_writes(lambda: told.append(None))

        store.probe()
        assert told == []
        store.accept([request("r1")], delivery("d1"))
        assert told == [None]


def test_a_write_that_failed_is_remembered(path: Path) -> None:
    """What a probe writes may fit where the end of a pass does not: it takes back the failure of another write only
    after a minute; another write does so at once.
    """
    clock = SetClock()
    with closing(open_store(path, clock, clock.monotonic)) as store:
        store.probe()
        for is_written in (True, False):
            with full_disk(path), pytest.raises(StateError):
                store.accept([request(f"r-{is_written}")], delivery("d1"))
            with pytest.raises(StateError, match=f"^{path}: "):
                store.probe()
            if is_written:
                store.accept([request("r2")], delivery("d2"))
            else:
                clock.advance(seconds=connection.DOUBTED_FOR)
            store.probe()


def test_a_transaction_without_a_write_proves_nothing(path: Path) -> None:
    """One that found nothing to be done needed no room."""
    clock = SetClock()
    with closing(connection.Database(path, clock.monotonic)) as database:
        database.probe()
        with full_disk(path), pytest.raises(StateError), database.writing() as writer:
            writer.exec_driver_sql("INSERT INTO schema_version VALUES (0)")
        with database.writing():
            pass

        with pytest.raises(StateError):
            database.probe()


def test_what_a_caller_did_wrong_says_nothing_of_the_file(path: Path) -> None:
    """A write that its own values made fail leaves the store as ready as it was."""
    with closing(connection.Database(path)) as database:
        with pytest.raises(StateError, match="constraint failed"), database.writing() as writer:
            writer.exec_driver_sql("INSERT INTO schema_version SELECT NULL")

        database.probe()
