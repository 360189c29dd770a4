"""One process at a time: two that wrote the same state would each believe that they alone reconcile."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from reconciler.errors import StateInUseError

if TYPE_CHECKING:
    from pathlib import Path


class FileLock:
    """An exclusive lock on `<state file>.lock`. The kernel drops it when the process ends, however it ends.

    The lock file is never removed: a process that waits on a removed file would lock nothing.
    """

    def __init__(self, path: Path) -> None:
        self._guarded = path
        self._path = path.with_name(f"{path.name}.lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises StateInUseError, naming the process that holds the lock, or OSError."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise StateInUseError(f"{self._guarded}: in use by process {holder or '(unknown)'}") from None
        self._descriptor = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
