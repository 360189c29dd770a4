"""How much work it is to put a plan in order: counted, not timed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from reconciler.model.problems import Problem
from reconciler.plan import schedule
from reconciler.plan.links import graph_of
from tests.unit.plan.edits import BASE, bundled, ipv4_space, strict_world, unbundled, vlan_space, vpc_of
from tests.unit.plan.world import World, desired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.plan import Wave
    from reconciler.plan.draft import Draft
    from reconciler.plan.graph import Graph

REFUSAL = Problem("vpcs/x.yaml", 0, 3, "spec", "SchemaType", "not a number")
NUMBER = 60


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the graphs that are built from here on."""
    found: list[int] = []

    def counted(draft: Draft) -> tuple[Graph, Mapping[ObjectKey, Wave]]:
        graph, gone = graph_of(draft)
        found.append(len(graph.nodes))
        return graph, gone

    monkeypatch.setattr(schedule, "graph_of", counted)
    return found


def _vpcs(vlans: list[int]) -> tuple[Manifest, ...]:
    spaces = vlan_space((1, 4000)), ipv4_space("10.0.0.0/8")
    pairs = zip(vlans[::2], vlans[1::2], strict=True)
    return *spaces, *(
        vpc_of(f"v{n:03}", a=(a, f"10.0.{n}.0/24"), b=(b, f"10.1.{n}.0/24")) for n, (a, b) in enumerate(pairs)
    )


def _permuted() -> tuple[World, tuple[Manifest, ...]]:
    vlans = list(range(1, 2 * NUMBER + 1))
    return strict_world(*_vpcs(vlans)), _vpcs(random.Random(7).sample(vlans, len(vlans)))  # noqa: S311 - no secret


def test_many_circles_take_few_graphs(graphs: list[int]) -> None:
    """Every VLAN goes to another VPC: circles in circles. All are broken in one graph, and the next one has none."""
    world, wanted = _permuted()

    plan = world.reconcile(desired(*wanted))

    assert len(graphs) == 2
    assert 0 < len(plan.replaced) < NUMBER / 2
    assert world.plan(desired(*wanted)).actions == ()


def test_circles_that_nothing_breaks_are_left_at_once(graphs: list[int]) -> None:
    """Where nothing may be deleted; one graph more tells what waits for them."""
    world, wanted = _permuted()

    plan = world.plan(desired(*wanted, problems=[REFUSAL]))

    assert len(graphs) == 3
    assert plan.actions == ()
    assert len(plan.pending) == NUMBER


def test_obstacles_take_one_graph(graphs: list[int]) -> None:
    """However many objects are left alone."""
    names = [f"c{number}" for number in range(20)]
    world = strict_world(*BASE, *(unbundled(name, f"E1/{n}") for n, name in enumerate(names)))
    wanted = desired(*BASE, *(bundled(name, f"E1/{n}") for n, name in enumerate(names)), problems=[REFUSAL])

    plan = world.plan(wanted)

    assert len(graphs) == 1
    assert len(plan.pending) == 20
