"""The slow poll: catches what no event told. The only timer that reconciles."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from anyio import to_thread

from reconciler.model.requests import Trigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
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
    """Seconds between polls: at most 300 until a delivery has verified in the last 7 days, then as configured; at most
    300 again while polls find what no delivery announced.
    """
    verified = webhook.last_verified
    if webhook.silent_since is None and verified is not None and now - verified <= WEBHOOK_MEMORY:
        return configured
    return min(UNANNOUNCED_INTERVAL, configured)


@dataclass(frozen=True, slots=True)
class Jitter:
    """Takes a random part off a time, at most `share` (0 to 1) of it, and never adds to it. `chance`: 0 to 1."""

    share: Callable[[], float]
    chance: Callable[[], float] = random.random

    def shorten(self, seconds: float) -> float:
        return seconds * (1 - self.share() * self.chance())


@dataclass(frozen=True, slots=True)
class _Turn:
    """When a fabric is polled next (`due`), and since when it waits for that: on the monotonic clock, which nobody
    sets. `repository`, `configured` and `interval` are what that was computed from.
    """

    since: float
    due: float
    repository: str
    configured: float
    interval: float


class Poll:
    """Triggers each of the fabrics once per interval, whatever became of the last time.

    `fabrics` gives those that are to be polled at the moment; `on_iteration` is told that the poll came round. Lives in
    the event loop.
    """

    def __init__(
        self,
        fabrics: Callable[[], Iterable[Fabric]],
        schedule: Schedule,
        trigger: Callable[[Sequence[Fabric], Trigger], Awaitable[object]],
        clock: Clock,
        jitter: Jitter,
        on_iteration: Callable[[], None] = lambda: None,
    ) -> None:
        self._fabrics = fabrics
        self._schedule = schedule
        self._trigger = trigger
        self._clock = clock
        self._jitter = jitter
        self._on_iteration = on_iteration
        self._turns: dict[str, _Turn] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._rest(await self.run_once())

    async def _rest(self, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def wake(self) -> None:
        """Something changed that decides when a fabric is due: its configuration, or what is known of webhooks."""
        self._woken.set()

    def verified(self, repositories: Sequence[str]) -> None:
        """A delivery of these repositories verified. Deliveries come by the hundred: only one that can change something
        wakes the poll.
        """
        turns = self._turns.values()
        if any(turn.interval < turn.configured for turn in turns if turn.repository in repositories):
            self.wake()

    async def run_once(self) -> float:
        """Trigger what is due, see to it that everything has a next time, and say in how many seconds to come again.

        Raises StateError: what could not be stored is due again at once.
        """
        # Before anything is looked at: who wakes the poll meanwhile has it look again.
        self._woken.clear()
        wanted = {fabric.name: fabric for fabric in self._fabrics() if fabric.is_enabled}
        self._turns = {name: turn for name, turn in self._turns.items() if name in wanted}
        webhooks = await to_thread.run_sync(self._webhooks, {fabric.repository for fabric in wanted.values()})
        for fabric in wanted.values():
            await self._look_at(fabric, webhooks[fabric.repository])
        self._on_iteration()
        if not self._turns:
            return IDLE
        return max(min(turn.due for turn in self._turns.values()) - self._clock.monotonic(), 0.0)

    def _webhooks(self, repositories: Iterable[str]) -> Mapping[str, WebhookRecord]:
        return {repository: self._schedule.webhook(repository) for repository in repositories}

    async def _look_at(self, fabric: Fabric, webhook: WebhookRecord) -> None:
        now = self._clock.monotonic()
        interval = effective_interval(fabric.interval, webhook, self._clock.now())
        turn = self._turns.get(fabric.name)
        if turn is None:
            await self._plan(fabric, interval, now)
        elif turn.due <= now:
            await self._trigger([fabric], Trigger.POLL)
            await self._plan(fabric, interval, self._clock.monotonic())
        elif (turn.interval, turn.configured, turn.repository) != (interval, fabric.interval, fabric.repository):
            # Not from now on, but from when it was polled last: whoever changes an interval again and again would else
            # keep the fabric from ever being polled.
            await self._plan(fabric, interval, turn.since)

    async def _plan(self, fabric: Fabric, interval: float, since: float) -> None:
        now = self._clock.monotonic()
        due = max(since + self._jitter.shorten(interval), now)
        at = self._clock.now() + timedelta(seconds=due - now)
        await to_thread.run_sync(self._schedule.schedule_poll, fabric.name, at, interval)
        self._turns[fabric.name] = _Turn(since, due, fabric.repository, fabric.interval, interval)
        log.debug("poll scheduled", fabric=fabric.name, due=at.isoformat(), interval=interval)
