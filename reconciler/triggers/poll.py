"""The slow poll: catches what no event told. The only timer that reconciles."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.model.requests import Trigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from reconciler.model.fabric import Fabric
    from reconciler.model.status import WebhookRecord
    from reconciler.ports import Clock, Schedule

log = structlog.get_logger("poll")

UNANNOUNCED_INTERVAL = 300.0
"""Seconds between polls while no webhook of the repository is known to work."""

WEBHOOK_MEMORY = timedelta(days=7)
"""How long a verified delivery proves that the webhook works."""

IDLE = 3600.0
"""Seconds to sleep when there is nothing to poll."""


def effective_interval(configured: float, webhook: WebhookRecord, now: datetime) -> float:
    """Seconds between polls: at most 300 until a delivery has verified in the last 7 days, then as configured."""
    verified = webhook.last_verified
    if verified is not None and now - verified <= WEBHOOK_MEMORY:
        return configured
    return min(UNANNOUNCED_INTERVAL, configured)


class Poll:
    """Triggers each enabled fabric once per interval, whatever became of the last time.

    `jitter` (0 to 1) only shortens an interval; `chance` is random, from 0 to 1. `on_iteration` is called when
    nothing is due any more.
    """

    def __init__(  # noqa: PLR0913 - what is polled, how, and time and chance as inputs
        self,
        fabrics: Callable[[], Iterable[Fabric]],
        schedule: Schedule,
        trigger: Callable[[Sequence[Fabric], Trigger], Awaitable[object]],
        clock: Clock,
        jitter: float = 0.1,
        chance: Callable[[], float] = random.random,
        *,
        on_iteration: Callable[[], None] = lambda: None,
    ) -> None:
        self._fabrics = fabrics
        self._schedule = schedule
        self._trigger = trigger
        self._clock = clock
        self.jitter = jitter
        self._chance = chance
        self._on_iteration = on_iteration
        self._woken = asyncio.Event()
        self._due: dict[str, float] = {}
        """When each fabric is polled next, on the monotonic clock: a wall clock that is set does not move it."""

    async def run(self) -> None:
        """For ever."""
        while True:
            self._woken.clear()
            delay = await self.run_once()
            self._on_iteration()
            await self._wait(delay)

    def wake(self) -> None:
        """Look at the fabrics and their intervals now: something about them changed."""
        self._woken.set()

    async def _wait(self, seconds: float) -> None:
        alarm = asyncio.get_running_loop().call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            alarm.cancel()

    async def run_once(self) -> float:
        """Trigger what is due, schedule its next time, and say in how many seconds to come again.

        Raises StateError: what could not be stored is due again at once.
        """
        enabled = {fabric.name: fabric for fabric in self._fabrics() if fabric.is_enabled}
        self._due = {name: due for name, due in self._due.items() if name in enabled}
        for fabric in enabled.values():
            due = self._due.get(fabric.name)
            if due is None:
                await self._schedule_next(fabric)
            elif due <= self._clock.monotonic():
                await self._trigger([fabric], Trigger.POLL)
                await self._schedule_next(fabric)
        if not self._due:
            return IDLE
        return max(min(self._due.values()) - self._clock.monotonic(), 0.0)

    async def _schedule_next(self, fabric: Fabric) -> None:
        webhook = await to_thread.run_sync(self._schedule.webhook, fabric.repository)
        interval = effective_interval(fabric.interval, webhook, self._clock.now())
        delay = interval * (1 - self.jitter * self._chance())
        due = self._clock.now() + timedelta(seconds=delay)
        await to_thread.run_sync(self._schedule.schedule_poll, fabric.name, due, interval)
        self._due[fabric.name] = self._clock.monotonic() + delay
        log.debug("poll scheduled", fabric=fabric.name, due=due.isoformat(), interval=interval)
