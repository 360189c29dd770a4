"""What happens in an embedded cluster, as a watch tells it; with the ways in which a watch fails."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING

from reconciler.errors import ClusterUnavailableError, KindNotServedError, VersionExpiredError
from reconciler.model.agents import AgentStatus
from reconciler.model.events import EventType, WatchEvent
from reconciler.model.objects import Resource
from reconciler.targets.local.faults import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.errors import ReconcilerError
    from reconciler.model.events import Listing
    from reconciler.model.json import JSONObject
    from reconciler.model.kinds import Kind
    from reconciler.model.objects import ObjectKey
    from reconciler.targets.local.cluster import LocalCluster

BOOKMARK_EVERY = 60.0
"""Seconds without an event after which a stream tells the version that it has reached."""

SILENCE = 65.0
"""Seconds without a word after which a client leaves a stream."""

LASTS = 270.0
"""Seconds after which the server ends a stream."""

KEPT = 10_000
"""How many events can be resumed over; older ones are forgotten."""


class _Stream:
    """One open watch: what it has yet to say, and how it ends once that is said."""

    def __init__(self, kind: Kind, version: int) -> None:
        self.kind = kind
        self.version = version
        self.events: deque[WatchEvent] = deque()
        self.error: ReconcilerError | None = None
        self.is_ended = False
        self.is_silent = False
        """Whether nothing that the server says comes through."""
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._ends_at = self._loop.time() + LASTS
        self._heard_at = self._loop.time()

    def say(self, event: WatchEvent) -> None:
        self.version = max(self.version, int(event.version))
        self.events.append(event)
        self.wake()

    def end(self, error: ReconcilerError | None = None) -> None:
        self.error = error
        self.is_ended = True
        self.wake()

    def wake(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._changed.set)

    def hear(self) -> tuple[WatchEvent, ...]:
        """What reaches the client now."""
        heard = tuple(self.events)
        self.events.clear()
        if heard:
            self._heard_at = self._loop.time()
        return heard

    async def wait(self, patience: float) -> bool:
        """Until something changes; False when the client has heard nothing for `patience` seconds."""
        try:
            async with asyncio.timeout_at(self._heard_at + patience):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True

    @property
    def time_left(self) -> float:
        """Seconds until the server ends the stream, counted from what was heard last."""
        return self._ends_at - self._heard_at

    @property
    def is_due(self) -> bool:
        return self._loop.time() >= self._ends_at


class MemoryEvents:
    """`ports.ClusterEvents` of a `LocalCluster`: every write to it, by whomever, is an event here.

    A stream sends a bookmark when it has been quiet for a minute, and ends after 270 s. One through which nothing came
    for 65 s is given up. The faults may be called from any thread; each is about one kind, or about all when none is
    named.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._lock = threading.RLock()
        """Taken inside the cluster's lock, so never held while the cluster is asked."""
        self._log: deque[tuple[Kind, WatchEvent]] = deque()
        self._oldest: dict[str, int] = {}
        """By kind, the oldest version that can be resumed from, where it is not `_begin`."""
        self._begin = self._last = int(cluster.last_version)
        self._streams: list[_Stream] = []
        self._agents: dict[str, dict[str, AgentStatus]] = {}
        """By kind and name; a kind that is not here is not served."""
        self._faults: list[tuple[str, Kind | None, ReconcilerError]] = []
        self._calls: list[Call] = []
        cluster.follow(self._record)

    @property
    def address(self) -> str:
        return self._cluster.address

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls of `list`, `watch` and `agents` so far, with the kind's name; failed ones too."""
        with self._lock:
            return tuple(self._calls)

    def streams(self, kind: Kind) -> int:
        """How many watches of the kind are open."""
        with self._lock:
            return len(self._of(kind))

    async def watch(self, kind: Kind, version: str) -> AsyncIterator[WatchEvent]:
        """A version that is yet to come is waited for in silence, as API servers do.

        Raises VersionExpiredError, KindNotServedError, ClusterUnavailableError, and what `fail` told.
        """
        self._check("watch", kind)
        stream = self._open(kind, int(version))
        is_ended = False
        try:
            while not is_ended:
                if not await stream.wait(self._patience(stream)):
                    self._pause(stream)
                # Asked before the last hearing: what was said before the end is heard.
                is_ended = stream.is_ended
                for event in self._hear(stream):
                    yield event
            if stream.error is not None:
                raise stream.error
        finally:
            with self._lock:
                self._streams.remove(stream)

    async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
        """Raises KindNotServedError, and what `fail` told."""
        self._check("agents", kind)
        with self._lock:
            return tuple(agent for _, agent in sorted(self._agents[kind.name].items()))

    def report(self, kind: Kind, body: JSONObject) -> None:
        """An agent of this kind is as `body` says; the kind is served from the first one on."""
        agent = AgentStatus.from_body(body, kind)
        with self._lock:
            self._agents.setdefault(kind.name, {})[agent.name] = agent

    async def close(self) -> None:
        """Break off every stream."""
        self.cut()

    # Faults

    def fail(self, verb: str, error: ReconcilerError, *, kind: Kind | None = None, times: int = 1) -> None:
        """Let the next `times` calls of `verb` (`list`, `watch`, `agents`) raise `error`."""
        with self._lock:
            self._faults += [(verb, kind, error)] * times

    def heal(self) -> None:
        """Forget what `fail` and `silence` told: what a stream held back comes now."""
        with self._lock:
            self._faults.clear()
            for stream in self._streams:
                stream.is_silent = False
                stream.wake()

    def end(self, kind: Kind | None = None) -> None:
        """The server ends its streams, as it does by time."""
        with self._lock:
            for stream in self._of(kind):
                stream.end()

    def cut(self, kind: Kind | None = None, error: ReconcilerError | None = None) -> None:
        """The streams break off with `error`; by default the connection is lost."""
        with self._lock:
            for stream in self._of(kind):
                stream.end(error or ClusterUnavailableError(f"{self.address}: the connection broke off"))

    def expire(self, kind: Kind | None = None) -> None:
        """Forget what happened so far: only the version of the last write, and later ones, can be resumed from. Streams
        that are open go on.
        """
        with self._lock:
            if kind is None:
                self._begin = self._last
                self._oldest.clear()
            else:
                self._oldest[kind.name] = self._last

    def silence(self, kind: Kind | None = None) -> None:
        """The streams stay open, and nothing comes through them any more, until `heal`. Those opened later work."""
        with self._lock:
            for stream in self._of(kind):
                stream.is_silent = True

    def bookmark(self, kind: Kind | None = None) -> None:
        """Let the streams tell the version that the cluster has reached."""
        with self._lock:
            self.say(kind, WatchEvent(EventType.BOOKMARK, str(self._last)))

    def say(self, kind: Kind | None, event: WatchEvent) -> None:
        """Let the streams tell something, true or not."""
        with self._lock:
            for stream in self._of(kind):
                stream.say(event)

    def withdraw(self, kind: Kind) -> None:
        """The kind is served no longer: the streams tell of the deletion of its objects, and end."""
        self._cluster.withdraw(kind)
        self.end(kind)

    def serve(self, kind: Kind) -> None:
        """The kind is served from now on."""
        self._cluster.serve(kind)

    # What streams say

    def _record(self, key: ObjectKey, before: JSONObject | None, after: JSONObject | None, version: str) -> None:
        kind = key.resource_kind
        event = WatchEvent(_type(before, after), version, _resource(before, after, version, kind))
        with self._lock:
            self._last = int(version)
            self._log.append((kind, event))
            if len(self._log) > KEPT:
                self._begin = max(self._begin, int(self._log.popleft()[1].version))
            for stream in self._of(kind):
                if int(version) > stream.version:
                    stream.say(event)

    def _open(self, kind: Kind, version: int) -> _Stream:
        stream = _Stream(kind, version)
        with self._lock:
            if version < self._oldest.get(kind.name, self._begin):
                raise VersionExpiredError(f"{self.address}: {kind.name}: version {version} is too old")
            for of, event in self._log:
                if of == kind and int(event.version) > version:
                    stream.say(event)
            self._streams.append(stream)
        return stream

    def _check(self, verb: str, kind: Kind) -> None:
        is_served = self._cluster.serves(kind)
        with self._lock:
            is_served = is_served or kind.name in self._agents
            self._calls.append(Call(verb, kind.name))
            for fault in self._faults:
                if fault[0] == verb and fault[1] in {None, kind}:
                    self._faults.remove(fault)
                    raise fault[2]
        if not is_served:
            raise KindNotServedError(f"{self.address} does not serve {kind.name}")

    def _of(self, kind: Kind | None) -> list[_Stream]:
        return [stream for stream in self._streams if kind in {None, stream.kind}]

    def _is_silent(self, stream: _Stream) -> bool:
        return stream.is_silent or stream.version > self._last

    def _hear(self, stream: _Stream) -> tuple[WatchEvent, ...]:
        with self._lock:
            return () if self._is_silent(stream) else stream.hear()

    def _patience(self, stream: _Stream) -> float:
        with self._lock:
            return SILENCE if self._is_silent(stream) else min(BOOKMARK_EVERY, stream.time_left)

    def _pause(self, stream: _Stream) -> None:
        """Nothing was said for a while: that is a bookmark, or the end of the server's time or of our patience."""
        with self._lock:
            if stream.is_silent:
                stream.end(ClusterUnavailableError(f"{self.address} said nothing for {SILENCE:g} s"))
            elif self._is_silent(stream) or stream.is_due:
                stream.end()
            else:
                stream.say(WatchEvent(EventType.BOOKMARK, str(self._last)))

    # Last, because the name hides the built-in type in what follows.
    async def list(self, kind: Kind) -> Listing:
        """Raises KindNotServedError, and what `fail` told."""
        self._check("list", kind)
        return self._cluster.listing(kind)


def _type(before: JSONObject | None, after: JSONObject | None) -> EventType:
    if after is None:
        return EventType.DELETED
    return EventType.ADDED if before is None else EventType.MODIFIED


def _resource(before: JSONObject | None, after: JSONObject | None, version: str, kind: Kind) -> Resource:
    """The object as it is; of a deletion, as it was last, with the version of the deletion, as API servers send it."""
    body = after or before or {}
    return Resource.from_body({**body, "metadata": {**body["metadata"], "resourceVersion": version}}, kind)
