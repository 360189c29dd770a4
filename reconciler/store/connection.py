"""The state file: opening it, checking that it is ours and whole, and transactions."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error as SQLiteError
from threading import Lock
from typing import TYPE_CHECKING, cast

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, delete, event, insert, select
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from reconciler.errors import StateError
from reconciler.store.backup import back_up, refuse_later
from reconciler.store.codec import UnreadableError
from reconciler.store.lock import FileLock
from reconciler.store.look import stored_version
from reconciler.store.migrations import migrate
from reconciler.store.schema import ALEMBIC_SINCE, VERSION, alembic_version, metadata, revision_of, schema_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from sqlite3 import Connection as SQLiteConnection

    from sqlalchemy.pool import ConnectionPoolEntry

log = structlog.get_logger("store")

BUSY_TIMEOUT = 5.0
"""Seconds to wait for another program (a backup, a person's shell) that holds the file."""

PROVEN_FOR = 10.0
"""Seconds for which a write proves that the file can be written; a probe later than that writes itself."""

DOUBTED_FOR = 60.0
"""Seconds for which the failure of a write outweighs what a probe writes: its one row may find room in a full disk
where the end of a pass does not. A write of somebody else is believed at once.
"""

HEADER = b"SQLite format 3\0"


class Database:
    """The state file of one process. Any thread may use it; writes take turns, reads see one moment.

    Every transaction is on disk when it returns (WAL with synchronous=FULL): a request that was answered survives a
    power cut. Whatever goes wrong is raised as StateError with the file's name.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Open or create the file. Raises StateError; a file that is not ours is left as it is."""
        # A link and its target are one file and must be one lock. Path.resolve would raise for links in a circle.
        self.path = Path(os.path.realpath(path))
        self.on_write: Callable[[], None] = lambda: None
        """Called after each transaction that wrote, in its thread. Must not block."""
        self._monotonic = monotonic
        self._written: float | None = None
        """When a write succeeded last; None where the next probe has to prove it."""
        self._failed: tuple[float, str] | None = None
        """When a write failed last that the file is to blame for, and how; None since one succeeded."""
        self._turn = Lock()
        self._lock = FileLock(self.path)
        self._engine = _engine(self.path)
        self._writer = self._engine.execution_options(is_writer=True)
        with self._as_state_errors():
            self._prepare()

    def _prepare(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire()
            # SQLite would create it with the rights that the umask leaves; its WAL has the rights of the file.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self._check()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        # SQLite takes a file that is shorter than its header for an empty one, and would overwrite it.
        with self.path.open("rb") as file:
            header = file.read(len(HEADER))
        if header not in {b"", HEADER}:
            raise StateError(f"{self.path}: not a database")
        # The first statement reads: a file that is not a database fails here, before anything is written to it.
        with self._engine.connect() as connection:
            findings = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if findings != "ok":
            raise StateError(f"{self.path}: the state file is damaged: {' '.join(findings.split())}")
        with self._engine.connect() as connection:
            version = stored_version(self.path, lambda statement: connection.exec_driver_sql(statement).all())
        if version is not None and version > VERSION:
            raise refuse_later(self.path, version)
        if version is not None and version < VERSION:
            self._back_up(version)
        self._use_wal()
        if version is None:
            self._create()
        elif version < VERSION:
            self._migrate(version)

    def _back_up(self, version: int) -> None:
        connection = self._engine.raw_connection()
        try:
            back_up(self.path, cast("SQLiteConnection", connection.driver_connection), version)
        finally:
            connection.close()

    def _migrate(self, version: int) -> None:
        with self._writer.begin() as connection:
            migrate(connection, version)
        log.info("state file upgraded", file=str(self.path), version=version, upgraded_to=VERSION)

    def _use_wal(self) -> None:
        # Outside of any transaction, which SQLAlchemy's own connections always have.
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def _create(self) -> None:
        with self._writer.begin() as connection:
            metadata.create_all(connection)
            connection.execute(insert(schema_version).values(version=ALEMBIC_SINCE))
            connection.execute(insert(alembic_version).values(version_num=revision_of(VERSION)))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment. Raises StateError."""
        with self._as_state_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is whole or absent, and durable when it ends. Raises StateError."""
        try:
            with self._transaction() as connection:
                before = _changes(connection)
                yield connection
                has_written = _changes(connection) > before
        except StateError as error:
            if is_of_the_file(error):
                self._failed = self._monotonic(), error.message
            raise
        if has_written:
            self._believe()
        self.on_write()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._as_state_errors(), self._turn, self._writer.begin() as connection:
            yield connection

    def _believe(self) -> None:
        self._written, self._failed = self._monotonic(), None

    def probe(self) -> None:
        """Prove that the file can be written now, without a word to those who follow writes. Raises StateError, also
        for a write of somebody else that failed, until one succeeds.
        """
        failed, now = self._failed, self._monotonic()
        if failed is not None and now - failed[0] < DOUBTED_FOR:
            raise StateError(failed[1])
        is_proven = failed is None and self._written is not None and now - self._written < PROVEN_FOR
        with self._transaction() as connection:
            if not is_proven:
                # An update by the same value would write nothing, and a transaction without a write needs no room.
                version = connection.execute(select(schema_version.c.version)).scalar_one()
                connection.execute(delete(schema_version))
                connection.execute(insert(schema_version).values(version=version))
        if not is_proven:
            self._believe()

    @contextmanager
    def _as_state_errors(self) -> Iterator[None]:
        try:
            yield
        except StatementError as error:
            # Only the driver's words: the statement is of no use to an operator.
            raise StateError(f"{self.path}: {error.orig}") from error
        except OSError as error:
            place = "" if error.filename in {None, str(self.path)} else f": {error.filename}"
            raise StateError(f"{self.path}: {error.strerror}{place}") from error
        except (SQLAlchemyError, SQLiteError, UnreadableError) as error:
            raise StateError(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Let go of the file. Nothing may be asked of it afterwards."""
        self._engine.dispose()
        self._lock.release()


def is_of_the_file(error: Exception) -> bool:
    """Whether an error is of the file, and not of what was to be written: in use, full, damaged, not accessible."""
    cause = error.__cause__
    return isinstance(cause, OSError | OperationalError | NoConnectionError) or type(cause) is DatabaseError


def _changes(connection: Connection) -> int:
    """Rows that were written over this connection so far."""
    return cast("SQLiteConnection", connection.connection.driver_connection).total_changes


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT},
        hide_parameters=True,
        # As many as there can be workers and web threads at once; a connection that is not used costs nothing.
        pool_size=8,
        max_overflow=64,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: SQLiteConnection, _entry: ConnectionPoolEntry) -> None:
    # Transactions begin where we say, not where the driver guesses.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: Connection) -> None:
    # A writer takes the write lock at once: one that began by reading could not be upgraded behind another writer.
    is_writer = connection.get_execution_options().get("is_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")
