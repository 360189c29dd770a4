"""Reload: a changed configuration takes effect while the service runs; one that cannot be used leaves the old one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from reconciler.app.live import Change
from reconciler.errors import ConfigurationError
from reconciler.settings import load
from reconciler.triggers.files import digests, in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from reconciler.app.live import Live, Version
    from reconciler.status.health import Components

log = structlog.get_logger("configuration")

COMPONENT = "configuration"
"""The part of the process that has trouble while the file on disk is not the configuration in effect."""


class Effects(Protocol):
    """What a change causes, each of which may be asked for again. They raise StateError."""

    async def end(self, fabrics: Sequence[str]) -> None:
        """Discard what waits for fabrics that are no longer reconciled."""

    async def watch(self) -> None:
        """Follow exactly the clusters of the present version."""

    async def begin(self, fabrics: Sequence[str]) -> None:
        """Queue a full pass over each of these fabrics, at once."""

    async def renew(self, fabrics: Sequence[str]) -> None:
        """Have those of these fabrics looked at for which the old credentials may have failed."""

    def reschedule(self) -> None:
        """Have the poll look at fabrics and intervals again."""


class Reload:
    """Implements `triggers.files.Watched` over the configuration and every file that it names."""

    def __init__(self, live: Live, effects: Effects, components: Components) -> None:
        self._live = live
        self._effects = effects
        self._components = components
        self._seen: Mapping[Path, str] | None = None
        """What the files held when they were last taken in, or refused."""
        self._refusal: str | None = None
        self._owed = Change()
        """What has changed and did not have its effects yet."""

    def files(self) -> Iterable[Path]:
        version = self._live.version
        return [version.settings.path, *sorted(version.files)]

    async def look(self) -> None:
        """Take in what changed. Raises StateError; the effects that are left are then tried at the next look."""
        found = await in_thread(partial(digests, self.files()))
        # A refused version may name files that nobody knows of: whether they are there now, only reading it can tell.
        if found != self._seen or self._refusal is not None:
            await self._take_in()
            self._seen = found
        await self._warn()
        await self._settle()
        if self._refusal is None:
            self._components.progress(COMPONENT)

    async def _take_in(self) -> None:
        path = self._live.version.settings.path
        try:
            version = await in_thread(lambda: self._live.prepare(load(path)))
        except ConfigurationError as error:
            self._refuse(error.message)
            return
        if self._refusal is not None:
            log.info("configuration can be used again")
        self._refusal = None
        self._put(version)

    def _refuse(self, reason: str) -> None:
        if reason != self._refusal:
            log.error("configuration refused", reason=reason)
        self._refusal = reason
        self._components.trouble(COMPONENT, f"the changed configuration is not in effect: {reason}")

    def _put(self, version: Version) -> None:
        change = self._live.put(version)
        if change != Change():
            fabrics = {"begun": change.begun, "ended": change.ended, "renewed": change.renewed}
            log.info("configuration changed", **{what: sorted(names) for what, names in fabrics.items()})
        self._owed = self._owed.then(change)
        self._effects.reschedule()

    async def _warn(self) -> None:
        """Who may read a file changes without its content, and also while a version is refused."""
        version = self._live.version
        warnings = await in_thread(lambda: version.settings.warnings)
        if warnings != version.described.warnings:
            log.info("warnings changed", keys=[key for key, _ in warnings])
            self._live.warn(warnings)

    async def _settle(self) -> None:
        """Watches before passes: a pass that begins before its watch would not see what changes in between."""
        if self._owed.ended:
            await self._effects.end(sorted(self._owed.ended))
            self._owed = replace(self._owed, ended=frozenset())
        await self._effects.watch()
        if self._owed.begun:
            await self._effects.begin(sorted(self._owed.begun))
            self._owed = replace(self._owed, begun=frozenset())
        if self._owed.renewed:
            await self._effects.renew(sorted(self._owed.renewed))
            self._owed = Change()
