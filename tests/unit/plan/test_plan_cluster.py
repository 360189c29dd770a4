"""The plan for what Git declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.objects import digest
from reconciler.model.plan import Block, Create, Update
from reconciler.plan import applies
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.comparison import differences
from reconciler.plan.fields import declared_paths
from tests.unit.plan.world import FABRIC, World, desired, manifest, resource, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Resource
    from reconciler.model.passes import FieldDifference
    from reconciler.model.plan import Action, ClusterPlan

V = vpc("v", subnets={"a": {"vlan": 1}})
V2 = vpc("v", subnets={"a": {"vlan": 2}})
PATH = ".spec.subnets.a.vlan"


def _only(plan: ClusterPlan) -> Action:
    (action,) = plan.actions
    return action


def _update(plan: ClusterPlan) -> Update:
    action = _only(plan)
    assert isinstance(action, Update)
    return action


def _edit(world: World, vlan: int = 9, manager: str = "kubectl-edit") -> None:
    world.cluster.edit(V.key, {"spec": {"subnets": {"a": {"vlan": vlan}}}}, manager)


@pytest.fixture
def world() -> World:
    """V is applied and in the inventory."""
    made = World()
    made.reconcile(desired(V))
    return made


def test_what_is_absent_is_created() -> None:
    """With its wave, and a reason."""
    plan = World().plan(desired(V))

    assert plan.actions == (Create(V, (30, 0), "the cluster does not have it"),)
    assert plan.drifted == ()


def test_what_is_as_it_should_be_is_left_alone(world: World) -> None:
    """No action, no block, nothing for the inventory."""
    plan = world.plan(desired(V))

    assert (plan.actions, plan.unchanged, plan.blocks, plan.adopted, plan.refreshed) == ((), (V.key,), (), (), ())


def test_a_change_in_git_is_an_update(world: World) -> None:
    """With what differs; nobody else owns it, so a conflict would be ours to force."""
    update = _update(world.plan(desired(V2)))

    assert [(one.path, one.desired, one.observed) for one in update.differences] == [(PATH, 2, 1)]
    assert (update.forcible, update.reason) == (True, "Git changes 1 field")
    assert world.plan(desired(V2)).drifted == ()


def test_drift_is_healed_and_reported(world: World) -> None:
    """The manager who loses the field is named."""
    _edit(world)

    plan = world.plan(desired(V))

    (drift,) = plan.drifted
    assert [(one.path, one.observed, one.manager) for one in drift.differences] == [(PATH, 9, "kubectl-edit")]
    assert _update(plan).differences == drift.differences
    assert (_update(plan).forcible, _update(plan).reason) == (True, "1 field drifted")
    assert drift.key == V.key


def test_drift_is_only_reported_without_self_heal(world: World) -> None:
    """No action."""
    _edit(world)
    world.policy = ClusterPolicy(self_heal=False)

    plan = world.plan(desired(V))

    assert plan.actions == ()
    assert [drift.key for drift in plan.drifted] == [V.key]
    assert plan.unchanged == ()


def test_a_change_in_git_is_applied_without_self_heal(world: World) -> None:
    """It is no drift; but nothing may be forced."""
    _edit(world)
    world.policy = ClusterPolicy(self_heal=False)

    update = _update(world.plan(desired(V2)))

    assert not update.forcible


def test_a_deleted_object_is_created_again(world: World) -> None:
    """It is drift too."""
    world.cluster.delete(world.live()[V.key])

    plan = world.plan(desired(V))

    assert _only(plan) == Create(V, (30, 0), "it was deleted from the cluster")
    assert [(drift.key, drift.resource, drift.differences) for drift in plan.drifted] == [(V.key, None, ())]


def test_a_deleted_object_is_only_reported_without_self_heal(world: World) -> None:
    """Until Git changes it."""
    world.cluster.delete(world.live()[V.key])
    world.policy = ClusterPolicy(self_heal=False)

    assert world.plan(desired(V)).actions == ()
    assert [drift.key for drift in world.plan(desired(V)).drifted] == [V.key]
    assert isinstance(_only(world.plan(desired(V2))), Create)


class TestFirstContact:
    """An object that is there already and that we never applied."""

    @pytest.fixture
    def world(self) -> World:
        made = World()
        made.cluster.apply(V.body(FABRIC), manager="argocd")
        return made

    def test_an_equal_object_is_applied_once(self, world: World) -> None:
        """To take ownership; nothing of others is forced. After that it is left alone."""
        first = world.reconcile(desired(V))

        update = _update(first)
        assert (update.differences, update.reason) == ((), "it is not ours yet")
        assert world.plan(desired(V)).actions == ()

    def test_another_value_is_not_forcible(self, world: World) -> None:
        """The field is another manager's."""
        update = _update(world.plan(desired(V2)))

        assert [(one.path, one.manager) for one in update.differences] == [(PATH, "argocd")]
        assert not update.forcible

    def test_another_value_is_forcible_with_take_over(self, world: World) -> None:
        """Because the operator said so."""
        world.policy = ClusterPolicy(take_over=True)

        assert _update(world.plan(desired(V2))).forcible

    def test_an_object_that_replaced_ours_is_first_contact(self, world: World) -> None:
        """It has the name, not the uid: what we remember of the old one says nothing."""
        old = resource(V)
        world.reconcile(desired(V))
        world.inventory = {V.key: replace(world.inventory[V.key], uid=f"not {old.uid}")}
        world.cluster.delete(world.live()[V.key])
        world.cluster.apply(V2.body(FABRIC), manager="argocd")

        plan = world.plan(desired(V))

        assert not _update(plan).forcible
        assert plan.drifted == ()


def test_a_lost_inventory_comes_back_without_a_write(world: World) -> None:
    """By the marks; with the digest, so that drift can be told from then on."""
    before, world.inventory = world.inventory[V.key], {}

    plan = world.plan(desired(V))

    (entry,) = plan.adopted
    assert plan.actions == ()
    assert (entry.key, entry.uid, entry.digest) == (V.key, before.uid, before.digest)
    assert before.paths <= entry.paths


def test_a_lost_inventory_and_a_change_in_git(world: World) -> None:
    """The object is ours again even if the update fails."""
    world.inventory = {}

    plan = world.plan(desired(V2))

    assert [(entry.key, entry.digest) for entry in plan.adopted] == [(V.key, None)]
    assert _update(plan).reason == "Git changes 1 field"


def test_a_change_of_form_only_refreshes_the_inventory(world: World) -> None:
    """No write; and drift is told by the new digest."""
    other_form = replace(V, spec={**V.spec, "mode": None})

    plan = world.plan(desired(other_form))

    (entry,) = plan.refreshed
    assert plan.actions == ()
    assert entry.digest == digest(other_form.body(FABRIC))
    assert entry.paths == declared_paths(other_form.body(FABRIC))


def test_a_newly_declared_equal_field_is_applied_once(world: World) -> None:
    """The server had the value already, by itself or by others: unowned it could not be healed."""
    world.cluster.edit(V.key, {"spec": {"mode": "x"}}, "webhook")
    more = replace(V, spec={**V.spec, "mode": "x"})

    update = _update(world.reconcile(desired(more)))

    assert (update.differences, update.reason) == ((), "Git declares fields that we do not own yet")
    assert world.plan(desired(more)).actions == ()


def test_ownership_that_was_stripped_is_taken_again(world: World) -> None:
    """Somebody cleared managedFields: without an entry of ours the object is not ours."""
    live = replace(world.live()[V.key], managed_fields=())

    plan = world.plan(desired(V), {**world.observe(), "VPC": (live,)})

    assert _update(plan).reason == "it is not ours yet"


def test_an_object_that_is_being_deleted_is_waited_for(world: World) -> None:
    """It is neither updated nor in sync."""
    live = replace(world.live()[V.key], is_deleting=True)

    plan = world.plan(desired(V), {**world.observe(), "VPC": (live,)})

    assert (plan.actions, plan.unchanged) == ((), ())
    assert [(one.key, one.reason) for one in plan.waiting] == [(V.key, "Deleting")]


def test_another_fabrics_object_is_a_conflict() -> None:
    """The server would not see one, because the field manager is the same."""
    world = World()
    world.cluster.apply(V.body("dc2"))

    plan = world.plan(desired(V))

    assert plan.actions == ()
    assert [(one.key, one.reason) for one in plan.conflicts] == [(V.key, "Conflict")]
    assert "'dc2'" in plan.conflicts[0].message


def test_another_fabrics_object_can_be_taken_over() -> None:
    """After a fabric was renamed, say: the operator asks for it."""
    world = World(ClusterPolicy(take_over=True))
    world.cluster.apply(V.body("dc2"))

    plan = world.plan(desired(V))

    assert [one.path for one in _update(plan).differences] == [".metadata.annotations.hnp.githedgehog.com/fabric"]
    assert plan.conflicts == ()


@pytest.mark.parametrize("observed", [{"VPC": None}, {}], ids=["could not be read", "was not read"])
def test_nothing_is_done_about_an_unknown_kind(observed: dict[str, None]) -> None:
    """Neither created nor updated: unknown is not absent."""
    world = World()
    seen = {kind: objects for kind, objects in world.observe().items() if kind != "VPC"}

    plan = world.plan(desired(V, manifest("Server", "s")), {**seen, **observed})

    assert [action.key.kind for action in plan.actions] == ["Server"]
    assert plan.unknown == ("VPC",)
    assert V.key not in plan.unchanged


def test_a_kind_that_nobody_knows_is_no_matter() -> None:
    """What is observed beside the kinds of the table says nothing about the plan."""
    assert World().plan(desired(V), {**World().observe(), "Secret": None}).unknown == ()


def test_without_a_desired_state_nothing_is_planned(world: World) -> None:
    """Git was never read: everything stays, the inventory too."""
    plan = world.plan(None)

    assert (plan.actions, plan.forgotten, plan.adopted, plan.prune_pending) == ((), (), (), ())
    assert plan.blocks == (Block("DesiredUnknown", "nothing is planned: Git was never read"),)


def test_actions_come_in_waves_and_know_what_they_need() -> None:
    """Namespaces, devices, VPCs, connections, attachments; a group may run at the same time."""
    server, switch = manifest("Server", "s"), manifest("Switch", "l", {"groups": ["g"]})
    link = {"server": {"port": "s/e1"}, "switch": {"port": "l/E1/1"}}
    connection = manifest("Connection", "c", {"unbundled": {"link": link}})
    attachment = manifest("VPCAttachment", "a", {"subnet": "v/a", "connection": "c"})
    relay = vpc("r", subnets={"a": {"dhcp": {"relayVPC": "v"}}})
    declared = [attachment, relay, connection, V, switch, server, manifest("VLANNamespace", "default")]

    plan = World().plan(desired(*declared))

    assert [[str(action.key) for action in group] for group in plan.waves] == [
        ["VLANNamespace/default"],
        ["Server/s", "Switch/l"],
        ["VPC/v"],
        ["VPC/r"],
        ["Connection/c"],
        ["VPCAttachment/a"],
    ]
    assert {str(action.key): {str(one) for one in action.after} for action in plan.actions} == {
        "VLANNamespace/default": set(),
        "Server/s": set(),
        "Switch/l": {"VLANNamespace/default"},
        "VPC/v": {"VLANNamespace/default"},
        "VPC/r": {"VLANNamespace/default", "VPC/v"},
        "Connection/c": {"Server/s", "Switch/l"},
        "VPCAttachment/a": {"VPC/v", "Connection/c"},
    }


class TestHash:
    """A plan's hash tells what would be done to which objects."""

    def test_it_does_not_depend_on_order(self) -> None:
        """Of documents, or of the keys in them."""
        one, two = vpc("a", mode="x", permit=[]), vpc("b")
        turned = vpc("a", permit=[], mode="x")

        assert World().plan(desired(one, two)).hash == World().plan(desired(two, turned)).hash

    def test_it_depends_on_what_is_done(self, world: World) -> None:
        """Nothing, a creation, an update, another update, a healing and a deletion are six plans."""
        plans = [
            world.plan(desired(V)),
            World().plan(desired(V)),
            world.plan(desired(V2)),
            world.plan(desired(vpc("v"))),
        ]
        plans.append(world.plan(desired(vpc("w"))))
        _edit(world)
        plans.append(world.plan(desired(V)))

        assert len({plan.hash for plan in plans}) == 6

    def test_it_depends_on_the_object(self, world: World) -> None:
        """The same update of an object that was made anew is another plan."""
        live = world.live()[V.key]
        plans = [world.plan(desired(V2), {**world.observe(), "VPC": (replace(live, uid=uid),)}) for uid in ("x", "y")]

        assert plans[0].hash != plans[1].hash

    def test_it_does_not_depend_on_the_resource_version(self, world: World) -> None:
        """A write by others to other fields leaves an approval valid."""
        live = world.live()[V.key]
        newer = replace(live, resource_version="99")

        plans = [world.plan(desired(V2), {**world.observe(), "VPC": (one,)}) for one in (live, newer)]

        assert plans[0].hash == plans[1].hash


def test_planning_changes_none_of_its_arguments(world: World) -> None:
    """They are values."""
    observed, inventory, wanted = world.observe(), dict(world.inventory), desired(V2, vpc("new"))

    plan_cluster(wanted, observed, world.inventory, world.policy, FABRIC)

    assert observed == world.observe()
    assert world.inventory == inventory
    assert wanted == desired(V2, vpc("new"))


def test_what_is_settled_is_not_compared_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that a plan found as it should be costs the next one a look, while neither document nor object nor
    inventory changed; the plan is the same.
    """
    wanted = desired(V)
    first = world.plan(wanted)
    compared: list[str] = []

    def counted(body: JSONObject, resource: Resource) -> tuple[FieldDifference, ...]:
        compared.append(resource.key.name)
        return differences(body, resource)

    monkeypatch.setattr(applies, "differences", counted)
    again = world.plan(wanted, settled=first.settled)

    assert again == first
    assert compared == []

    _edit(world)
    assert len(world.plan(wanted, settled=first.settled).drifted) == 1
    assert compared == ["v"]


@pytest.mark.parametrize("change", ["another document", "another inventory", "gone", "replaced"])
def test_what_was_settled_may_change(world: World, change: str) -> None:
    """Whatever is different from what was found, the plan is that of somebody who knows nothing."""
    wanted = desired(V)
    settled = world.plan(wanted).settled
    (live,) = world.cluster.list(V.key.resource_kind)
    match change:
        case "another document":
            wanted = desired(V2)
        case "another inventory":
            world.inventory = {}
        case "gone":
            world.cluster.delete(live)
        case "replaced":
            world.cluster.delete(live)
            world.cluster.apply({**V.body(FABRIC), "spec": V2.spec}, manager="kubectl")

    assert world.plan(wanted, settled=settled) == world.plan(wanted)


def test_what_a_scope_leaves_out_stays_settled(world: World) -> None:
    """A plan for some objects forgets nothing of the others, and what it looked at it knows better."""
    other = vpc("w")
    world.reconcile(desired(V, other))
    settled = world.plan(desired(V, other)).settled
    assert settled.keys() == {V.key, other.key}
    _edit(world)

    plan = world.plan(desired(V, other), scope=frozenset({V.key}), settled=settled)

    assert plan.settled.keys() == {other.key}
