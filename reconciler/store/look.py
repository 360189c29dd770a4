"""Looking at a state file without opening it: which version it is of, also while a service uses it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.errors import StateError
from reconciler.store.schema import VERSION, alembic_version, schema_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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


def look_at(path: Path) -> Look | None:
    """The version of a state file; None where there is none yet. Nothing is locked, written or created.

    Raises StateError: not ours, not readable, or without a version.
    """
    try:
        if not path.exists() or path.stat().st_size == 0:
            return None
        # A file that nobody uses is read as one that nobody changes: SQLite then leaves no files of its own beside it.
        is_used = path.with_name(f"{path.name}-wal").exists()
        mode = "mode=ro" if is_used else "mode=ro&immutable=1"
        uri = f"file:{quote(str(path.absolute()))}?{mode}"
        with closing(sqlite3.connect(uri, uri=True)) as file:
            version = stored_version(path, lambda statement: file.execute(statement).fetchall())
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StateError(f"{path}: {error}") from error
    return None if version is None else Look(version)


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
