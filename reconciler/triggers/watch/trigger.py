"""Which changes of a fabric's cluster become work: judged one by one, by what its last pass learned."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import structlog

from reconciler.model.events import Change
from reconciler.plan.watching import is_worth_a_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.known import Known
    from reconciler.model.objects import ObjectKey
    from reconciler.model.requests import Scope
    from reconciler.triggers.watch.cache import Cache

log = structlog.get_logger("watch")

MAX_CHANGES = 20_000
"""How many objects' changes wait to be judged; beyond that the whole fabric is to be looked at."""


class WatchTrigger:
    """Collects the changes of one fabric and calls `add` with the objects that are worth a pass.

    `on_change` belongs to the event loop, where `add` is called too; `begin` and `end` may be called from any thread.
    While a pass runs nothing is judged: many of the changes are its own, and it is about to learn what they mean.
    Nor before a pass has learned anything: the one of the start is queued anyway.
    """

    def __init__(self, fabric: str, caches: Mapping[str, Cache], add: Callable[[Scope], object]) -> None:
        self._fabric = fabric
        self._caches = caches
        self._add = add
        self._changes: dict[ObjectKey, Change] = {}
        """What is not judged yet, by object."""
        self._is_whole = False
        """Whether the whole fabric is to be looked at, whatever else changed."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_called = False
        """Whether a judgement is due in this turn of the loop."""
        self._lock = threading.Lock()
        """Guards what follows, which passes' threads write."""
        self._is_running = False
        self._has_ended = False
        """Whether a pass ended since the last judgement, so that what it wrote is judged by then too."""
        self._known: Known | None = None

    def on_change(self, change: Change | None) -> None:
        """Something happened to an object; None: to the whole fabric."""
        self._loop = asyncio.get_running_loop()
        if change is None:
            self._is_whole = True
        else:
            self._collect(change)
        self._call()

    def _collect(self, change: Change) -> None:
        earlier = self._changes.get(change.key)
        if earlier is not None:
            change = _merged(earlier, change)
        elif len(self._changes) >= MAX_CHANGES:
            log.info("too many changes to judge one by one", fabric=self._fabric)
            self._changes.clear()
            self._is_whole = True
            return
        self._changes[change.key] = change

    def begin(self) -> None:
        """A pass of the fabric begins."""
        with self._lock:
            self._is_running = True

    def end(self, known: Known | None) -> None:
        """It ended. None: it learned nothing, and what was known before it still holds."""
        with self._lock:
            self._is_running = False
            self._has_ended = True
            self._known = known or self._known
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._judge)

    def _call(self) -> None:
        """Judge once this turn of the loop is over: what comes together is judged together."""
        if not self._is_called:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._judge)

    def _judge(self) -> None:
        self._is_called = False
        with self._lock:
            known = self._known
            if known is None or self._is_running:
                return
            has_ended, self._has_ended = self._has_ended, False
        is_whole, self._is_whole = self._is_whole, False
        changes, self._changes = self._changes, {}
        scope = None if is_whole else frozenset(key for key, one in changes.items() if self._is_worth(one, known))
        if has_ended:
            for cache in self._caches.values():
                cache.settle()
        if scope is None or scope:
            self._add(scope)

    def _is_worth(self, change: Change, known: Known) -> bool:
        cache = self._caches[change.key.kind]
        return not cache.is_known(change) and is_worth_a_pass(change.before, change.after, known)


def _merged(earlier: Change, later: Change) -> Change:
    """Two changes of one object as one. What was between them a pass may have seen, so it counts: nothing is known any
    more of how the object was before, but for its having been another one.
    """
    if later.after is None:
        return later
    before = earlier.before
    if before is not None and before.uid == later.after.uid:
        before = None
    return Change(later.key, before, later.after, earlier.is_first)
