"""How the agents of a fabric are, by a list each minute: their status changes too often to be watched."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import KindNotServedError, ReconcilerError
from reconciler.triggers.watch.cancellation import end_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.agents import AgentStatus
    from reconciler.model.kinds import Kind
    from reconciler.ports import ClusterEvents
    from reconciler.triggers.watch.reflector import WatchHealth

log = structlog.get_logger("watch")

INTERVAL = 60.0
"""Seconds between two lists, shortened at random by up to a tenth."""


class AgentList:
    """The agents of one kind as they were listed last. `chance` is random, from 0 to 1."""

    def __init__(
        self,
        name: str,
        events: ClusterEvents,
        kind: Kind,
        health: WatchHealth,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._events = events
        self._kind = kind
        self._health = health
        self._chance = chance
        self._agents: tuple[AgentStatus, ...] | None = None

    @property
    def agents(self) -> tuple[AgentStatus, ...] | None:
        """By name; None while nobody knows. A cluster that does not serve the kind has none."""
        return self._agents

    async def run(self) -> None:
        """For ever."""
        while True:
            delay = await self.run_once()
            end_if_cancelled()
            await asyncio.sleep(delay)

    async def run_once(self) -> float:
        """List once; in how many seconds to come again."""
        try:
            self._agents = await self._events.agents(self._kind)
        except KindNotServedError:
            self._agents = ()
        except ReconcilerError as error:
            if self._agents is not None:
                log.warning("agents not listed", watch=self.name, message=error.message)
            self._lose(error.message)
        except Exception as error:
            # What an outside system says must not make us unready, however odd it is.
            log.exception("agents not listed by a defect", watch=self.name)
            self._lose(f"a defect: {type(error).__name__}")
        if self._agents is not None:
            self._health.progress(self.name)
        return INTERVAL * (1 - self._chance() / 10)

    def _lose(self, reason: str) -> None:
        self._agents = None
        self._health.trouble(self.name, reason)
