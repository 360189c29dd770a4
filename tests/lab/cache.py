"""What takes long to build, kept for this user and built once."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPLETE = "complete"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME` or `~/.cache`, and in it this lab's folder, made if absent."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "hedgehog-reconciler-lab"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold the lock file against other processes and threads of this user, waiting as long as it takes."""
    with lock.open("w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def built(name: str, build: Callable[[Path], None]) -> Path:
    """The cache's folder `name`, filled by `build(folder)` the first time.

    The build happens in the folder's final place, because virtual environments cannot be moved. A mark written last
    tells a finished folder from one whose build was interrupted; the latter is built again from nothing.
    """
    folder = cache_folder() / name
    if not is_built(name):
        with exclusive(cache_folder() / f"{name}.lock"):
            if not is_built(name):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                build(folder)
                (folder / _COMPLETE).touch()
    return folder


def is_built(name: str) -> bool:
    return (cache_folder() / name / _COMPLETE).exists()
