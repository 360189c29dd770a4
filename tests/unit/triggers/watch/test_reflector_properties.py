"""Whatever happens to a cluster and its watches: the cache is right whenever it says so, and no change goes untold."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ClusterUnavailableError
from reconciler.targets.local.events import SILENCE
from reconciler.triggers.watch.reflector import LOOK_AGAIN, RETRY
from tests.unit.conftest import FastForwardLoop
from tests.unit.triggers.watch.world import VPC, Watched, running, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.events import Change
    from reconciler.model.objects import Resource

PEOPLE = ("edit", "edit", "edit", "delete")
PASSES = ("write", "write, answered late", "deletion", "deletion, answered late")
FAULTS = ("end", "cut", "expire", "silence", "heal", "bookmark", "fail", "withdraw", "serve", "restore")
TIMES = {"second": 1.0, "minute": 60.0}

STEPS = st.lists(st.sampled_from([*PEOPLE, *PASSES, *FAULTS, *TIMES]), max_size=40)


class Life:
    """A watched cluster, and what somebody knows who hears only of changes, and of his own writes."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated
        self.world = Watched(on_change=self._hear)
        self.heard: dict[str, Resource] = {}

    def _hear(self, change: Change | None) -> None:
        if change is None:
            self.heard = {one.key.name: one for one in self.world.cache.snapshot()}
        elif change.after is None:
            del self.heard[change.key.name]
        else:
            self.heard[change.key.name] = change.after

    async def live(self, steps: Sequence[str]) -> None:
        for step in steps:
            if step in TIMES:
                await asyncio.sleep(TIMES[step])
            elif step in FAULTS:
                self._break(step)
            elif self.world.cluster.serves(VPC):
                await self._write(step)

    async def _write(self, step: str) -> None:
        name = self.chance.choice("abc")
        there = {one.key.name: one for one in self.world.cluster.list(VPC)}.get(name)
        if step in {"edit", "write", "write, answered late"}:
            written = self.world.apply(name, mode=str(self.chance.random()))
            await self._answer(step, written)
        elif there is not None:
            self.world.cluster.delete(there)
            await self._answer(step, there)

    async def _answer(self, step: str, resource: Resource) -> None:
        if step.endswith("late"):
            await settle()
        if step.startswith("write"):
            self.world.cache.put(resource)
        elif step.startswith("deletion"):
            self.world.cache.removed(resource)
        if step in PASSES:
            self._know(resource.key.name)

    def _know(self, name: str) -> None:
        """Whoever wrote knows how the object stands."""
        held = {one.key.name: one for one in self.world.cache.snapshot()}.get(name)
        if held is None:
            self.heard.pop(name, None)
        else:
            self.heard[name] = held

    def _break(self, step: str) -> None:
        events = self.world.events
        if step == "fail":
            verb = self.chance.choice(["list", "watch"])
            events.fail(verb, ClusterUnavailableError("down"), times=self.chance.randint(1, 3))
        elif step == "restore":
            self.world.restore()
        elif step in {"withdraw", "serve"}:
            getattr(events, step)(VPC)
        else:
            getattr(events, step)()

    async def heal(self) -> None:
        """End every fault, and give the watch the time that it may take to notice."""
        self.world.events.heal()
        self.world.events.serve(VPC)
        await asyncio.sleep(SILENCE + RETRY.cap * 2 + LOOK_AGAIN)
        await settle()


async def _live(steps: Sequence[str], seed: int) -> None:
    life = Life(seed)
    async with running(life.world.reflector.run):
        await life.live(steps)
        await life.heal()

        assert life.world.is_in_line
        assert tuple(life.heard[name] for name in sorted(life.heard)) == life.world.cache.snapshot()
        assert life.world.health.reason == ""


@given(STEPS, st.integers(0, 2**32))
def test_the_cache_ends_in_line(steps: Sequence[str], seed: int) -> None:
    """Once the cluster can be reached its cache equals it, and whoever heard all changes knows as much."""
    with asyncio.Runner(loop_factory=FastForwardLoop) as runner:
        runner.run(_live(steps, seed))
