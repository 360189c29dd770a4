"""A copy of the state file from before an upgrade, beside it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import StateError
from reconciler.store.look import look_at
from reconciler.store.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = structlog.get_logger("store")

KEPT = 3
"""Backups that stay: those from before the last upgrades."""


def back_up(path: Path, source: sqlite3.Connection, version: int) -> Path:
    """Copy the file, which is of this version, and which `source` has open; forget the oldest copies. The copy is whole
    and on disk, or not there. Raises StateError.
    """
    place = path.with_name(f"{path.name}.before-{VERSION}")
    draft = place.with_name(f"{place.name}.part")
    try:
        _copy(source, draft)
        draft.replace(place)
        _sync(place.parent)
        _forget(path)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        message = f"no backup could be made before the upgrade from schema version {version} to {VERSION}"
        raise StateError(f"{path}: {message}, so nothing was changed: {reason}: {draft}") from error
    log.info("state file backed up before its upgrade", file=str(place), version=version, upgraded_to=VERSION)
    return place


def _copy(source: sqlite3.Connection, draft: Path) -> None:
    draft.unlink(missing_ok=True)
    # SQLite would create it with the rights that the umask leaves.
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(draft)) as target:
        source.backup(target)
        # One file, that can be copied back as it is.
        target.execute("PRAGMA journal_mode=DELETE")
    _sync(draft)


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(path: Path) -> None:
    for _, old in sorted(_backups(path))[:-KEPT]:
        old.unlink()


def _backups(path: Path) -> Iterator[tuple[int, Path]]:
    """Those beside the file, with the version to which each was followed by an upgrade."""
    start = f"{path.name}.before-"
    for place in path.parent.iterdir():
        number = place.name.removeprefix(start)
        if number != place.name and number.isdecimal():
            yield int(number), place


def refuse_later(path: Path, version: int) -> StateError:
    """Why a file of a later version is not used, and what can be done."""
    usable = [place for _, place in sorted(_backups(path)) if _is_usable(place)]
    back = (
        f"or put its backup in its place, {usable[-1]} (what was stored since the upgrade is lost then)"
        if usable
        else "since no backup from before its upgrade lies beside it"
    )
    return StateError(
        f"{path}: schema version {version}, this program needs version {VERSION}. The file is of a later version of "
        f"the reconciler, and was left as it is: use that version again, {back}"
    )


def _is_usable(place: Path) -> bool:
    """Whether this program can use a backup."""
    try:
        found = look_at(place)
    except StateError:
        return False
    return found is not None and not found.is_later
