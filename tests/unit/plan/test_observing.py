"""A cluster to which something else applies: what differs is reported, and nothing is planned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.known import Known
from reconciler.model.objects import Manifest, Resource
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.observing import observed_differences
from reconciler.plan.watching import is_worth_a_pass
from tests.unit.plan.world import FABRIC, World, desired, key, manifest, resource, vpc

V = vpc("v", subnets={"a": {"vlan": 1}})
W = vpc("w", subnets={"a": {"vlan": 2}})
OBSERVER = ClusterPolicy(is_observer=True, prune=True)
KNOWN = Known(FABRIC, {V.key: V}, is_observer=True)


def _foreign(one: Resource) -> Resource:
    """The object as another tool applied it: without our marks, and nothing of it is ours."""
    return replace(one, annotations={}, managed_fields=())


def _world(*applied: Manifest) -> World:
    """A cluster to which another tool applied these."""
    world = World(OBSERVER)
    for one in applied:
        body = one.body(FABRIC)
        del body["metadata"]["annotations"]
        world.cluster.apply(body, manager="argocd-controller")
    return world


def test_an_equal_object_needs_no_marks() -> None:
    """What another tool applied as Git declares it is in sync: nothing of it need be ours."""
    plan = _world(V).plan(desired(V))

    assert (plan.unchanged, plan.actions, plan.drifted, plan.conflicts) == ((V.key,), (), (), ())
    assert (plan.adopted, plan.refreshed, plan.blocks) == ((), (), ())


def test_what_differs_is_drift() -> None:
    """A field that differs, an object that is absent and one that is going are named, each in its words; none is acted
    on, and the object states say so.
    """
    gone, going = vpc("gone"), vpc("going")
    world = _world(vpc("v", subnets={"a": {"vlan": 9}}))
    found = world.observe()
    observed = {**found, "VPC": (*(found["VPC"] or ()), replace(resource(going), is_deleting=True))}

    plan = world.plan(desired(V, gone, going), observed)

    assert [(one.key.name, one.message) for one in plan.drifted] == [
        ("going", "the cluster is deleting it"),
        ("gone", "the cluster does not have it"),
        ("v", "the cluster differs from Git"),
    ]
    assert [one.path for one in plan.drifted[2].differences] == [".spec.subnets.a.vlan"]
    assert (plan.actions, plan.unchanged) == ((), ())


def test_states() -> None:
    """In sync, changed, only in Git and only in the cluster: nothing is pending, whoever applied it once."""
    world = World(ClusterPolicy(prune=True))
    world.reconcile(desired(V, W, vpc("old")))
    world.policy = OBSERVER
    world.cluster.edit(W.key, {"spec": {"subnets": {"a": {"vlan": 9}}}}, "kubectl-edit")

    states = world.states(desired(V, W, vpc("new")))

    assert {name: one.state.value for name, one in states.items()} == {
        "VPC/v": "in_sync",
        "VPC/w": "changed",
        "VPC/new": "desired_only",
        "VPC/old": "cluster_only",
    }
    assert states["VPC/w"].message == "the cluster differs from Git"


def test_marks_of_an_earlier_apply() -> None:
    """What we marked while we applied stands as declared: our annotations are no difference, there or not."""
    assert observed_differences(V, resource(V), FABRIC) == ()
    assert observed_differences(V, resource(V, "dc2"), FABRIC) == ()
    assert observed_differences(V, _foreign(resource(V)), FABRIC) == ()


def test_scope_and_unknown_kinds() -> None:
    """Only objects of the scope are compared, and nothing is said of a kind that could not be read."""
    server = manifest("Server", "s")
    world = _world(V, W)
    observed = {**world.observe(), "Server": None}

    plan = world.plan(desired(V, W, server), observed, scope=frozenset({V.key, server.key}))

    assert (plan.unchanged, plan.drifted, plan.unknown) == ((V.key,), (), ("Server",))


def test_the_hash_is_that_of_nothing_to_do() -> None:
    """There is nothing to approve."""
    world = _world()

    assert world.plan(desired(V)).hash == world.plan(desired()).hash != ""
    assert plan_cluster(None, world.observe(), {}, OBSERVER, FABRIC).blocks[0].reason == "DesiredUnknown"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param(_foreign(resource(V)), False, id="as declared, by somebody else"),
        pytest.param(_foreign(resource(V, subnets={"a": {"vlan": 9}})), True, id="otherwise"),
        pytest.param(replace(_foreign(resource(V)), is_deleting=True), True, id="being deleted"),
        pytest.param(Resource(key("VPC", "x"), "u", "1", {}), True, id="what Git does not declare"),
    ],
)
def test_which_change_is_worth_a_pass(after: Resource, expected: bool) -> None:  # noqa: FBT001 - given by position
    """One that leaves an object as Git declares it is not, though nothing of it is ours."""
    before = replace(after, resource_version="0", labels={"team": "a"})

    assert is_worth_a_pass(before, after, KNOWN) is expected
