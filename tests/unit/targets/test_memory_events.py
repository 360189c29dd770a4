"""The events of the embedded cluster: what they tell, and each way in which they fail."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterUnavailableError, KindNotServedError, VersionExpiredError
from reconciler.model.kinds import KINDS
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.targets.local import events as memory
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import BOOKMARK_EVERY, LASTS, SILENCE, MemoryEvents
from reconciler.targets.local.faults import Call
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.model.events import WatchEvent
    from reconciler.model.json import JSONObject

VPC, SERVER = KINDS["VPC"], KINDS["Server"]


def _vpc(name: str = "v", **spec: object) -> JSONObject:
    return Manifest(ObjectKey("VPC", "default", name), Source("v.yaml"), spec).body("dc1")


def _world() -> tuple[LocalCluster, MemoryEvents]:
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    return cluster, MemoryEvents(cluster)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _told(event: WatchEvent) -> tuple[str, str, str]:
    return event.type.value, event.version, event.resource.key.name if event.resource else ""


async def _next(stream: AsyncIterator[WatchEvent]) -> tuple[str, str, str]:
    return _told(await anext(stream))


async def _open(events: MemoryEvents) -> AsyncIterator[WatchEvent]:
    """A stream that is open and has told its first bookmark."""
    stream = events.watch(VPC, (await events.list(VPC)).version)
    await anext(stream)
    return stream


async def test_a_list_says_where_to_watch_from() -> None:
    """What happens after the list is what the watch tells, once."""
    cluster, events = _world()
    cluster.apply(_vpc("a"))
    listing = await events.list(VPC)
    stream = events.watch(VPC, listing.version)

    cluster.apply(_vpc("b"))
    changed = cluster.apply(_vpc("a", mode="x"))
    cluster.delete(changed)

    assert [resource.key.name for resource in listing.resources] == ["a"]
    assert [await _next(stream) for _ in range(3)] == [
        ("ADDED", "2", "b"),
        ("MODIFIED", "3", "a"),
        ("DELETED", "4", "a"),
    ]


async def test_a_deletion_shows_the_object_as_it_was() -> None:
    """With the version of the deletion."""
    cluster, events = _world()
    gone = cluster.apply(_vpc("a", mode="x"))
    stream = events.watch(VPC, "1")

    cluster.delete(gone)
    event = await anext(stream)

    assert event.resource is not None
    assert (event.resource.spec, event.resource.uid, event.resource.resource_version) == ({"mode": "x"}, gone.uid, "2")


async def test_other_kinds_are_not_told() -> None:
    """A stream is about one kind."""
    cluster, events = _world()
    stream = events.watch(SERVER, "0")

    cluster.apply(_vpc())
    events.bookmark(SERVER)

    assert await _next(stream) == ("BOOKMARK", "1", "")


async def test_writes_of_another_thread_wake_a_stream() -> None:
    """A pass writes from a worker thread."""
    cluster, events = _world()
    stream = events.watch(VPC, "0")
    writer = threading.Thread(target=cluster.apply, args=(_vpc(),))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    writer.start()
    writer.join()

    assert _told(await waiting) == ("ADDED", "1", "v")


async def test_a_quiet_stream_bookmarks_and_ends_by_time() -> None:
    """Each minute it tells the version that it has reached; after 270 s the server ends it."""
    _, events = _world()

    heard = [(_now(), _told(event)) async for event in events.watch(VPC, "0")]

    assert heard == [(BOOKMARK_EVERY * i, ("BOOKMARK", "0", "")) for i in range(1, 5)]
    assert _now() == LASTS
    assert events.streams(VPC) == 0


async def test_a_stream_that_is_ended_says_first_what_it_has() -> None:
    """A clean end loses nothing."""
    cluster, events = _world()
    stream = await _open(events)
    cluster.apply(_vpc("a"))
    events.end()

    assert [_told(event) async for event in stream] == [("ADDED", "1", "a")]


async def test_a_stream_breaks_off() -> None:
    """A lost connection is an error that names the cluster."""
    _, events = _world()
    stream = await _open(events)
    events.cut(VPC)

    with pytest.raises(ClusterUnavailableError, match="local:dc1: the connection broke off"):
        await anext(stream)


async def test_closing_breaks_every_stream_off() -> None:
    """Nothing stays open."""
    _, events = _world()
    stream = await _open(events)
    await events.close()

    with pytest.raises(ClusterUnavailableError):
        await anext(stream)


async def test_a_silent_stream_is_left() -> None:
    """Also while events happen that do not come through; a new stream tells them."""
    cluster, events = _world()
    stream = await _open(events)
    since = _now()
    events.silence(VPC)
    cluster.apply(_vpc("a"))

    with pytest.raises(ClusterUnavailableError, match="said nothing for 65 s"):
        await anext(stream)
    assert _now() - since == SILENCE
    assert await _next(events.watch(VPC, "0")) == ("ADDED", "1", "a")


async def test_what_silence_held_back_comes_when_it_ends() -> None:
    """A stall that heals in time loses nothing."""
    cluster, events = _world()
    stream = await _open(events)
    events.silence()
    cluster.apply(_vpc("a"))
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(SILENCE / 2)
    assert not waiting.done()

    events.heal()

    assert _told(await waiting) == ("ADDED", "1", "a")


@pytest.mark.parametrize("kind", [pytest.param(VPC, id="one kind"), pytest.param(None, id="all kinds")])
async def test_an_old_version_expires(kind: object) -> None:
    """What was forgotten cannot be resumed over; the last version can."""
    cluster, events = _world()
    cluster.apply(_vpc("a"))
    cluster.apply(_vpc("b"))
    events.expire(VPC if kind else None)

    with pytest.raises(VersionExpiredError, match="VPC: version 1 is too old"):
        await anext(events.watch(VPC, "1"))
    stream = events.watch(VPC, "2")
    cluster.apply(_vpc("c"))
    assert await _next(stream) == ("ADDED", "3", "c")


async def test_what_was_before_the_events_is_expired() -> None:
    """A stored cluster has a past that nobody saw."""
    documents = MemoryDocuments()
    LocalCluster(documents, "dc1").apply(_vpc("a"))
    events = MemoryEvents(LocalCluster(documents, "dc1"))

    with pytest.raises(VersionExpiredError):
        await anext(events.watch(VPC, "0"))


async def test_the_memory_for_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten, and asking for them says so."""
    monkeypatch.setattr(memory, "KEPT", 2)
    cluster, events = _world()
    for name in "abc":
        cluster.apply(_vpc(name))

    with pytest.raises(VersionExpiredError):
        await anext(events.watch(VPC, "0"))
    stream = events.watch(VPC, "1")
    assert [await _next(stream) for _ in range(2)] == [("ADDED", "2", "b"), ("ADDED", "3", "c")]


async def test_a_version_of_the_future_is_silent() -> None:
    """As API servers have it: there is no error, and no bookmark."""
    _, events = _world()

    assert [event async for event in events.watch(VPC, "7")] == []
    assert _now() == SILENCE


async def test_a_kind_that_is_withdrawn() -> None:
    """Its objects are told as deleted, the stream ends, and the kind is not served until it is again."""
    cluster, events = _world()
    cluster.apply(_vpc("a"))
    stream = events.watch(VPC, "1")
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    events.withdraw(VPC)

    assert _told(await waiting) == ("DELETED", "2", "a")
    assert [event async for event in stream] == []
    with pytest.raises(KindNotServedError, match="local:dc1 does not serve VPC"):
        await events.list(VPC)
    with pytest.raises(KindNotServedError):
        await anext(events.watch(VPC, "2"))
    events.serve(VPC)
    assert (await events.list(VPC)).resources == ()


async def test_calls_fail_as_often_as_told() -> None:
    """A fault is about one kind or all; every call is remembered; healing forgets the rest."""
    _, events = _world()
    error = ClusterUnavailableError("down")
    events.fail("list", error, kind=VPC, times=2)
    events.fail("watch", error, times=5)

    with pytest.raises(ClusterUnavailableError):
        await events.list(VPC)
    assert (await events.list(SERVER)).resources == ()
    with pytest.raises(ClusterUnavailableError):
        await anext(events.watch(SERVER, "0"))
    events.heal()
    assert (await events.list(VPC)).version == "0"
    assert events.calls == (Call("list", "VPC"), Call("list", "Server"), Call("watch", "Server"), Call("list", "VPC"))


async def test_a_stream_that_is_left_is_closed() -> None:
    """A watch whose reader goes away does not stay open."""
    _, events = _world()
    stream = events.watch(VPC, "0")
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert events.streams(VPC) == 1

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert events.streams(VPC) == 0
