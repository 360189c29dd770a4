"""The fabrics as they change, for those who follow them.

Nobody is told what happened, but how things stand now where that differs from what they were told last. So a bell that
rings too often costs a look, one that does not ring a second, and no change is ever lost, whoever forgot to tell of it.
The ends of passes alone are told one by one. While nobody follows, nothing is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import TYPE_CHECKING

import structlog
from anyio import CapacityLimiter, to_thread

from reconciler.errors import StateError, StoppedError, TooManyFollowersError
from reconciler.model.news import News, NewsKind
from reconciler.status.views import pass_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.passes import PassRecord

log = structlog.get_logger("events")

PAUSE = 0.1
"""Seconds between a look and the next one, however often the bell rings."""

LONGEST_WAIT = 1.0
"""Seconds until the next look when no bell rings: a fabric can become stale by the clock alone."""

MOST_FOLLOWERS = 100

MOST_PASSES = 1000
"""Ends of passes that are kept for one who does not read them. Beyond it the follower is let go, and may come again."""


class Follower:
    """One who follows, and what was not read yet: of each fabric only the newest, so that it is bounded."""

    def __init__(self, fabric: str | None) -> None:
        """`fabric` is the only one of interest; None: all are."""
        self._fabric = fabric
        self._told: dict[str, str] = {}
        self._waiting: dict[str, News] = {}
        self._passes: deque[News] = deque()
        self._changed = asyncio.Event()
        self._is_over = False

    async def next(self) -> Sequence[News] | None:
        """As `Following.next`."""
        await self._changed.wait()
        if self._is_over:
            return None
        self._changed.clear()
        news = (*self._waiting.values(), *self._passes)
        self._waiting.clear()
        self._passes.clear()
        return news

    def end(self) -> None:
        """There will be no more news."""
        self._is_over = True
        self._waiting.clear()
        self._passes.clear()
        self._changed.set()

    def see(self, fabrics: Mapping[str, str]) -> None:
        """How all fabrics stand now, each as JSON."""
        if self._is_over:
            return
        for name, data in fabrics.items():
            if self._is_of_interest(name) and self._told.get(name) != data:
                self._told[name] = data
                self._waiting[name] = News(NewsKind.FABRIC, name, data)
        for name in self._told.keys() - fabrics.keys():
            del self._told[name]
            self._waiting[name] = News(NewsKind.REMOVED, name, _text({"name": name}))
        if self._waiting or self._passes:
            self._changed.set()

    def hear(self, ended: News) -> None:
        """A pass ended. It is told with the next look, after the fabric as the pass left it."""
        if self._is_of_interest(ended.fabric) and not self._is_over:
            self._passes.append(ended)
        if len(self._passes) > MOST_PASSES:
            self.end()

    def _is_of_interest(self, fabric: str) -> bool:
        return self._fabric in {None, fabric}


class Changes:
    """Belongs to the event loop, but for `wake` and `ended`."""

    def __init__(self) -> None:
        self._fabrics: Callable[[], JSONObject] = lambda: {"fabrics": []}
        self._followers: set[Follower] = set()
        self._bell = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._thread = CapacityLimiter(1)

    def look_at(self, fabrics: Callable[[], JSONObject]) -> None:
        """Tell of what this gives: `{"fabrics": […]}`. It is called in a thread."""
        self._fabrics = fabrics

    @contextlib.contextmanager
    def follow(self, fabric: str | None) -> Iterator[Follower]:
        """As `ports.Status.follow`."""
        if self._is_stopped:
            raise StoppedError("the service is stopping")
        if len(self._followers) >= MOST_FOLLOWERS:
            raise TooManyFollowersError(f"{MOST_FOLLOWERS} clients follow the events already")
        follower = Follower(fabric)
        self._followers.add(follower)
        self._begin()
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell.set()  # whoever is new knows nothing yet
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name="events")

    def wake(self) -> None:
        """Something may have changed. From any thread."""
        if self._followers:
            self._call(self._bell.set)

    def ended(self, record: PassRecord) -> None:
        """A pass ended, and its end is stored. From any thread."""
        if self._followers:
            self._call(self._hear, News(NewsKind.PASS, record.fabric, _text(pass_view(record))))

    def _call(self, call: Callable[..., object], *arguments: object) -> None:
        # A loop that is closed has no followers any more.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *arguments)

    def _hear(self, ended: News) -> None:
        for follower in self._followers:
            follower.hear(ended)
        self._bell.set()

    def stop(self) -> None:
        """Let go of everybody, and take no one any more."""
        self._is_stopped = True
        self._let_go()

    def _let_go(self) -> None:
        for follower in self._followers:
            follower.end()
        self._followers.clear()
        self._bell.set()

    async def _run(self) -> None:
        """While anybody follows. A defect lets all go: they come again, and the log says why."""
        try:
            while self._followers:
                await self._look()
                await asyncio.sleep(PAUSE)
                await self._rung()
        except Exception:
            log.exception("the changes of fabrics could not be told")
        finally:
            self._task = None
            self._let_go()

    async def _look(self) -> None:
        # Silenced before the look: what changes during it rings for the next one.
        self._bell.clear()
        try:
            fabrics = await to_thread.run_sync(self._read, limiter=self._thread)
        except StateError as error:
            log.warning("the fabrics cannot be read", reason=error.reason, error=error.message)
            return
        for follower in self._followers:
            follower.see(fabrics)

    def _read(self) -> dict[str, str]:
        return {fabric["name"]: _text(fabric) for fabric in self._fabrics()["fabrics"]}

    async def _rung(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT):
                await self._bell.wait()


def _text(view: JSONObject) -> str:
    return json.dumps(view, allow_nan=False, separators=(",", ":"))
