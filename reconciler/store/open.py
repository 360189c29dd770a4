"""The store as a whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reconciler.store.approvals import ApprovalPart
from reconciler.store.connection import Database
from reconciler.store.documents import DocumentPart
from reconciler.store.history import HistoryPart
from reconciler.store.lines import LinesPart
from reconciler.store.notifications import NotificationPart
from reconciler.store.passes import PassPart
from reconciler.store.requests import RequestPart
from reconciler.store.schedule import SchedulePart
from reconciler.store.suspensions import SuspensionPart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.ports import Clock


class Store(
    PassPart,
    LinesPart,
    RequestPart,
    SchedulePart,
    SuspensionPart,
    ApprovalPart,
    HistoryPart,
    DocumentPart,
    NotificationPart,
):
    """Implements the ports PassState, Requests, Schedule, Suspensions, Approvals, History and Documents, and keeps what
    forges and receivers of notifications are to be told. Any thread may use it.
    """

    def probe(self) -> None:
        """Prove that the file can be written now. Raises StateError."""
        self._database.probe()

    def tell_writes(self, on_write: Callable[[], None]) -> None:
        """From now on call this after each write, in any thread. It must not block."""
        self._database.on_write = on_write

    def close(self) -> None:
        """Let go of the file, for the next process. Nothing may be asked of the store afterwards."""
        self._database.close()


def open_store(path: Path, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> Store:
    """Open the state file, creating it (0600) and its directory (0700) where absent; one of an
    earlier version is brought to the present one.

    Raises StateError: in use by another process, of a later schema version, not ours, damaged, or not accessible.
    Such a file is left as it is.
    """
    database = Database(path, monotonic)
    try:
        return Store(database, clock)
    except BaseException:
        database.close()
        raise
