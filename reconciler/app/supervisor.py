"""Supervision: a task that fails is started again with backoff, and says so while it is down."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from reconciler.app.logs import clean
from reconciler.queue import Backoff
from reconciler.status.health import ComponentState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.status.health import Components

log = structlog.get_logger("supervisor")

RESTART = Backoff(base=1.0, factor=2.0, cap=60.0, jitter=0.2)

HEALTHY_AFTER = 60.0
"""Seconds that a task must run for its next failure to count as a first one."""

CANCEL_TIMEOUT = 5.0
"""Seconds that whoever cancels a task waits for its end. It has nothing left to do but to close connections."""


LONGEST_REASON = 500
"""Characters of what is told of a failure."""


@dataclass(frozen=True, slots=True)
class _Supervised:
    task: asyncio.Task[None]
    ends_itself: bool


class EndedError(Exception):
    """A task that is there for the life of the service returned."""


class Supervisor:
    """Runs named tasks until they are cancelled or the service stops. Each reports to `components` under its name."""

    def __init__(self, components: Components, chance: Callable[[], float] = random.random) -> None:
        self._components = components
        self._chance = chance
        self._stopping = asyncio.Event()
        self._tasks: dict[str, _Supervised] = {}

    def start(self, name: str, run: Callable[[], Awaitable[None]], *, ends_itself: bool = False) -> None:
        """Run a task, and start it again each time it raises or returns. One that `ends_itself` does so when the
        service stops, at a boundary that it chooses; any other is cancelled then. Raises ValueError for a name that
        is taken.
        """
        if name in self._tasks:
            raise ValueError(f"a task of the name {name} runs already")
        task = asyncio.get_running_loop().create_task(self._supervise(name, run), name=name)
        self._tasks[name] = _Supervised(task, ends_itself)

    async def cancel(self, name: str) -> None:
        """End a task that is no longer wanted, and forget it. None of the name is fine."""
        supervised = self._tasks.pop(name, None)
        if supervised is not None:
            supervised.task.cancel()
            _, left = await asyncio.wait([supervised.task], timeout=CANCEL_TIMEOUT)
            if left:
                log.error("task does not end", task=name, seconds=CANCEL_TIMEOUT)
            self._components.forget(name)

    def stop(self) -> None:
        """Start nothing again, cancel what does not end itself, and leave the rest to."""
        self._stopping.set()
        for supervised in self._tasks.values():
            if not supervised.ends_itself:
                supervised.task.cancel()

    async def ended(self) -> None:
        """Until no task is left, after `stop`."""
        tasks = [supervised.task for supervised in self._tasks.values()]
        if tasks:
            await asyncio.wait(tasks)

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            self._components.report(name, ComponentState.RUNNING, is_restart=failures > 0)
            failure = await self._attempt(name, run)
            if failure is None:
                break
            self._components.report(name, ComponentState.FAILED, failure)
            lasted = asyncio.get_running_loop().time() - started
            failures = 1 if lasted >= HEALTHY_AFTER else failures + 1
            if await self._stops_within(RESTART.delay(failures, self._chance())):
                break
        if self._stopping.is_set():
            self._components.report(name, ComponentState.STOPPED)

    async def _attempt(self, name: str, run: Callable[[], Awaitable[None]]) -> str | None:
        """Why the task is not running any more; None when it ended as it should. Raises CancelledError."""
        try:
            await run()
        except asyncio.CancelledError as error:
            # One that nobody asked of this task came from something that it waited for.
            if self._is_unwanted():
                raise
            return _reason(name, error)
        except Exception as error:
            # Whatever it is, the task must not stay down.
            reason = _reason(name, error)
            if _is_cancelled():
                # What it had to close answered the cancellation with an error of its own.
                raise asyncio.CancelledError from error
            return reason
        return None if self._is_unwanted() else _reason(name, EndedError("it returned, which only a stop may make it"))

    def _is_unwanted(self) -> bool:
        """Whether the task that asks may end: the service stops, or the task was cancelled."""
        return self._stopping.is_set() or _is_cancelled()

    async def _stops_within(self, seconds: float) -> bool:
        """Wait, but not for a task that nobody wants any more: a stop would have to wait too."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def _is_cancelled() -> bool:
    """Whether somebody asked the task that asks to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _reason(name: str, error: BaseException) -> str:
    """For everybody: the health routes ask for no token, so what the log may not hold they may not either."""
    log.error("task failed", task=name, exc_info=error)
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return str(clean(log, "error", {"reason": text})["reason"])[:LONGEST_REASON]
