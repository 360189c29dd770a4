"""The component `integrity`: what serves must be what was built."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from reconciler.app.integrity_watch import EVERY, INTEGRITY, IntegrityWatch
from reconciler.app.supervisor import Supervisor
from reconciler.model.integrity import NOT_APPLICABLE, Fault, Integrity, Mark, Mismatch
from reconciler.status.health import Components
from tests.unit.store.samples import SetClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WHOLE = Integrity("RECORD", 3)
CHANGED = Integrity("RECORD", 3, (Mismatch("a.py", Fault.CHANGED, Mark(3, "aa"), Mark(3, "bb")),))
UNKNOWN = Integrity("RECORD", is_applicable=False)
REASON = "a.py is changed: 3 bytes (sha256 bb), 3 bytes (sha256 aa) expected"


class Watched:
    """A supervised watch over files that are as `found` says."""

    def __init__(self, *found: Integrity) -> None:
        self.found = found
        self.looks = 0
        self.components = Components(SetClock())
        self.watch = IntegrityWatch(self.components, self._look)

    def _look(self) -> tuple[Integrity, ...]:
        self.looks += 1
        return self.found

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        supervisor = Supervisor(self.components)
        supervisor.start(INTEGRITY, self.watch.run)
        yield
        supervisor.stop()
        await supervisor.ended()

    def not_running(self) -> str | None:
        return self.components.not_running().get(INTEGRITY)


async def test_files_that_are_whole() -> None:
    """Nobody is ready before the files were looked at; then the part runs, without a warning."""
    watched = Watched(WHOLE)
    async with watched.running():
        await asyncio.sleep(0)
        assert watched.not_running() == "starting"
        await asyncio.sleep(1)
        assert (watched.not_running(), list(watched.watch.notes())) == (None, [])


async def test_a_file_that_is_changed_meanwhile() -> None:
    """It is noticed at the next look and keeps the process from being ready; a repair is noticed as well. The log tells
    it once.
    """
    watched = Watched(WHOLE, WHOLE)
    with capture_logs() as log:
        async with watched.running():
            await asyncio.sleep(EVERY - 1)
            watched.found = (WHOLE, CHANGED)
            assert (watched.looks, watched.not_running()) == (1, None)
            await asyncio.sleep(2)
            assert (watched.looks, watched.not_running()) == (2, REASON)
            await asyncio.sleep(2 * EVERY)
            assert [entry["files"] for entry in log if entry["log_level"] == "error"] == [REASON]
            watched.found = (WHOLE, WHOLE)
            await asyncio.sleep(EVERY)
            assert watched.not_running() is None


async def test_an_installation_without_a_record() -> None:
    """It is ready, with a warning: whoever develops has no other."""
    watched = Watched(UNKNOWN)
    async with watched.running():
        await asyncio.sleep(1)
        assert watched.not_running() is None
        assert watched.components.in_trouble() == {}
        assert list(watched.watch.notes()) == [(INTEGRITY, NOT_APPLICABLE)]
