"""What is deleted, and everything that holds a delete back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import InventoryEntry
from reconciler.model.plan import Delete
from reconciler.model.problems import NO_DIRECTORY, Problem, Severity, file_problem
from tests.unit.plan.world import FABRIC, World, desired, key, manifest, vpc

if TYPE_CHECKING:
    from reconciler.model.desired import Desired
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, Resource
    from reconciler.model.plan import ClusterPlan
    from reconciler.plan.situation import Observed

KEPT, GONE = vpc("kept"), vpc("gone")
PRUNE = ClusterPolicy(prune=True)
REFUSAL = Problem("vpcs/x.yaml", 0, 3, "spec", "SchemaType", "not a number")
ABSENT = file_problem("a/dc1", NO_DIRECTORY, "there is none")


@pytest.fixture
def world() -> World:
    """Both VPCs are ours; Git will declare one of them."""
    made = World(PRUNE)
    made.reconcile(desired(KEPT, GONE))
    return made


def _deleted(plan: ClusterPlan) -> list[str]:
    return [str(action.key) for action in plan.actions if isinstance(action, Delete)]


def _pending(plan: ClusterPlan) -> dict[str, str]:
    return {str(finding.key): finding.reason for finding in plan.prune_pending}


def _with(world: World, changed: Resource) -> Observed:
    """The observation, with an object in another state."""
    seen = world.observe()
    objects = seen[changed.key.kind] or ()
    return {**seen, changed.key.kind: tuple(changed if one.key == changed.key else one for one in objects)}


def test_what_git_no_longer_declares_is_deleted(world: World) -> None:
    """Exactly the object that was observed."""
    plan = world.plan(desired(KEPT))

    assert plan.actions == (Delete(world.live()[GONE.key], (30, 0), "Git no longer declares it"),)
    assert (plan.prune_pending, plan.blocks, plan.held) == ((), (), ())


def test_prune_is_off_unless_it_is_configured(world: World) -> None:
    """The object stays ours, and is reported."""
    world.policy = ClusterPolicy()

    plan = world.plan(desired(KEPT))

    assert (_deleted(plan), _pending(plan), plan.blocks) == ([], {"VPC/gone": "PruneDisabled"}, ())


@pytest.mark.parametrize("lost", [{"managed_fields": ()}, {"annotations": {}}], ids=["managedFields", "annotations"])
def test_only_what_carries_all_marks_is_deleted(world: World, lost: JSONObject) -> None:
    """Both annotations and our entry in managedFields, beside the inventory."""
    plan = world.plan(desired(KEPT), _with(world, replace(world.live()[GONE.key], **lost)))

    assert (_deleted(plan), _pending(plan)) == ([], {"VPC/gone": "NotMarked"})


def test_what_is_not_in_the_inventory_is_not_deleted(world: World) -> None:
    """Marks alone bring it into the inventory: it can be deleted from the next pass on."""
    world.inventory = {KEPT.key: world.inventory[KEPT.key]}

    first = world.reconcile(desired(KEPT))

    assert (_deleted(first), _pending(first)) == ([], {"VPC/gone": "Adopted"})
    assert [entry.key for entry in first.adopted] == [GONE.key]
    assert _deleted(world.plan(desired(KEPT))) == ["VPC/gone"]


def test_what_is_not_ours_is_left_alone(world: World) -> None:
    """Objects of others are neither deleted nor adopted nor reported as ours."""
    world.cluster.apply(vpc("theirs").body(FABRIC), manager="argocd")

    plan = world.plan(desired(KEPT, GONE))

    assert (plan.actions, plan.adopted, plan.prune_pending) == ((), (), ())


def test_another_object_of_the_name_is_not_deleted(world: World) -> None:
    """Its uid is not the one that we applied: what we owned is gone."""
    world.cluster.delete(world.live()[GONE.key])
    world.cluster.apply(GONE.body(FABRIC), manager="argocd")

    plan = world.plan(desired(KEPT))

    assert (_deleted(plan), plan.forgotten, _pending(plan)) == ([], (GONE.key,), {})


def test_what_is_gone_already_is_forgotten(world: World) -> None:
    """There is nothing left to own."""
    world.cluster.delete(world.live()[GONE.key])

    plan = world.plan(desired(KEPT))

    assert (plan.actions, plan.forgotten) == ((), (GONE.key,))


@pytest.mark.parametrize("in_inventory", [True, False], ids=["ours", "marked only"])
def test_what_is_being_deleted_is_not_deleted_again(world: World, in_inventory: bool) -> None:  # noqa: FBT001 - a table's column
    """It is reported while it is still ours, and not adopted any more."""
    changed = replace(world.live()[GONE.key], is_deleting=True)
    if not in_inventory:
        del world.inventory[GONE.key]

    plan = world.plan(desired(KEPT), _with(world, changed))

    assert (_deleted(plan), plan.adopted) == ([], ())
    assert _pending(plan) == ({"VPC/gone": "Deleting"} if in_inventory else {})


@pytest.mark.parametrize(
    ("wanted", "reason", "said"),
    [
        pytest.param(
            desired(KEPT, problems=[REFUSAL]), "DocumentsRefused", "vpcs/x.yaml:3: not a number", id="refused"
        ),
        pytest.param(desired(KEPT, problems=[ABSENT]), "PathNotFound", "first in a/dc1: there is none", id="absent"),
        pytest.param(desired(), "DesiredEmpty", "no object at all", id="empty"),
        pytest.param(replace(desired(KEPT), outdated="Git is away"), "DesiredOutdated", "Git is away", id="outdated"),
    ],
)
def test_nothing_is_deleted_when_git_may_not_be_whole(world: World, wanted: Desired, reason: str, said: str) -> None:
    """The block says why, and so does every object that it keeps."""
    plan = world.plan(wanted)

    (block,) = plan.blocks
    assert _deleted(plan) == []
    assert block.reason == reason
    assert said in block.message
    assert _pending(plan)["VPC/gone"] == "PruneBlocked"
    assert {finding.message for finding in plan.prune_pending} == {block.message}


def test_a_warning_blocks_nothing(world: World) -> None:
    """Only refusals make the desired state incomplete."""
    warning = replace(REFUSAL, severity=Severity.WARNING)

    assert _deleted(world.plan(desired(KEPT, problems=[warning]))) == ["VPC/gone"]


def test_nothing_is_deleted_when_a_kind_is_unknown(world: World) -> None:
    """Whichever kind it is, even one that Git never holds."""
    plan = world.plan(desired(KEPT), {**world.observe(), "SwitchProfile": None})

    assert [(block.reason, block.message) for block in plan.blocks] == [
        ("KindUnknown", "nothing is deleted: could not read SwitchProfile")
    ]
    assert _deleted(plan) == []


def test_an_unknown_kind_keeps_its_inventory(world: World) -> None:
    """Not seen is not gone."""
    plan = world.plan(desired(KEPT), {**world.observe(), "VPC": None})

    assert (plan.actions, plan.forgotten, plan.prune_pending) == ((), (), ())


def test_all_blocks_are_named(world: World) -> None:
    """One does not hide the other."""
    plan = world.plan(desired(problems=[REFUSAL]), {**world.observe(), "Server": None})

    assert [block.reason for block in plan.blocks] == ["DocumentsRefused", "KindUnknown", "DesiredEmpty"]


def test_a_block_that_holds_nothing_back_is_none(world: World) -> None:
    """When there is nothing to delete, nothing is blocked."""
    assert world.plan(desired(KEPT, GONE, problems=[REFUSAL])).blocks == ()
    assert World(PRUNE).plan(desired()).blocks == ()


def test_a_refused_document_still_declares_its_object(world: World) -> None:
    """Its identity could be read: the object is not even a candidate."""
    plan = world.plan(desired(KEPT, problems=[replace(REFUSAL, key=GONE.key)], refused=[GONE.key]))

    assert (plan.actions, plan.prune_pending, plan.blocks) == ((), (), ())


class TestMaxDeletes:
    @pytest.fixture
    def world(self) -> World:
        """Three of ours will no longer be declared, one will change."""
        made = World(ClusterPolicy(prune=True, max_deletes=2))
        made.reconcile(desired(vpc("a"), vpc("b"), vpc("c"), KEPT))
        return made

    WANTED = desired(vpc("kept", mode="x"), manifest("Server", "new"))

    def test_up_to_the_limit_they_run(self, world: World) -> None:
        """The limit itself is allowed."""
        assert _deleted(world.plan(desired(KEPT, vpc("c")))) == ["VPC/a", "VPC/b"]

    def test_over_the_limit_none_runs(self, world: World) -> None:
        """Creates and updates go on; the block names numbers and the plan."""
        plan = world.plan(self.WANTED)

        assert [str(action.key) for action in plan.actions] == ["Server/new", "VPC/kept"]
        assert [str(delete.key) for delete in plan.held] == ["VPC/a", "VPC/b", "VPC/c"]
        assert [block.reason for block in plan.blocks] == ["TooManyDeletes"]
        assert "3 deletes are more than cluster.max_deletes (2)" in plan.blocks[0].message
        assert f"`reconciler approve dc1 {plan.held_hash[:12]}`" in plan.blocks[0].message
        assert plan.held_by == plan.blocks[0]

    def test_what_is_held_has_the_name_of_what_is_left(self, world: World) -> None:
        """Once creates and updates are done the plan is one of the deletes alone, which may be approved before and
        after.
        """
        held = world.plan(self.WANTED)
        before = world.plan(self.WANTED, approved=held.held_hash)

        world.reconcile(self.WANTED)

        left = world.plan(self.WANTED)
        assert (left.hash, left.held_hash) == (held.held_hash, held.held_hash)
        assert _deleted(world.plan(self.WANTED, approved=left.hash)) == _deleted(before) == ["VPC/a", "VPC/b", "VPC/c"]

    def test_an_approved_plan_runs_whole(self, world: World) -> None:
        """By its hash, which approval does not change; the hash of another plan approves nothing."""
        held = world.plan(self.WANTED)

        approved = world.plan(self.WANTED, approved=held.hash)

        assert (_deleted(approved), approved.held, approved.blocks) == (["VPC/a", "VPC/b", "VPC/c"], (), ())
        assert approved.hash == held.hash
        assert _deleted(world.plan(desired(KEPT), approved=held.hash)) == []


def _server(name: str) -> Manifest:
    return manifest("Server", name)


def _connection(name: str, server: str) -> Manifest:
    return manifest("Connection", name, {"unbundled": {"link": {"server": {"port": f"{server}/e1"}}}})


class TestReferences:
    def test_deletes_run_in_reverse_order(self) -> None:
        """What refers goes first, and what is referred to waits for it."""
        world = World(PRUNE)
        relay = vpc("relay", subnets={"a": {"dhcp": {"relayVPC": "gone"}}})
        attachment = manifest("VPCAttachment", "a", {"subnet": "gone/a", "connection": "c"})
        world.reconcile(desired(_server("s"), _connection("c", "s"), GONE, relay, attachment, _server("other")))

        plan = world.plan(desired(_server("other")))

        assert _deleted(plan) == ["VPCAttachment/a", "Connection/c", "VPC/relay", "VPC/gone", "Server/s"]
        assert [len(group) for group in plan.waves] == [1, 1, 1, 1, 1]
        after = {str(action.key): sorted(map(str, action.after)) for action in plan.actions}
        assert after["VPC/gone"] == ["VPC/relay", "VPCAttachment/a"]
        assert after["Server/s"] == ["Connection/c"]

    def test_deletes_run_after_applies(self) -> None:
        """Whatever their waves."""
        world = World(PRUNE)
        world.reconcile(desired(KEPT, manifest("VLANNamespace", "old")))

        plan = world.plan(desired(KEPT, manifest("GatewayPeering", "new")))

        assert [str(action.key) for action in plan.actions] == ["GatewayPeering/new", "VLANNamespace/old"]

    @pytest.mark.parametrize(
        ("referrer", "is_declared"),
        [(_connection("c", "s"), True), (_connection("c", "s"), False)],
        ids=["declared", "somebody else's"],
    )
    def test_what_is_still_referred_to_stays(self, referrer: Manifest, is_declared: bool) -> None:  # noqa: FBT001 - a table's column
        """The server does not check every reference, so the plan does."""
        world = World(PRUNE)
        world.reconcile(desired(KEPT, _server("s"), *([referrer] if is_declared else [])))
        if not is_declared:
            world.cluster.apply(referrer.body(FABRIC), manager="argocd")

        plan = world.plan(desired(KEPT, *([referrer] if is_declared else [])))

        assert (_deleted(plan), _pending(plan)) == ([], {"Server/s": "StillReferenced"})
        assert plan.prune_pending[0].message == "Connection/c refers to it"

    def test_what_stays_keeps_what_it_refers_to(self) -> None:
        """Along the whole chain."""
        world = World(PRUNE)
        attachment = manifest("VPCAttachment", "theirs", {"subnet": "kept/a", "connection": "c"})
        world.reconcile(desired(KEPT, _server("s"), _connection("c", "s")))
        world.cluster.apply(attachment.body(FABRIC), manager="argocd")

        plan = world.plan(desired(KEPT))

        assert _pending(plan) == {"Connection/c": "StillReferenced", "Server/s": "StillReferenced"}

    def test_an_update_can_free_what_it_referred_to(self) -> None:
        """The delete waits for the update, and is not tried when that fails."""
        world = World(PRUNE)
        world.reconcile(desired(_server("s"), _server("t"), _connection("c", "s")))

        plan = world.plan(desired(_server("t"), _connection("c", "t")))

        assert [str(action.key) for action in plan.actions] == ["Connection/c", "Server/s"]
        assert plan.actions[1].after == {key("Connection", "c")}

    def test_what_is_being_deleted_refers_to_nothing(self) -> None:
        """It will be gone."""
        world = World(PRUNE)
        world.reconcile(desired(KEPT, _server("s"), _connection("c", "s")))
        changed = replace(world.live()[key("Connection", "c")], is_deleting=True)

        assert _deleted(world.plan(desired(KEPT), _with(world, changed))) == ["Server/s"]


def test_an_inventory_of_a_kind_that_is_gone_is_kept(world: World) -> None:
    """A kind that this version does not know was not read either."""
    lost = InventoryEntry(key("Nonesuch", "x"), "uid")
    world.inventory[lost.key] = lost

    plan = world.plan(desired(KEPT, GONE))

    assert (plan.actions, plan.forgotten) == ((), ())
