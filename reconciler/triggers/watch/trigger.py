"""Which changes of a fabric's cluster become work: judged one by one, by what its last pass learned."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from reconciler.model.events import Change
from reconciler.plan.canonical import is_same
from reconciler.plan.watching import is_worth_a_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model.known import Known
    from reconciler.model.objects import ObjectKey
    from reconciler.model.requests import Scope
    from reconciler.triggers.watch.cache import Cache

log = structlog.get_logger("watch")

SLICE = 100
"""Changes that are judged in one turn of the event loop: some 20 ms."""

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
        self._worth: dict[ObjectKey, Change] = {}
        """What was judged to be worth a pass, until the rest is judged too."""
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
        elif _says_nothing(change):
            return
        elif len(self._changes) + len(self._worth) >= MAX_CHANGES:
            log.info("too many changes to judge one by one", fabric=self._fabric)
            self._changes.clear()
            self._worth.clear()
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
        """Judge a slice of what there is; once all of it is judged, add what is worth a pass."""
        self._is_called = False
        with self._lock:
            known = None if self._is_running else self._known
        if known is None:
            self._put_back()
            return
        try:
            self._judge_slice(known)
        except Exception:
            # Which changes it was about is not known for sure, so none is passed over.
            log.exception("changes not judged: the whole fabric is looked at", fabric=self._fabric)
            self._is_whole = True
        if self._changes and not self._is_whole:
            self._call()
        else:
            self._finish()

    def _put_back(self) -> None:
        """What a pass that has begun meanwhile may see is judged by what it learns."""
        for key, change in self._worth.items():
            later = self._changes.get(key)
            self._changes[key] = change if later is None else _merged(change, later)
        self._worth.clear()

    def _judge_slice(self, known: Known) -> None:
        for key in tuple(islice(self._changes, SLICE)):
            change = self._changes.pop(key)
            if self._is_worth(change, known):
                self._worth[key] = change

    def _finish(self) -> None:
        with self._lock:
            has_ended, self._has_ended = self._has_ended, False
        if has_ended:
            for cache in self._caches.values():
                cache.settle()
        if self._is_whole or self._worth:
            self._add(None if self._is_whole else frozenset(self._worth))
        # Only now: an error of who takes the work loses nothing.
        self._is_whole = False
        self._changes.clear()
        self._worth.clear()

    def _is_worth(self, change: Change, known: Known) -> bool:
        cache = self._caches[change.key.kind]
        return not cache.is_known(change) and is_worth_a_pass(change.before, change.after, known)


def _says_nothing(change: Change) -> bool:
    """Whether it is plain at a glance that nothing changed but status, version and the like; most changes are such."""
    before, after = change.before, change.after
    return (
        before is not None
        and after is not None
        and (before.uid, before.is_deleting, before.labels, before.annotations)
        == (after.uid, after.is_deleting, after.labels, after.annotations)
        and before.spec == after.spec
        and is_same(before.spec, after.spec)
    )


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
