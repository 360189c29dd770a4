"""What holds back that an object is deleted and created again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.problems import Problem
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.fights import Reversals
from reconciler.plan.situation import Extent
from tests.unit.plan.edits import (
    ALPHA,
    BASE,
    BETA,
    LINKED,
    P,
    Q,
    attached,
    bundled,
    findings_of,
    having,
    lacking,
    static_external,
    steps_of,
    strict_world,
    unbundled,
)
from tests.unit.plan.world import FABRIC, desired, key

if TYPE_CHECKING:
    from reconciler.model.objects import Manifest
    from reconciler.model.plan import ClusterPlan
    from tests.unit.plan.world import World

REFUSAL = Problem("vpcs/x.yaml", 0, 3, "spec", "SchemaType", "not a number")


NATIVE = attached("at", "p", "alpha/a", nativeVLAN=True)


class TestObstacles:
    """What stands against making an object anew: nothing is done about it then, and the finding says why."""

    WANTED = having(LINKED, bundled("p", "E1/1", "E1/2"))

    def _plan(self, world: World, *wanted: Manifest) -> ClusterPlan:
        plan = world.plan(desired(*(wanted or self.WANTED)))
        assert plan.actions == ()
        return plan

    def test_a_dependent_that_git_does_not_declare(self) -> None:
        """It could not be created again."""
        world = strict_world(*LINKED, policy=ClusterPolicy(prune=False))

        plan = self._plan(world, *lacking(self.WANTED, "VPCAttachment/at"))

        assert findings_of(plan) == {"Connection/p": ("conflict", "StillReferenced")}
        assert plan.conflicts[0].message == (
            "its type cannot be changed in place: unbundled becomes bundled, "
            "and VPCAttachment/at, which refers to it, is not declared in Git"
        )

    def test_an_object_that_is_not_ours(self) -> None:
        """Its marks are gone."""
        world = strict_world(*lacking(LINKED, "VPCAttachment/at"))
        unmarked = replace(world.live()[P.key], annotations={})

        plan = world.plan(desired(*self.WANTED), {**world.observe(), "Connection": (unmarked,)})

        assert findings_of(plan)["Connection/p"] == ("conflict", "NotOurs")
        assert findings_of(plan)["VPCAttachment/at"] == ("waiting", "DependencyNotReady")
        assert plan.actions == ()

    def test_a_dependent_that_is_being_deleted(self) -> None:
        """It will be gone soon."""
        world = strict_world(*LINKED)
        going = replace(world.live()[key("VPCAttachment", "at")], is_deleting=True)

        plan = world.plan(desired(*self.WANTED), {**world.observe(), "VPCAttachment": (going,)})

        assert findings_of(plan)["Connection/p"] == ("waiting", "Deleting")
        assert plan.actions == ()

    def test_a_dependent_that_somebody_changes_back(self) -> None:
        """It is left as it is, so what it refers to stays too; once Git declares it otherwise it may go."""
        world = strict_world(*having(LINKED, NATIVE))
        at = NATIVE.key
        world.cluster.edit(at, {"spec": {"nativeVLAN": False}}, "other")
        fight = Reversals(world.inventory[at].digest or "", (1.0,), frozenset({"other"}), is_fight=True)
        extent = Extent(contested={at: fight})

        wanted = having(self.WANTED, NATIVE)
        plan = plan_cluster(desired(*wanted), world.observe(), world.inventory, world.policy, FABRIC, extent)
        then = plan_cluster(desired(*self.WANTED), world.observe(), world.inventory, world.policy, FABRIC, extent)

        assert plan.actions == ()
        assert [finding.key for finding in plan.fighting] == [at]
        assert findings_of(plan) == {"Connection/p": ("conflict", "Fighting")}
        assert "and VPCAttachment/at, which refers to it, was healed 5 times" in plan.conflicts[0].message
        assert then.replaced == {P.key, at}

    def test_drift_that_is_only_reported(self) -> None:
        """It is none any more where the object is made anew for the sake of another; held back, it still is."""
        world = strict_world(*having(LINKED, NATIVE), policy=ClusterPolicy(self_heal=False))
        at = NATIVE.key
        world.cluster.edit(at, {"spec": {"nativeVLAN": False}}, "other")

        wanted = desired(*having(self.WANTED, NATIVE))
        plan = world.plan(wanted)
        world.policy = replace(world.policy, max_deletes=1)
        held = world.plan(wanted)

        assert plan.replaced == {P.key, at}
        assert plan.drifted == ()
        assert [drift.key for drift in held.drifted] == [at]

    def test_an_object_that_is_known_by_its_marks_only(self) -> None:
        """A lost inventory alone never leads to deletes; the next pass may."""
        world = strict_world(*LINKED)
        world.inventory = {}

        plan = self._plan(world)
        world.reconcile(desired(*self.WANTED))

        assert findings_of(plan) == {"Connection/p": ("waiting", "Adopted")}
        assert len(world.plan(desired(*self.WANTED)).actions) == 4

    def test_a_guard(self) -> None:
        """Nothing is deleted while a document is refused: the guard is named, and the object is pending."""
        world = strict_world(*LINKED)

        plan = world.plan(desired(*self.WANTED, problems=[REFUSAL]))

        assert plan.actions == ()
        assert findings_of(plan) == {"Connection/p": ("pending", "PruneBlocked")}
        assert [block.reason for block in plan.blocks] == ["DocumentsRefused"]
        assert "vpcs/x.yaml:3: not a number" in plan.pending[0].message

    def test_a_pass_over_some_objects(self) -> None:
        """Only a full pass deletes."""
        world = strict_world(*LINKED)

        plan = world.plan(desired(*self.WANTED), scope=frozenset({P.key, key("VPCAttachment", "at")}))

        assert plan.actions == ()
        assert findings_of(plan) == {"Connection/p": ("pending", "FullPassNeeded")}
        assert [block.reason for block in plan.blocks] == ["FullPassNeeded"]

    def test_prune_need_not_be_on(self) -> None:
        """Git still declares the object."""
        world = strict_world(*LINKED, policy=ClusterPolicy(prune=False))

        assert len(world.plan(desired(*self.WANTED)).actions) == 4

    def test_a_circle_that_nothing_breaks(self) -> None:
        """Neither of the two may be deleted; what waits for them is pending too, and what does not goes on."""
        world = strict_world(*BASE, P, Q)
        swap = (unbundled("p", "E1/2"), unbundled("q", "E1/1"), ALPHA)

        plan = world.plan(desired(*BASE, *swap, problems=[REFUSAL]))

        assert steps_of(plan) == ["Create VPC/alpha"]
        assert findings_of(plan) == {
            "Connection/p": ("pending", "PruneBlocked"),
            "Connection/q": ("pending", "PruneBlocked"),
        }

    def test_a_delete_that_waits_for_one_that_is_left_alone(self) -> None:
        """What Git no longer declares stays as long as something refers to it."""
        world = strict_world(*LINKED, BETA, static_external("x", "beta"))
        unmarked = replace(world.live()[key("Connection", "x")], annotations={})
        others = tuple(one for one in world.observe()["Connection"] or () if one.key.name != "x")

        plan = world.plan(
            desired(*LINKED, static_external("x", "alpha")), {**world.observe(), "Connection": (*others, unmarked)}
        )

        assert plan.actions == ()
        assert [(str(one.key), one.reason) for one in plan.prune_pending] == [("VPC/beta", "DependencyNotReady")]

    def test_the_second_choice_of_a_circle(self) -> None:
        """Where the first may not be deleted."""
        world = strict_world(*BASE, P, Q)
        unmarked = replace(world.live()[P.key], annotations={})
        seen = {**world.observe(), "Connection": (unmarked, world.live()[Q.key])}

        plan = world.plan(desired(*BASE, unbundled("p", "E1/2"), unbundled("q", "E1/1")), seen)

        assert steps_of(plan) == ["Delete Connection/q", "Update Connection/p", "Create Connection/q"]


class TestMaxDeletes:
    """What is made anew counts."""

    WANTED = desired(*having(LINKED, bundled("p", "E1/1", "E1/2"), BETA))

    def _limited(self, most: int) -> World:
        return strict_world(*LINKED, policy=ClusterPolicy(max_deletes=most))

    def test_too_many(self) -> None:
        """Neither the deletes nor what waits for them is done; the others are."""
        world = self._limited(1)

        plan = world.plan(self.WANTED)

        assert steps_of(plan) == ["Create VPC/beta"]
        assert [str(action.key) for action in plan.held] == [
            "VPCAttachment/at",
            "Connection/p",
            "Connection/p",
            "VPCAttachment/at",
        ]
        assert "2 deletes are more than cluster.max_deletes (1)" in plan.blocks[0].message
        assert key("VPCAttachment", "at") in plan.unchanged

    def test_their_states(self) -> None:
        """What changes is held; what would be made anew for its sake is in sync."""
        states = self._limited(1).states(self.WANTED)

        assert {name: one.state for name, one in states.items() if "p" in name and "/" in name}[
            "Connection/p"
        ] == "changed"
        assert states["Connection/p"].reason == "TooManyDeletes"
        assert states["VPCAttachment/at"].state == "in_sync"

    def test_what_is_created_after_a_delete_is_held_too(self) -> None:
        """It does not exist, and says why."""
        world = strict_world(*BASE, P, policy=ClusterPolicy(prune=True, max_deletes=0))

        states = world.states(desired(*BASE, unbundled("new", "E1/1")))

        found = {name: (one.state.value, one.reason) for name, one in states.items() if name.startswith("Connection/")}
        assert found == {
            "Connection/new": ("desired_only", "TooManyDeletes"),
            "Connection/p": ("prune_pending", "TooManyDeletes"),
        }

    def test_approved(self) -> None:
        """By the hash of the whole plan, with its order."""
        world = self._limited(1)

        plan = world.plan(self.WANTED, approved=world.plan(self.WANTED).hash)

        assert len(plan.actions) == 5
        assert (plan.held, plan.blocks) == ((), ())

    def test_not_too_many(self) -> None:
        """Two are two."""
        assert len(self._limited(2).plan(self.WANTED).actions) == 5
