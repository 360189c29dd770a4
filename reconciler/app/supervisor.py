"""Supervision: a task that fails is started again with backoff, and says so while it is down."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

from reconciler.queue import Backoff
from reconciler.status.health import ComponentState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.status.health import Components

log = structlog.get_logger("supervisor")

RESTART = Backoff(base=1.0, factor=2.0, cap=60.0, jitter=0.2)

HEALTHY_AFTER = 60.0
"""Seconds that a task must run for its next failure to count as a first one."""


class Supervisor:
    """Runs named tasks for ever. Each reports to `components` under its name."""

    def __init__(self, components: Components, chance: Callable[[], float] = random.random) -> None:
        self._components = components
        self._chance = chance
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Start nothing again. What runs is left to end by itself."""
        self._stopping.set()

    async def supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task until it returns; start it again each time it raises, until `stop`."""
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            self._components.report(name, ComponentState.RUNNING)
            try:
                await run()
                break
            except Exception as error:
                log.exception("task failed", task=name)
                self._components.report(name, ComponentState.FAILED, f"{type(error).__name__}: {error}")
            lasted = asyncio.get_running_loop().time() - started
            failures = 1 if lasted >= HEALTHY_AFTER else failures + 1
            if await self._stops_within(RESTART.delay(failures, self._chance())):
                break
        self._components.report(name, ComponentState.STOPPED)

    async def _stops_within(self, seconds: float) -> bool:
        """Wait, but not for a task that nobody wants any more: a stop would have to wait too."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True
