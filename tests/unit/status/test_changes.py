"""Those who follow the fabrics: told how things stand, whenever that differs from what they were told last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread
from structlog.testing import capture_logs

from reconciler.errors import StateError, StoppedError, TooManyFollowersError
from reconciler.model.news import NewsKind
from reconciler.status.changes import LONGEST_WAIT, MOST_FOLLOWERS, MOST_PASSES, PAUSE, Changes
from tests.unit.store import samples

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.status.changes import Follower


class World:
    """Fabrics that can be changed, with and without ringing."""

    def __init__(self) -> None:
        self.states: dict[str, object] = {"dc1": 1, "dc2": 1}
        self.looks = 0
        self.failure: Exception | None = None
        self.changes = Changes()
        self.changes.look_at(self.fabrics)

    def fabrics(self) -> JSONObject:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return {"fabrics": [{"name": name, "state": state} for name, state in self.states.items()]}

    def set(self, fabric: str, state: object) -> None:
        self.states[fabric] = state
        self.changes.wake()


@pytest.fixture
def world() -> World:
    return World()


async def _next(follower: Follower) -> list[tuple[str, JSONObject]] | None:
    """The next news: what kind, and the document. None: it is over."""
    with anyio.fail_after(30):
        news = await follower.next()
    return None if news is None else [(one.kind.value, json.loads(one.data)) for one in news]


async def _is_silent(follower: Follower, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        await follower.next()
        return False
    return True


def _fabric(name: str, state: object) -> tuple[str, JSONObject]:
    return ("fabric", {"name": name, "state": state})


async def test_first_everything_then_what_changes(world: World) -> None:
    """Whoever begins is told of every fabric, then of a changed one within a moment, and of nothing else."""
    with world.changes.follow(None) as follower:
        assert await _next(follower) == [_fabric("dc1", 1), _fabric("dc2", 1)]
        started = anyio.current_time()
        world.set("dc2", 2)
        assert await _next(follower) == [_fabric("dc2", 2)]
        assert anyio.current_time() - started <= PAUSE


async def test_nothing_is_said_while_nothing_changes(world: World) -> None:
    """However often the bell rings."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        for _ in range(50):
            world.changes.wake()
            assert await _is_silent(follower, 0.1)
        assert world.looks <= 1 + 50
        assert await _is_silent(follower, 60)


async def test_a_change_that_rings_no_bell_is_told_all_the_same(world: World) -> None:
    """The look of each second finds it."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        await anyio.sleep(7)
        world.states["dc1"] = 5
        started = anyio.current_time()
        assert await _next(follower) == [_fabric("dc1", 5)]
        assert anyio.current_time() - started <= LONGEST_WAIT + PAUSE


async def test_one_fabric_may_be_followed(world: World) -> None:
    """Then changes and passes of others are not told."""
    with world.changes.follow("dc1") as follower:
        assert await _next(follower) == [_fabric("dc1", 1)]
        world.set("dc2", 2)
        world.changes.ended(samples.pass_record("p1", "dc2"))
        assert await _is_silent(follower, 5)


async def test_a_fabric_that_leaves_and_comes_back(world: World) -> None:
    """It is removed, and then a fabric like any other, even if it is as before."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        del world.states["dc1"]
        assert await _next(follower) == [("removed", {"name": "dc1"})]
        world.set("dc1", 1)
        assert await _next(follower) == [_fabric("dc1", 1)]


async def test_a_pass_is_told_after_the_fabric_that_it_left(world: World) -> None:
    """Passes end in threads of their own; each end is told once, in order."""
    with world.changes.follow(None) as follower:
        await _next(follower)

        def end() -> None:
            world.states["dc1"] = 2
            for name in ("p1", "p2"):
                world.changes.ended(samples.pass_record(name))

        await to_thread.run_sync(end)
        told = await _next(follower)
        assert told is not None
        assert [(kind, view.get("id"), view.get("fabric")) for kind, view in told] == [
            ("fabric", None, None),
            ("pass", "p1", "dc1"),
            ("pass", "p2", "dc1"),
        ]
        assert told[1][1]["outcome"] == "partial"


async def test_whoever_does_not_read_gets_the_newest_only(world: World) -> None:
    """What was not read is replaced by what is newer: it cannot grow."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        for state in range(2, 30):
            world.set("dc1", state)
            await anyio.sleep(0.3)
        assert await _next(follower) == [_fabric("dc1", 29)]


async def test_whoever_leaves_too_many_passes_unread_is_let_go(world: World) -> None:
    """They may come again, and see how things stand; the others are told on."""
    with world.changes.follow(None) as reading, world.changes.follow(None) as idle:
        await _next(reading)
        for number in range(MOST_PASSES + 1):
            world.changes.ended(samples.pass_record(f"p{number}"))
            if number % 100 == 0:
                await _next(reading)
        assert await _next(idle) is None
        world.set("dc1", 2)
        assert await _next(reading) == [_fabric("dc1", 2)]


async def test_nothing_is_done_while_nobody_follows(world: World) -> None:
    """Neither before the first nor after the last follower, whatever rings."""
    world.changes.wake()
    world.changes.ended(samples.pass_record("p1"))
    await anyio.sleep(10)
    assert world.looks == 0
    with world.changes.follow(None) as follower:
        await _next(follower)
    await anyio.sleep(LONGEST_WAIT + PAUSE)
    looks = world.looks
    world.changes.wake()
    await anyio.sleep(60)
    assert world.looks == looks
    with world.changes.follow(None) as follower:
        assert await _next(follower) == [_fabric("dc1", 1), _fabric("dc2", 1)]


async def test_only_so_many_may_follow(world: World) -> None:
    """One more is refused, until one of them goes."""
    followings = [world.changes.follow(None) for _ in range(MOST_FOLLOWERS)]
    for following in followings:
        following.__enter__()
    with pytest.raises(TooManyFollowersError), world.changes.follow(None):
        pass
    followings.pop().__exit__(None, None, None)
    with world.changes.follow(None) as follower:
        assert await _next(follower) is not None
    for following in followings:
        following.__exit__(None, None, None)


async def test_a_stop_ends_all(world: World) -> None:
    """Whoever waits is told that it is over, and nobody is let in any more."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        world.changes.stop()
        assert await _next(follower) is None
    with pytest.raises(StoppedError), world.changes.follow(None):
        pass


async def test_a_state_that_cannot_be_read_for_a_while(world: World) -> None:
    """Followers stay, and are told once it can be read again."""
    with capture_logs() as log, world.changes.follow(None) as follower:
        await _next(follower)
        world.failure = StateError("the disk is full")
        world.set("dc1", 2)
        assert await _is_silent(follower, 5)
        world.failure = None
        assert await _next(follower) == [_fabric("dc1", 2)]
    assert {entry["error"] for entry in log} == {"the disk is full"}


async def test_a_defect_lets_all_go(world: World) -> None:
    """It is in the log, and whoever comes again begins anew: nobody waits for news that never come."""
    with capture_logs() as log, world.changes.follow(None) as follower:
        await _next(follower)
        world.set("dc1", float("nan"))
        assert await _next(follower) is None
    assert [entry["event"] for entry in log] == ["the changes of fabrics could not be told"]
    world.states["dc1"] = 3
    with world.changes.follow(None) as follower:
        assert await _next(follower) == [_fabric("dc1", 3), _fabric("dc2", 1)]


async def test_a_cancelled_wait_loses_nothing(world: World) -> None:
    """Whoever waits for a limited time only is told next time."""
    with world.changes.follow(None) as follower:
        await _next(follower)
        assert await _is_silent(follower, 2)
        world.set("dc1", 2)
        await anyio.sleep(1)
        assert await _next(follower) == [_fabric("dc1", 2)]


def test_kinds_are_words_of_the_interface() -> None:
    """Pages listen to these."""
    assert [kind.value for kind in NewsKind] == ["fabric", "removed", "pass"]
