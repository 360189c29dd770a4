"""The reflector: a cache that follows its cluster through every way in which a watch ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, ReconcilerError, VersionExpiredError
from reconciler.model.events import EventType, WatchEvent
from reconciler.targets.local.events import LASTS, SILENCE
from reconciler.triggers.watch.reflector import LOOK_AGAIN, RETRY, STABLE, Reflector
from tests.unit.triggers.watch.world import VPC, Address, Watched, now, running, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.model.events import Change
    from reconciler.model.kinds import Kind

DOWN = ClusterUnavailableError("connection refused")
EXPIRED = VersionExpiredError("version 1 is too old")


async def test_a_list_then_what_happens() -> None:
    """The cache holds what was there and follows what is written; each change is told once."""
    world = Watched()
    gone = world.apply("a")
    async with running(world.reflector.run):
        assert world.told() == ["+a"]
        assert world.is_in_line

        world.apply("b")
        world.apply("b", mode="x")
        world.cluster.delete(gone)
        await settle()

        assert world.told() == ["+b", "~b", "-a"]
        assert world.is_in_line
        assert world.calls("list") == 1


async def test_idle_for_a_day() -> None:
    """Watches that end by time are resumed, without a list and without a moment in which nothing is followed."""
    world = Watched()
    world.apply("a")
    async with running(world.reflector.run):
        for _ in range(24 * 60):
            await asyncio.sleep(60)
            assert world.is_live()

        assert world.calls("list") == 1
        assert world.calls("watch") == pytest.approx(86400 / LASTS, abs=2)
        assert world.health.turns == [(0.0, "")]


async def test_a_clean_end_is_resumed_at_once() -> None:
    """From the last version, which a bookmark may have told: nothing is missed, nothing told twice."""
    world = Watched()
    async with running(world.reflector.run):
        world.apply("a")
        await settle()
        moment = now()
        world.events.end()
        world.apply("b")
        await settle()

        assert now() == moment
        assert world.told() == ["+a", "+b"]
        assert world.calls("list") == 1
        assert world.is_in_line


async def test_a_bookmark_is_resumed_from() -> None:
    """Versions before it may be forgotten by then."""
    world = Watched()
    async with running(world.reflector.run):
        world.apply("a")
        await settle()
        world.cluster.apply({**_server("s"), "spec": {}})
        world.events.bookmark(VPC)
        await settle()
        world.events.expire()
        world.events.end()
        await settle()

        assert world.is_live()
        assert world.calls("list") == 1


def _server(name: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "wiring.githedgehog.com/v1beta1", "kind": "Server", "metadata": metadata}


async def test_a_lost_connection_is_followed_by_a_list() -> None:
    """With backoff; until then the cache is not live, and health says why."""
    world = Watched()
    async with running(world.reflector.run):
        await asyncio.sleep(STABLE)
        world.events.cut()
        await settle()
        assert not world.is_live()
        assert world.health.reason == "local:dc1: the connection broke off"

        world.apply("a")
        await asyncio.sleep(RETRY.base)
        await settle()

        assert world.told() == ["+a"]
        assert world.is_in_line
        assert world.health.reason == ""
        assert world.calls("list") == 2


async def test_a_cache_is_not_live_until_it_was_listed_anew() -> None:
    """However long that takes: nothing but a list tells what was missed."""
    world = Watched()
    async with running(world.reflector.run):
        world.events.fail("list", DOWN, times=8)
        world.events.cut()
        for _ in range(100):
            await asyncio.sleep(1)
            assert not world.is_live()

        await asyncio.sleep(RETRY.cap * 2)
        await settle()
        assert world.is_in_line
        assert world.calls("list") == 10


async def test_an_outage_backs_off() -> None:
    """Tries grow apart up to half a minute, and the first that works brings everything back."""
    world = Watched()
    async with running(world.reflector.run):
        world.events.fail("list", DOWN, times=8)
        world.events.cut()
        begun = now()
        tries: list[float] = []
        known = world.calls("list")
        while world.calls("list") < known + 9:
            await asyncio.sleep(0.5)
            tries += [now() - begun] * (world.calls("list") - known - len(tries))

        assert tries == pytest.approx([1, 3, 7, 15, 31, 61, 91, 121, 151], abs=1)
        world.apply("a")
        await settle()
        assert world.is_in_line


async def test_an_outage_at_the_start() -> None:
    """Nothing is known before the first list, which is tried until it works; then everything starts from it."""
    world = Watched()
    world.apply("a")
    world.events.fail("list", DOWN, times=3)
    async with running(world.reflector.run):
        assert (world.cache.read(), world.health.reason) == (None, DOWN.message)
        await asyncio.sleep(1 + 2 + 4)
        await settle()

        assert world.told() == ["+a"]
        assert world.is_in_line
        assert world.health.reason == ""


async def test_failures_far_apart_do_not_add_up() -> None:
    """A watch that got on makes the next failure a first one."""
    world = Watched()
    async with running(world.reflector.run):
        for number in range(6):
            world.events.cut()
            await asyncio.sleep(RETRY.base)
            await settle()
            world.apply(f"v{number}")
            await settle()
            assert world.is_in_line


async def test_an_expired_version_is_listed_again() -> None:
    """At once; what was added, changed and deleted meanwhile is told."""
    world = Watched()
    kept, gone = world.apply("kept"), world.apply("gone")
    async with running(world.reflector.run):
        world.told()
        world.events.silence()
        world.apply("kept", mode="x")
        world.cluster.delete(gone)
        world.apply("new")
        world.events.expire()
        world.events.end()
        await settle()

        assert world.told() == ["-gone", "~kept", "+new"]
        assert world.calls("list") == 2
        assert world.is_in_line
        assert world.cache.snapshot()[0].uid == kept.uid


async def test_an_outage_does_not_hold_up_a_list() -> None:
    """After many failures the answer that a version expired is a sign of life: the list follows at once."""
    world = Watched()
    async with running(world.reflector.run):
        world.events.fail("watch", DOWN, times=5)
        world.events.cut()
        await asyncio.sleep(sum(RETRY.delay(failures, 0.0) for failures in range(1, 6)) + 1)
        world.apply("a")
        world.events.expire()
        await asyncio.sleep(RETRY.delay(6, 0.0))
        await settle()

        assert world.told() == ["+a"]
        assert world.is_in_line


async def test_a_version_that_expires_in_mid_stream_is_listed_at_once() -> None:
    """It is no failure that anybody must hear of."""
    world = Watched()
    async with running(world.reflector.run):
        moment = now()
        world.events.cut(error=EXPIRED)
        await settle()

        assert now() == moment
        assert world.is_in_line
        assert world.calls("list") == 2
        assert world.health.turns == [(0.0, "")]


async def test_versions_that_expire_at_once_back_off() -> None:
    """A server that forgets faster than it lists is not asked in a circle."""
    world = Watched()
    world.events.fail("watch", EXPIRED, times=1000)
    async with running(world.reflector.run):
        await asyncio.sleep(120)

        assert world.calls("list") < 12
        assert not world.is_live()
        assert world.health.reason == EXPIRED.message


async def test_watches_that_end_at_once_back_off() -> None:
    """One is resumed at once; a server that ends each of them is not followed, and health says so."""
    world = Watched()
    async with running(world.reflector.run):
        world.events.end()
        await settle()
        assert world.is_live()

        for _ in range(1200):
            world.events.end()
            await asyncio.sleep(0.1)

        assert world.calls("watch") < 12
        assert not world.is_live()
        assert world.health.reason == "the server ends every watch at once"
        await asyncio.sleep(RETRY.cap)
        await settle()
        assert world.is_in_line
        assert world.health.reason == ""


async def test_a_kind_that_appears() -> None:
    """It is asked for each minute; when it is there the whole fabric is looked at, once."""
    world = Watched()
    world.events.withdraw(VPC)
    async with running(world.reflector.run):
        assert world.told() == []
        assert world.cache.read() is None
        assert world.health.turns == [(0.0, "")]
        await asyncio.sleep(LOOK_AGAIN * 2)
        await settle()
        assert world.calls("list") == 3

        world.events.serve(VPC)
        world.apply("a")
        await asyncio.sleep(LOOK_AGAIN)
        await settle()
        assert world.told() == ["*"]
        assert world.is_in_line
        world.apply("b")
        await settle()
        assert world.told() == ["+b"]


async def test_a_kind_that_disappears() -> None:
    """Its objects are told as deleted, then the whole fabric is looked at; nothing of it stays."""
    world = Watched()
    world.apply("a")
    async with running(world.reflector.run):
        await asyncio.sleep(STABLE)
        world.told()
        world.events.withdraw(VPC)
        await settle()

        assert world.told() == ["-a", "*"]
        assert (world.cache.read(), world.cache.snapshot()) == (None, ())
        await asyncio.sleep(LOOK_AGAIN * 3)
        assert world.told() == []


async def test_asking_for_a_kind_is_spread() -> None:
    """Many kinds that are missing are not all asked for at the same moment."""
    for chance, expected in ((0.0, LOOK_AGAIN), (1.0, LOOK_AGAIN / 2)):
        world = Watched(chance=chance)
        world.events.withdraw(VPC)

        assert await world.reflector.run_once() == expected


async def test_who_stops_following_says_so() -> None:
    """Cancelled or by a defect: the cache is not live, and the next start begins with a list."""
    world = Watched()
    async with running(world.reflector.run):
        assert world.is_live()
    assert not world.is_live()
    assert world.events.streams(VPC) == 0

    world.apply("a")
    world.told()
    async with running(world.reflector.run):
        assert world.told() == ["+a"]
        assert world.calls("list") == 2


async def test_every_error_is_tried_again() -> None:
    """Also one that stalls elsewhere: rights come back without anybody telling us."""
    for error in (ClusterAccessError("403"), ReconcilerError("other")):
        world = Watched()
        world.events.fail("watch", error)
        async with running(world.reflector.run):
            await asyncio.sleep(RETRY.base)
            world.apply("a")
            await settle()
            assert world.is_in_line


async def test_rights_that_come_back() -> None:
    """Passes that were refused a kind are not made again by themselves, so the whole fabric is looked at, once."""
    world = Watched()
    world.apply("a")
    async with running(world.reflector.run):
        world.told()
        world.events.fail("list", ClusterAccessError("403"))
        world.events.cut()
        await asyncio.sleep(RETRY.base)
        await settle()
        assert world.told() == []
        assert world.health.reason == "403"

        await asyncio.sleep(RETRY.base * RETRY.factor)
        await settle()
        assert world.told() == ["*"]
        world.apply("b")
        await settle()
        assert world.told() == ["+b"]


async def test_a_silent_connection_is_left() -> None:
    """It may be that of a machine that is no more: a list tells what happened meanwhile."""
    world = Watched()
    async with running(world.reflector.run):
        world.events.silence()
        world.apply("a")
        await asyncio.sleep(SILENCE)
        await settle()
        assert not world.is_live()

        await asyncio.sleep(RETRY.base)
        await settle()
        assert world.told() == ["+a"]
        assert world.is_in_line
        assert world.calls("list") == 2


async def test_a_cluster_that_was_restored() -> None:
    """Its versions count anew, so nothing that is known by them is trusted: the whole fabric is looked at."""
    world = Watched()
    world.apply("old")
    async with running(world.reflector.run):
        for number in range(5):
            world.apply("old", mode=f"x{number}")
        await settle()
        world.told()
        world.restore()
        world.apply("new")
        await asyncio.sleep(RETRY.base)
        await settle()

        assert world.told() == ["*"]
        assert world.is_in_line
        world.apply("new", mode="x")
        await settle()
        assert world.told() == ["~new"]


async def test_a_restored_cluster_that_has_overtaken_us() -> None:
    """No version betrays it, and its events would look like the next ones."""
    world = Watched()
    world.apply("old")
    async with running(world.reflector.run):
        world.told()
        world.restore()
        for number in range(5):
            world.apply("new", mode=f"x{number}")
        await asyncio.sleep(RETRY.base)
        await settle()

        assert world.told() == ["+new", "-old"]
        assert world.is_in_line


async def test_a_version_that_goes_back_is_listed_anew() -> None:
    """Events of one cluster are in order: these are another one's."""
    world = Watched()
    world.apply("a")
    async with running(world.reflector.run):
        world.apply("a", mode="x")
        await settle()
        world.told()
        world.events.say(VPC, WatchEvent(EventType.BOOKMARK, "1"))
        await settle()

        assert world.calls("list") == 2
        assert world.is_in_line


async def test_a_defect_is_tried_again_and_loses_nothing() -> None:
    """Whatever a server says that nobody foresaw: it is logged, health tells, and the whole fabric is looked at."""
    told: list[Change | None] = []

    def fails_once(change: Change | None) -> None:
        told.append(change)
        if len(told) == 1:
            raise ZeroDivisionError

    world = Watched(on_change=fails_once)
    world.apply("a")
    with capture_logs() as logs:
        async with running(world.reflector.run):
            assert world.health.reason == "a defect: ZeroDivisionError"
            assert not world.is_live()

            await asyncio.sleep(RETRY.base)
            await settle()
            assert told[1:] == [None]
            assert world.is_in_line
            assert world.health.reason == ""
    assert [one["event"] for one in logs if one.get("exc_info")] == ["watch failed by a defect"]


class Brittle(Address):
    """What cannot be let go of without an error, the first time."""

    has_failed = False

    async def watch(self, kind: Kind, version: str) -> AsyncIterator[WatchEvent]:
        try:
            async for event in super().watch(kind, version):
                yield event
        finally:
            if not self.has_failed:
                self.has_failed = True
                raise RuntimeError("the connection cannot be closed")


async def test_an_error_instead_of_a_cancellation() -> None:
    """A watch that is no longer wanted ends, although closing its connection fails."""
    world = Watched()
    address = Brittle(world.cluster)
    reflector = Reflector("watch/dc1/VPC", address, world.cache, world.changes.append, world.health)
    task = asyncio.ensure_future(reflector.run())
    await settle()
    assert world.is_live()

    with capture_logs():
        task.cancel()
        await asyncio.wait([task], timeout=LOOK_AGAIN)

    assert task.cancelled()
