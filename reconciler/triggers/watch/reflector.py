"""Keeps the cache of one kind in line with its cluster: a list, and watches from there on, for ever."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.errors import ClusterAccessError, KindNotServedError, ReconcilerError, VersionExpiredError
from reconciler.queue import Backoff
from reconciler.triggers.watch.cache import is_ahead
from reconciler.triggers.watch.cancellation import end_if_cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.model.events import Change, WatchEvent
    from reconciler.ports import ClusterEvents
    from reconciler.triggers.watch.cache import Cache

log = structlog.get_logger("watch")

RETRY = Backoff(base=1.0, factor=2.0, cap=30.0, jitter=0.5)
"""Seconds between tries; well shortened at random, because one outage breaks off every watch at once."""

LOOK_AGAIN = 60.0
"""Seconds after which a kind that is not served is asked for again, shortened at random by up to half."""

STABLE = 10.0
"""Seconds that a watch must last, or tell something, for its end to be no failure."""


class WatchHealth(Protocol):
    """Who is told how a watch is, by its name."""

    def progress(self, name: str) -> None:
        """It works."""

    def trouble(self, name: str, reason: str) -> None:
        """It does not, and is tried again."""


class Reflector:
    """Follows one kind of one cluster. Every change is entered into the cache, then handed to `on_change`; None stands
    for the whole fabric: the kind appeared or disappeared, may be read again, the cluster was restored from a backup,
    or a defect may have swallowed a change. `chance` is random, from 0 to 1.

    A watch that the server ends is resumed where it ended. After anything else only a list is trusted: a cluster that
    was restored meanwhile takes a watch from our version all the same, and may never tell what it lost.
    """

    def __init__(
        self,
        name: str,
        events: ClusterEvents,
        cache: Cache,
        on_change: Callable[[Change | None], None],
        health: WatchHealth,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._events = events
        self._cache = cache
        self._on_change = on_change
        self._health = health
        self._chance = chance
        self._version: str | None = None
        """Where to resume; None when only a list can tell."""
        self._failures = 0
        """In a row, with no watch between them that got on."""
        self._expirations = 0
        """The same for versions that expired."""
        self._is_served: bool | None = None
        """None before the cluster has said."""
        self._has_missed = False
        """Whether the next list is about the whole fabric: changes may have gone untold since the last one, or passes
        have failed because we may not read the kind, which are not made again by themselves.
        """

    async def run(self) -> None:
        """For ever; each error is tried again."""
        try:
            while True:
                delay = await self.run_once()
                end_if_cancelled()
                await asyncio.sleep(delay)
        finally:
            # Nobody follows any more: the next start begins with a list.
            self._version = None
            self._cache.lose()

    async def run_once(self) -> float:
        """List where only that helps, then watch to the watch's end; in how many seconds to come again."""
        try:
            if self._version is None:
                await self._list()
            return await self._watch()
        except KindNotServedError:
            return self._without_kind()
        except VersionExpiredError as error:
            return self._expired(error)
        except ReconcilerError as error:
            self._has_missed = self._has_missed or isinstance(error, ClusterAccessError)
            self._failures += 1
            return self._troubled(error.message)
        except Exception as error:
            # What an outside system says must not make us unready, however odd it is.
            log.exception("watch failed by a defect", watch=self.name)
            self._has_missed = True
            self._failures += 1
            return self._troubled(f"a defect: {type(error).__name__}")

    async def _list(self) -> None:
        reached = self._cache.reached
        listing = await self._events.list(self._cache.kind)
        changes = self._cache.replace(listing, reached)
        if self._is_served is False:
            log.info("kind served", watch=self.name, objects=len(listing.resources))
        if changes is None:
            log.warning("cluster restored", watch=self.name, version=listing.version)
        self._tell(None if self._has_missed or self._is_served is False else changes)
        self._version = listing.version
        self._is_served = True
        self._has_missed = False
        self._health.progress(self.name)

    def _tell(self, changes: tuple[Change, ...] | None) -> None:
        for change in (None,) if changes is None else changes:
            self._on_change(change)

    async def _watch(self) -> float:
        version = self._version or ""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            async for event in self._events.watch(self._cache.kind, version):
                self._take(event)
        finally:
            has_lasted = loop.time() - begun >= STABLE
            if has_lasted:
                self._forgive()
        return self._ended(has_got_on=has_lasted or self._version != version)

    def _take(self, event: WatchEvent) -> None:
        if is_ahead(self._version or "", event.version):
            raise VersionExpiredError(f"{event.version} came after {self._version}: the cluster was restored")
        change = self._cache.follow(event)
        if event.version != self._version:
            self._version = event.version
            self._forgive()
        self._health.progress(self.name)
        if change is not None:
            self._on_change(change)

    def _forgive(self) -> None:
        self._failures = self._expirations = 0

    # What comes after

    def _ended(self, *, has_got_on: bool) -> float:
        """The server ended the watch, as it does every few minutes: resume at once. One that does so again and again
        is not watched.
        """
        if has_got_on:
            self._health.progress(self.name)
            return 0.0
        self._failures += 1
        return 0.0 if self._failures == 1 else self._troubled("the server ends every watch at once")

    def _expired(self, error: VersionExpiredError) -> float:
        """What happened since is lost: list again, at once unless the list before was of no use either. However often
        the server failed before, this is an answer of it.
        """
        self._version = None
        self._cache.lose()
        self._failures += 1
        self._expirations += 1
        log.info("version expired", watch=self.name, message=error.message)
        return 0.0 if self._expirations == 1 else self._troubled(error.message)

    def _troubled(self, reason: str) -> float:
        self._version = None
        self._cache.lose()
        self._health.trouble(self.name, reason)
        delay = RETRY.delay(self._failures, self._chance())
        log.warning("watch failed", watch=self.name, message=reason, failures=self._failures, seconds=round(delay, 1))
        return delay

    def _without_kind(self) -> float:
        self._version = None
        self._forgive()
        self._cache.clear()
        self._health.progress(self.name)
        was_served, self._is_served = self._is_served, False
        if was_served is not False:
            log.info("kind not served", watch=self.name)
        if was_served:
            self._on_change(None)
        return LOOK_AGAIN * (1 - self._chance() / 2)
