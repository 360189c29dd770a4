"""Looking at a state file without opening it: which version it is of, also while a service uses it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.errors import StateError
from reconciler.store.schema import VERSION, alembic_version, schema_version, suspensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Look:
    """The schema version of a state file, and the one that this program needs."""

    version: int
    needed: int = VERSION

    @property
    def is_current(self) -> bool:
        return self.version == self.needed

    @property
    def is_later(self) -> bool:
        """Of a later program, which this one cannot use. One that is neither is upgraded by the next `serve`."""
        return self.version > self.needed


def look_at(path: Path, *, is_thorough: bool = False) -> Look | None:
    """The version of a state file; None where there is none yet. Nothing is locked, written or created. `is_thorough`:
    all of the file is read, and what is damaged found, as a service does when it starts.

    Raises StateError: not ours, not readable, damaged, or without a version.
    """
    with _reading(path) as query:
        if query is None:
            return None
        findings = str(query("PRAGMA quick_check(1)")[0][0]) if is_thorough else "ok"
        if findings != "ok":
            raise StateError(f"{path}: the state file is damaged: {' '.join(findings.split())}")
        version = stored_version(path, query)
    return None if version is None else Look(version)


def suspended_in(path: Path) -> frozenset[str]:
    """The fabrics that a state file says are suspended, also while a service uses it. Raises as `look_at`."""
    with _reading(path) as query:
        if query is None:
            return frozenset()
        is_known = query(f"SELECT 1 FROM sqlite_schema WHERE name = '{suspensions.name}'")  # noqa: S608 - a name of ours
        rows = query(f"SELECT fabric FROM {suspensions.name}") if is_known else ()  # noqa: S608 - see above
        return frozenset(fabric for (fabric,) in rows)


@contextmanager
def _reading(path: Path) -> Iterator[Callable[[str], Sequence[Any]] | None]:
    """What gives the rows for a statement; None where there is nothing yet. Raises StateError."""
    try:
        if not path.exists() or path.stat().st_size == 0:
            yield None
            return
        # A file that nobody uses is read as one that nobody changes: SQLite then leaves no files of its own beside it.
        is_used = path.with_name(f"{path.name}-wal").exists()
        mode = "mode=ro" if is_used else "mode=ro&immutable=1"
        uri = f"file:{quote(str(path.absolute()))}?{mode}"
        with closing(sqlite3.connect(uri, uri=True)) as file:
            yield lambda statement: file.execute(statement).fetchall()
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}") from error


def stored_version(path: Path, query: Callable[[str], Sequence[Any]]) -> int | None:
    """The version, as one of a database's rows says; None where it has no table yet. `query` gives rows.

    Raises StateError for one that is not ours, or does not say its version.
    """
    tables = {name for (name,) in query("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return None
    if schema_version.name not in tables:
        raise StateError(f"{path}: a database, but not a state file of the reconciler")
    if alembic_version.name in tables:
        rows = query(f"SELECT version_num FROM {alembic_version.name}")  # noqa: S608 - a name of ours
    else:
        rows = query(f"SELECT version FROM {schema_version.name}")  # noqa: S608 - see above
    found = [str(value) for (value,) in rows]
    if len(found) != 1 or not found[0].isdecimal() or int(found[0]) == 0:
        raise StateError(f"{path}: schema version {', '.join(found) or 'none'}, this program needs version {VERSION}")
    return int(found[0])
