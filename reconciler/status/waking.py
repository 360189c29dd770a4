"""Sleeping until a time, or until somebody in whatever thread has something to do."""

from __future__ import annotations

import asyncio
import contextlib


class Bell:
    """Wakes one task of the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()

    def attach(self) -> None:
        """From now on it can be rung from other threads. To be called in the loop."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """From any thread."""
        if self._loop is not None:
            # A loop that is closed has nothing to wake.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._rung.set)

    def clear(self) -> None:
        """Before anything is looked at: who rings meanwhile has it looked at again."""
        self._rung.clear()

    async def rest(self, seconds: float) -> None:
        """Until it is rung, at most so long."""
        timer = asyncio.get_running_loop().call_later(seconds, self._rung.set)
        try:
            await self._rung.wait()
        finally:
            timer.cancel()
