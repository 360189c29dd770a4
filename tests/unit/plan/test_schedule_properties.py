"""Any valid fabric becomes any other against a server that checks every single write."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.plan import Delete
from reconciler.model.problems import Problem
from reconciler.plan.inventory import before_replacing, new_inventory
from tests.unit.plan.fabrics import RandomFabric
from tests.unit.plan.strict import StrictCluster
from tests.unit.plan.world import NOW, REVISION, World

if TYPE_CHECKING:
    from reconciler.model.desired import Desired
    from reconciler.plan.situation import Observed

REFUSAL = Problem("vpcs/x.yaml", 0, 3, "spec", "SchemaType", "not a number")
POLICY = ClusterPolicy(prune=True, max_deletes=1000)
seeds = st.integers(0, 2**32)
few = settings(max_examples=60, deadline=None)


def _fabric(seed: int) -> Desired:
    return RandomFabric(random.Random(seed)).desired()  # noqa: S311 - no secret


def _applied(wanted: Desired) -> World:
    world = World(POLICY)
    world.cluster = StrictCluster()
    world.reconcile(wanted)
    return world


def _assert_converged(world: World, wanted: Desired) -> None:
    again = world.plan(wanted)
    assert (again.actions, again.drifted, again.conflicts, again.waiting, again.prune_pending) == ((), (), (), (), ())
    assert world.live().keys() == world.inventory.keys() == wanted.manifests.keys()


@few
@given(seeds, seeds)
def test_one_pass_makes_any_fabric_of_any_other(one: int, two: int) -> None:
    """Without a single rejection, and with nothing left to do."""
    world = _applied(_fabric(one))

    world.reconcile(_fabric(two))

    _assert_converged(world, _fabric(two))


@few
@given(seeds, seeds, st.integers(0, 60))
def test_a_pass_that_ends_early_is_made_good_by_the_next(one: int, two: int, limit: int) -> None:
    """Whatever prefix of the actions was done: also between the two actions of one object."""
    world = _applied(_fabric(one))

    world.reconcile(_fabric(two), limit)
    world.reconcile(_fabric(two))

    _assert_converged(world, _fabric(two))


@few
@given(seeds, seeds, st.integers(0, 60))
def test_a_pass_that_is_killed_is_made_good(one: int, two: int, limit: int) -> None:
    """Without self_heal too: what we deleted ourselves is created again, though nobody noted that it was deleted."""
    world = _applied(_fabric(one))
    world.policy = replace(POLICY, self_heal=False)
    plan = world.plan(_fabric(two))
    world.inventory = before_replacing(world.inventory, plan) or world.inventory
    world.do(plan.actions[:limit], plan.twice)

    # What was created under a name that we knew is known by its marks only, for one pass.
    for _ in range(3):
        world.reconcile(_fabric(two))

    _assert_converged(world, _fabric(two))


@few
@given(seeds, seeds, seeds)
def test_the_order_of_the_input_does_not_matter(one: int, two: int, three: int) -> None:
    """Not for the order of the actions, nor for their reasons, nor for the hash."""
    chance = random.Random(three)  # noqa: S311 - no secret
    world, wanted = _applied(_fabric(one)), _fabric(two)
    first = world.plan(wanted)
    observed: Observed = {
        kind: tuple(chance.sample(objects or (), len(objects or ()))) for kind, objects in world.observe().items()
    }
    shuffled = dict(chance.sample(list(wanted.manifests.items()), len(wanted.manifests)))

    assert world.plan(replace(wanted, manifests=shuffled), observed) == first


@few
@given(seeds, seeds)
def test_what_waits_for_no_delete_goes_on(one: int, two: int) -> None:
    """Over max_deletes nothing is deleted, and nothing is tried that would need it; with approval all is done."""
    world, wanted = _applied(_fabric(one)), _fabric(two)
    world.policy = replace(POLICY, max_deletes=0)

    held = world.reconcile(wanted)

    assert not any(isinstance(action, Delete) for action in held.actions)
    rest = world.plan(wanted, approved=world.plan(wanted).hash)
    world.inventory = new_inventory(world.inventory, rest, world.do(rest.actions, rest.twice), REVISION, NOW)
    _assert_converged(world, wanted)


@few
@given(seeds, seeds)
def test_nothing_is_deleted_where_a_guard_forbids_it(one: int, two: int) -> None:
    """Nor half of it done: what is made anew is left as it is."""
    world, wanted = _applied(_fabric(one)), _fabric(two)

    plan = world.plan(replace(wanted, problems=(REFUSAL,)))

    assert not any(isinstance(action, Delete) for action in (*plan.actions, *plan.held))
    assert plan.replaced == set()
    assert {finding.key for finding in plan.pending}.isdisjoint(action.key for action in plan.actions)
