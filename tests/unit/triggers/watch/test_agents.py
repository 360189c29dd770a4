"""Agents are listed each minute, and unknown whenever that fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from reconciler.errors import ClusterAccessError, ClusterUnavailableError
from reconciler.model.kinds import AGENTS
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.events import MemoryEvents
from reconciler.targets.local.memory import MemoryDocuments
from reconciler.triggers.watch.agents import INTERVAL, AgentList
from reconciler.triggers.watch.fabric import FabricWatch
from tests.unit.triggers.watch.world import Told, running, settle

if TYPE_CHECKING:
    from reconciler.model.agents import AgentStatus
    from reconciler.model.kinds import Kind

AGENT, GATEWAY_AGENT = AGENTS


def _body(name: str, generation: int) -> dict[str, object]:
    return {"metadata": {"name": name, "generation": generation}, "status": {"lastAppliedGen": generation}}


def _events() -> MemoryEvents:
    return MemoryEvents(LocalCluster(MemoryDocuments(), "dc1"))


def _generations(agents: AgentList) -> dict[str, int]:
    return {one.name: one.generation for one in agents.agents or ()}


async def test_a_list_each_minute() -> None:
    """What changed between two lists is seen with the second."""
    events, health = _events(), Told()
    events.report(AGENT, _body("leaf-02", 1))
    agents = AgentList("watch/dc1/Agent", events, AGENT, health, lambda: 0.0)
    assert agents.agents is None
    async with running(agents.run):
        assert _generations(agents) == {"leaf-02": 1}
        events.report(AGENT, _body("leaf-02", 2))
        events.report(AGENT, _body("leaf-01", 5))
        await asyncio.sleep(INTERVAL - 1)
        assert _generations(agents) == {"leaf-02": 1}
        await asyncio.sleep(1)
        await settle()

        assert _generations(agents) == {"leaf-01": 5, "leaf-02": 2}
        await asyncio.sleep(3600)
        await settle()
        assert len(events.calls) == 62
        assert health.turns == [(0.0, "")]


async def test_jitter_only_shortens() -> None:
    """By a tenth at most."""
    agents = AgentList("watch/dc1/Agent", _events(), AGENT, Told(), lambda: 1.0)

    assert await agents.run_once() == INTERVAL * 0.9


async def test_agents_that_cannot_be_listed_are_unknown() -> None:
    """What was known is not passed off as what is; health says why, until a list succeeds."""
    events, health = _events(), Told()
    events.report(AGENT, _body("leaf-01", 1))
    agents = AgentList("watch/dc1/Agent", events, AGENT, health, lambda: 0.0)
    async with running(agents.run):
        for error in (ClusterUnavailableError("down"), ClusterAccessError("403")):
            events.fail("agents", error)
            await asyncio.sleep(INTERVAL)
            await settle()
            assert agents.agents is None
            assert health.reason == error.message
        await asyncio.sleep(INTERVAL)
        await settle()

        assert _generations(agents) == {"leaf-01": 1}
        assert health.reason == ""


async def test_a_defect_is_tried_again() -> None:
    """It is logged, and what was known is not passed off as what is."""
    health = Told()

    class Odd(MemoryEvents):
        async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
            raise ZeroDivisionError(kind.name)

    events = Odd(LocalCluster(MemoryDocuments(), "dc1"))
    agents = AgentList("watch/dc1/Agent", events, AGENT, health, lambda: 0.0)
    with capture_logs() as logs:
        assert await agents.run_once() == INTERVAL

    assert (agents.agents, health.reason) == (None, "a defect: ZeroDivisionError")
    assert [one["event"] for one in logs if one.get("exc_info")] == ["agents not listed by a defect"]


async def test_a_cluster_without_agents_has_none() -> None:
    """That is known, and no trouble."""
    health = Told()
    agents = AgentList("watch/dc1/Agent", _events(), AGENT, health)
    await agents.run_once()

    assert agents.agents == ()
    assert health.reason == ""


async def test_the_agents_of_a_fabric() -> None:
    """Of both kinds; unknown as long as one is."""
    events = _events()
    events.report(AGENT, _body("leaf-01", 1))
    events.report(GATEWAY_AGENT, _body("gw-01", 2))
    watch = FabricWatch("dc1", events, lambda _: None, Told(), chance=lambda: 0.0)

    def known() -> list[str] | None:
        return None if watch.agents is None else [one.name for one in watch.agents]

    assert known() is None
    async with running(*watch.tasks().values()):
        assert known() == ["leaf-01", "gw-01"]

        events.fail("agents", ClusterUnavailableError("down"), kind=GATEWAY_AGENT)
        await asyncio.sleep(INTERVAL)
        await settle()
        assert known() is None


class Brittle(MemoryEvents):
    """A list that goes on for ever, and cannot be given up without an error, the first time."""

    has_failed = False

    async def agents(self, kind: Kind) -> tuple[AgentStatus, ...]:
        try:
            await asyncio.Event().wait()
        finally:
            if not self.has_failed:
                self.has_failed = True
                raise RuntimeError("the connection cannot be closed")
        return ()


async def test_an_error_instead_of_a_cancellation() -> None:
    """Agents that nobody asks for any more are not listed again, although closing the connection fails."""
    events = Brittle(LocalCluster(MemoryDocuments(), "dc1"))
    task = asyncio.ensure_future(AgentList("watch/dc1/Agent", events, AGENT, Told(), lambda: 0.0).run())
    await settle()

    with capture_logs():
        task.cancel()
        await asyncio.wait([task], timeout=10 * INTERVAL)

    assert task.cancelled()
