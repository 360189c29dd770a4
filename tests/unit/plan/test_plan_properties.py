"""What holds for every plan, whatever Git declares and whatever the cluster holds."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from reconciler.demo.fabric import FabricShape, build_fabric
from reconciler.model.desired import Desired
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.plan import Delete
from tests.unit.plan.world import FABRIC, REVISION, World, desired, key, manifest, vpc

if TYPE_CHECKING:
    import random

    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.plan.situation import Observed

values = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", "y"])
leaves = values | st.lists(values, max_size=2)
members = st.recursive(
    leaves, lambda inner: st.dictionaries(st.sampled_from(["a", "b.c", "vlan"]), inner, max_size=2), max_leaves=4
)
vpcs = st.builds(
    lambda name, mode, subnets, relay: vpc(name, mode=mode, subnets={**subnets, "r": {"dhcp": {"relayVPC": relay}}}),
    st.sampled_from("abcd"),
    values,
    st.dictionaries(st.sampled_from(["a", "b.c"]), members, max_size=2),
    st.sampled_from("abcd"),
)
others = st.builds(manifest, st.sampled_from(["Server", "Switch", "VPCAttachment"]), st.sampled_from("ab"))
states = st.lists(vpcs | others, min_size=1, max_size=6).map(lambda found: desired(*found))
POLICY = ClusterPolicy(prune=True, max_deletes=100)


def _applied(wanted: Desired) -> World:
    world = World(POLICY)
    world.reconcile(wanted)
    return world


@given(states)
def test_a_second_plan_is_empty(wanted: Desired) -> None:
    """After everything was applied, nothing is to be done, reported or remembered."""
    world = _applied(wanted)

    plan = world.plan(wanted)

    assert (plan.actions, plan.drifted, plan.adopted, plan.refreshed, plan.prune_pending) == ((), (), (), (), ())
    assert set(plan.unchanged) == set(wanted.manifests)


@given(states, states)
def test_every_change_of_git_converges(before: Desired, after: Desired) -> None:
    """From any state that was applied to any other, in one pass."""
    world = _applied(before)

    world.reconcile(after)

    _assert_converged(world, after)


def _assert_converged(world: World, wanted: Desired) -> None:
    """What we own and what exists is what Git declares, and what that still refers to."""
    plan = world.plan(wanted)
    referred = {finding.key for finding in plan.prune_pending if finding.reason == "StillReferenced"}
    assert plan.actions == ()
    assert len(referred) == len(plan.prune_pending)
    assert world.inventory.keys() == wanted.manifests.keys() | referred
    assert world.live().keys() == wanted.manifests.keys() | referred


@given(states, states, st.integers(0, 8))
def test_a_pass_that_ends_early_converges_with_the_next(before: Desired, after: Desired, limit: int) -> None:
    """Whatever prefix of the actions was done."""
    world = _applied(before)

    world.reconcile(after, limit)
    world.reconcile(after)

    _assert_converged(world, after)


@given(states, states, st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(before: Desired, after: Desired, chance: random.Random) -> None:
    """Not that of documents, of observed objects, or of the inventory."""
    world = _applied(before)
    observed: Observed = {
        kind: tuple(chance.sample(objects or (), len(objects or ()))) for kind, objects in world.observe().items()
    }
    shuffled = dict(chance.sample(list(after.manifests.items()), len(after.manifests)))
    first = world.plan(after)
    world.inventory = dict(chance.sample(list(world.inventory.items()), len(world.inventory)))

    assert world.plan(replace(after, manifests=shuffled), observed) == first


@given(states, states, states, st.booleans())
def test_only_the_inventory_is_deleted(ours: Desired, theirs: Desired, wanted: Desired, is_lost: bool) -> None:  # noqa: FBT001 - generated
    """Never an object of others, never one that Git declares, and nothing at all without an inventory."""
    world = _applied(ours)
    for one in theirs.manifests.values():
        if one.key not in ours.manifests:
            world.cluster.apply(one.body(FABRIC), manager="argocd")
    if is_lost:
        world.inventory = {}

    plan = world.plan(wanted)

    deleted = {action.key for action in (*plan.actions, *plan.held) if isinstance(action, Delete)}
    assert deleted <= world.inventory.keys()
    assert deleted <= ours.manifests.keys()
    assert deleted.isdisjoint(wanted.manifests)


@given(states, states)
def test_actions_stand_in_the_order_of_their_needs(before: Desired, after: Desired) -> None:
    """What an action waits for runs in an earlier group, circles of VPCs aside; deletes run last, but for those that
    something waits for.
    """
    world = _applied(before)

    plan = world.plan(after)

    group = {action.key: n for n, wave in enumerate(plan.waves) for action in wave}
    for action in plan.actions:
        for needed in action.after:
            assert group[needed] < group[action.key] or (needed.kind, action.key.kind) == ("VPC", "VPC")
    deleted: set[ObjectKey] = set()
    for action in plan.actions:
        if isinstance(action, Delete) or action.after & deleted:
            deleted.add(action.key)
        else:
            assert not deleted


@given(states, states)
def test_drift_is_seen_without_self_heal_and_healed_with_it(wanted: Desired, edits: Desired) -> None:
    """Whatever others wrote over our objects: reported and left alone, or put right in one pass."""
    world = _applied(wanted)
    for one in edits.manifests.values():
        if one.key in wanted.manifests:
            world.cluster.edit(one.key, {"spec": one.spec})
    world.policy = replace(POLICY, self_heal=False)
    left_alone = world.plan(wanted)
    world.policy = POLICY

    healing = world.reconcile(wanted)

    assert left_alone.actions == ()
    assert [drift.key for drift in healing.drifted] == [drift.key for drift in left_alone.drifted]
    assert world.plan(wanted).drifted == ()


def _fabric(shape: FabricShape) -> list[Manifest]:
    return [manifest(one.body["kind"], one.name, one.body.get("spec")) for one in build_fabric(shape)]


def test_an_unchanged_fabric_is_planned_in_no_time() -> None:
    """Each object costs about a tenth of a millisecond, so that thousands cost less than reading them. The limit is
    five times as much: machines differ, and coverage slows.
    """
    declared = _fabric(FabricShape(leafs=8, servers=140, vpcs=60))
    wanted = Desired(REVISION, {one.key: one for one in declared})
    world = _applied(wanted)
    observed = world.observe()

    fastest = min(_seconds(world, wanted, observed) for _ in range(5))

    assert len(declared) >= 500
    assert fastest < len(declared) * 0.0005


def _seconds(world: World, wanted: Desired, observed: Observed) -> float:
    started = time.process_time()
    plan = world.plan(wanted, observed)
    assert plan.actions == ()
    return time.process_time() - started


def test_a_whole_fabric_is_known_by_its_keys() -> None:
    """The generator's fabrics plan into creations only."""
    declared = _fabric(FabricShape(spines=1, leafs=2, servers=2, vpcs=1))

    plan = World(POLICY).plan(desired(*declared))

    assert {action.key for action in plan.actions} == {one.key for one in declared}
    assert key("VLANNamespace", "default") in {action.key for action in plan.waves[0]}
