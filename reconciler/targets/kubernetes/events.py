"""What happens in a fabric's cluster, over the watches of the Kubernetes API.

The client library's own Watch is not used: it takes a broken connection for the end, resumes by itself from a version
that it may have lost, and does not read objects beyond a fixed size.
"""

from __future__ import annotations

import random
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError
from reconciler.model.events import Listing
from reconciler.targets.kubernetes.agents import list_agents
from reconciler.targets.kubernetes.answers import read_error, watch_error
from reconciler.targets.kubernetes.async_transport import AsyncTransport
from reconciler.targets.kubernetes.frames import FrameSplitter, read_event
from reconciler.targets.kubernetes.reading import Pages, collection, read_resource
from reconciler.targets.kubernetes.transport import AnswerTooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from reconciler.model.agents import AgentStatus
    from reconciler.model.events import WatchEvent
    from reconciler.model.json import JSON
    from reconciler.model.kinds import Kind
    from reconciler.targets.kubernetes.connection import ClusterAccess

PAGE = 200
"""Objects in one answer, unless they are large."""

EASY = 1 << 20
"""Bytes of an answer. Reading one holds up the event loop for some 10 ms, and would do so from any thread: pages of
large objects are made smaller.
"""

MAX_PAGES = 5000
LIST_TRIES = 3
"""How often a list is begun when the server forgets its version half-way (410)."""

_GONE = 410


def _minutes() -> float:
    return random.uniform(240.0, 290.0)  # noqa: S311 - it spreads load, and guards nothing


def _moment() -> float:
    return random.uniform(50.0, 60.0)  # noqa: S311 - as above


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """Seconds; at random where many watches would otherwise begin anew at the same moment.

    The server ends a stream after `lively()`, or after `quiet()` when the kind's last one told nothing. API servers
    send a bookmark each minute and a little, but none for a kind to which nothing happened since they started: there
    the end of the stream is what shows that the connection is alive. `silence` for longer than that is a failure: the
    machine at the other end may be no more.
    """

    lively: Callable[[], float] = _minutes
    quiet: Callable[[], float] = _moment
    silence: float = 65.0


class KubernetesEvents:
    """`ports.ClusterEvents` on a real API server, within one namespace.

    Raises ConfigurationError when the access cannot be used as it is. It may be made outside of the event loop.
    """

    def __init__(self, access: ClusterAccess, namespace: str, limits: WatchLimits | None = None) -> None:
        self._transport = AsyncTransport(access)
        self._namespace = namespace
        self._limits = limits or WatchLimits()
        self._lively: set[str] = set()
        """The names of kinds of which the last watch told something."""
        self._pages: dict[str, int] = {}
        """How many objects of a kind to ask for at once, by its name."""

    @property
    def address(self) -> str:
        return self._transport.address

    async def close(self) -> None:
        """Close every connection; watches that are open break off."""
        await self._transport.close()

    async def watch(self, kind: Kind, version: str) -> AsyncGenerator[WatchEvent, None]:
        """What happened to objects of a kind after `version`, until the server ends the stream; then watch again, from
        the last version.

        Raises VersionExpiredError, KindNotServedError, ClusterUnavailableError (also when the server is silent for more
        than a minute), ClusterAccessError, ConfigurationError.
        """
        doing = f"watch {kind.name}"
        frames = FrameSplitter(doing)
        async with aclosing(self._stream(kind, version, doing)) as pieces:
            self._lively.discard(kind.name)
            async for piece in pieces:
                for frame in frames.feed(piece):
                    event = read_event(frame, kind, doing)
                    self._lively.add(kind.name)
                    yield event
        frames.finish()

    async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
        """All agents of a kind, by name, without their specs. Raises as `list`."""
        return await list_agents(self._transport, self._namespace, kind)

    def _stream(self, kind: Kind, version: str, doing: str) -> AsyncGenerator[bytes, None]:
        seconds = self._limits.lively() if kind.name in self._lively else self._limits.quiet()
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(round(seconds))),
        ]
        path = collection(kind, self._namespace)
        return self._transport.stream(path, query, self._limits.silence, partial(watch_error, doing=doing))

    async def _list_once(self, kind: Kind) -> Listing | None:
        """None when the list expired half-way and must begin again."""
        pages = Pages(kind, self.address, read_resource, self._pages.get(kind.name, PAGE), EASY)
        for _ in range(MAX_PAGES):
            try:
                answer = await self._transport.get(collection(kind, self._namespace), pages.query())
            except AnswerTooLargeError as error:
                pages.shrink(error)
                continue
            if answer.status == _GONE:
                return None
            if not answer.is_ok:
                raise read_error(answer, f"list {kind.name}")
            pages.take(answer)
            self._pages[kind.name] = pages.limit
            if pages.is_complete:
                return Listing(tuple(pages.found), self._version(pages.version, kind))
        raise ClusterUnavailableError(f"list {kind.name}: more than {MAX_PAGES * PAGE} objects")

    def _version(self, version: JSON, kind: Kind) -> str:
        """Without one, a watch would begin with all objects once more."""
        if not isinstance(version, str) or not version:
            raise ClusterUnavailableError(f"list {kind.name}: {self.address} answered a list without a version")
        return version

    # Last, because the name hides the built-in type in what follows.
    async def list(self, kind: Kind) -> Listing:
        """All objects of a kind, in pages, and the version to watch from.

        Raises KindNotServedError, ClusterUnavailableError, ClusterAccessError, ConfigurationError.
        """
        self._lively.discard(kind.name)  # a server that has just started may have no bookmarks yet
        for _ in range(LIST_TRIES):
            listing = await self._list_once(kind)
            if listing is not None:
                return listing
        raise ClusterUnavailableError(f"list {kind.name}: the server forgot the list's version {LIST_TRIES} times")
