"""The state of every object after a pass, and what is owned then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ApplyConflictError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    ObjectRejectedError,
    ReconcilerError,
    StaleObjectError,
)
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.objects import FIELD_MANAGER, digest
from reconciler.model.passes import InventoryEntry, ObjectState, SyncState
from reconciler.model.plan import Delete
from reconciler.model.problems import Problem, Severity
from reconciler.plan.fields import declared_paths
from reconciler.plan.inventory import new_inventory
from reconciler.plan.results import blocked_by
from reconciler.plan.states import dated, object_states
from tests.unit.plan.world import FABRIC, NOW, REVISION, World, desired, key, manifest, vpc

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.model.desired import Desired
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import ClusterPlan, Result

V, V2 = vpc("v", mode="x"), vpc("v", mode="y")
KEPT = vpc("kept")


@pytest.fixture
def world() -> World:
    """V and KEPT are applied and in the inventory."""
    made = World()
    made.reconcile(desired(V, KEPT))
    return made


def _of(world: World, wanted: Desired | None, result: Result | str = "untried") -> ObjectState | None:
    """The state of V after a pass in which the action about it had this result."""
    results: dict[ObjectKey, Result] = {} if isinstance(result, str) else {V.key: result}
    return world.states(wanted, results).get("VPC/v")


def _told(state: ObjectState | None) -> tuple[SyncState, str | None]:
    assert state is not None
    return state.state, state.reason


def test_in_sync(world: World) -> None:
    """With the file that declares it, and without a reason."""
    assert _of(world, desired(V, KEPT)) == ObjectState(V.key, SyncState.IN_SYNC, "VPC/v.yaml")


def test_every_object_has_one_state_in_order(world: World) -> None:
    """Declared ones, ours, and those of others."""
    world.cluster.apply(manifest("Server", "theirs").body(FABRIC), manager="argocd")

    states = world.states(desired(KEPT, manifest("Switch", "new")))

    assert [(name, state.state.value) for name, state in states.items()] == [
        ("Server/theirs", "cluster_only"),
        ("Switch/new", "desired_only"),
        ("VPC/kept", "in_sync"),
        ("VPC/v", "prune_pending"),
    ]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ObjectRejectedError("no"), SyncState.FAILED),
        (ApplyConflictError("theirs", {".spec.mode": "argocd"}), SyncState.FAILED),
        (ClusterUnavailableError("away"), SyncState.FAILED),
        (DependencyNotReadyError("waits for Server/s"), SyncState.WAITING),
    ],
)
def test_an_error_is_the_reason(world: World, error: ReconcilerError, state: SyncState) -> None:
    """With its message, and what was to be changed."""
    found = _of(world, desired(V2, KEPT), error)

    assert found is not None
    assert (found.state, found.reason, found.message) == (state, error.reason, error.message)
    assert [one.path for one in found.differences] == [".spec.mode"]


def test_a_failed_creation_has_an_error_and_no_differences() -> None:
    """There is nothing to compare with."""
    found = _of(World(), desired(V), ObjectRejectedError("no"))

    assert found == ObjectState(V.key, SyncState.FAILED, "VPC/v.yaml", "Rejected", "no")


def test_what_was_not_tried_is_pending(world: World) -> None:
    """A pass that was stopped, or only a plan: creations, updates and deletes."""
    states = world.states(desired(V2, vpc("new")))

    assert _told(states["VPC/v"]) == (SyncState.CHANGED, "Pending")
    assert [one.path for one in states["VPC/v"].differences] == [".spec.mode"]
    assert _told(states["VPC/new"]) == (SyncState.DESIRED_ONLY, "Pending")
    assert _told(states["VPC/kept"]) == (SyncState.PRUNE_PENDING, "Pending")


def test_an_applied_object_is_in_sync(world: World) -> None:
    """When the answer is what was asked for."""
    assert _told(_of(world, desired(V2, KEPT), world.cluster.apply(V2.body(FABRIC), force=True))) == (
        SyncState.IN_SYNC,
        None,
    )


def test_an_object_that_is_being_deleted_is_not_in_sync() -> None:
    """The server takes an apply of an object whose deletion waits for finalizers; the object goes all the same."""
    world = World()
    stored = replace(world.cluster.apply(V.body(FABRIC)), is_deleting=True)
    world.cluster.delete(world.live()[V.key])

    assert _told(_of(world, desired(V), stored)) == (SyncState.WAITING, "Deleting")


def test_an_answer_in_the_servers_own_form_is_in_sync() -> None:
    """The field is our apply's, so the value is the server's: to apply again would change nothing."""
    world = World()
    world.cluster.admit(lambda body: {**body, "spec": {"mode": "z"}})
    stored = world.cluster.apply(V.body(FABRIC))
    world.cluster.delete(stored)

    assert _told(_of(world, desired(V), stored)) == (SyncState.IN_SYNC, None)


def test_an_answer_that_differs_is_not_in_sync() -> None:
    """The server took the object and stored something else, where our apply owns nothing."""
    world = World()
    applied = world.cluster.apply(V.body(FABRIC))
    fields: JSONObject = {"f:spec": {"f:other": {}}}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": fields}
    stored = replace(applied, spec={"mode": "z"}, managed_fields=(entry,))
    world.cluster.delete(applied)

    found = _of(world, desired(V), stored)

    assert found is not None
    assert _told(found) == (SyncState.CHANGED, "Rewritten")
    assert [(one.path, one.desired, one.observed) for one in found.differences] == [(".spec.mode", "x", "z")]


def test_a_deleted_object_has_no_state(world: World) -> None:
    """It is neither in Git nor in the cluster."""
    assert _of(world, desired(KEPT), None) is None


def test_a_failed_delete_is_a_failure(world: World) -> None:
    """Of an object that no file declares."""
    found = _of(world, desired(KEPT), StaleObjectError("changed"))

    assert found == ObjectState(V.key, SyncState.FAILED, None, "Stale", "changed")


def test_drift_that_is_not_healed(world: World) -> None:
    """Changed, or missing, and why nothing was done."""
    world.policy = ClusterPolicy(self_heal=False)
    world.cluster.edit(V.key, {"spec": {"mode": "z"}})
    world.cluster.delete(world.live()[KEPT.key])

    states = world.states(desired(V, KEPT))

    assert _told(states["VPC/v"]) == (SyncState.CHANGED, "Drift")
    assert [(one.path, one.manager) for one in states["VPC/v"].differences] == [(".spec.mode", "kubectl-edit")]
    assert _told(states["VPC/kept"]) == (SyncState.DESIRED_ONLY, "Drift")


def test_drift_that_was_not_reached_stays_drift(world: World) -> None:
    """The pass broke off before: that it would have been reverted makes it no change of Git."""
    world.cluster.edit(V.key, {"spec": {"mode": "z"}})

    assert _told(world.states(desired(V, KEPT))["VPC/v"]) == (SyncState.CHANGED, "Drift")


def test_drift_that_was_healed_is_in_sync(world: World) -> None:
    """The result counts, not the finding."""
    world.cluster.edit(V.key, {"spec": {"mode": "z"}})
    plan = world.plan(desired(V, KEPT))
    observed = world.observe()

    (found, _) = reversed(object_states(plan, world.do(plan.actions), desired(V, KEPT), observed, world.inventory))

    assert (len(plan.drifted), found.key, found.state) == (1, V.key, SyncState.IN_SYNC)


def test_a_conflict_that_the_plan_found_is_a_failure() -> None:
    """Another fabric's object."""
    world = World()
    world.cluster.apply(V.body("dc2"))

    assert _told(_of(world, desired(V))) == (SyncState.FAILED, "Conflict")


def test_an_object_in_deletion_is_waited_for(world: World) -> None:
    """Declared: it will be created again."""
    seen = world.observe()
    going = tuple(replace(one, is_deleting=True) for one in seen["VPC"] or ())
    wanted = desired(V, KEPT)
    plan = world.plan(wanted, {**seen, "VPC": going})

    states = object_states(plan, {}, wanted, {**seen, "VPC": going}, world.inventory)

    assert [_told(one) for one in states] == [(SyncState.WAITING, "Deleting")] * 2


def test_held_deletes_are_prune_pending(world: World) -> None:
    """With the number that is too high."""
    world.policy = ClusterPolicy(prune=True, max_deletes=0)

    found = _of(world, desired(KEPT))

    assert found is not None
    assert _told(found) == (SyncState.PRUNE_PENDING, "TooManyDeletes")
    assert "max_deletes (0)" in (found.message or "")


def test_an_unread_kind_is_unknown(world: World) -> None:
    """What Git declares of it, and what we own of it."""
    seen = {**world.observe(), "VPC": None}
    wanted = desired(KEPT, manifest("Server", "s"))
    plan = world.plan(wanted, seen)

    states = object_states(plan, {}, wanted, seen, world.inventory)

    assert {str(one.key): one.state.value for one in states} == {
        "Server/s": "desired_only",
        "VPC/kept": "unknown",
        "VPC/v": "unknown",
    }


def test_everything_of_ours_is_unknown_when_git_was_never_read(world: World) -> None:
    """Nothing can be said about it."""
    world.cluster.apply(manifest("Server", "theirs").body(FABRIC), manager="argocd")

    states = world.states(None)

    assert {name: state.reason for name, state in states.items()} == {
        "Server/theirs": None,
        "VPC/kept": "DesiredUnknown",
        "VPC/v": "DesiredUnknown",
    }


def test_refused_documents_are_failures(world: World) -> None:
    """Each with the rule that refused it and its place, whether the object exists or not; a warning is none."""
    problem = Problem("a.yaml", 0, 7, "spec.mode", "SchemaType", "not text", key=V.key)
    problems = [
        problem,
        replace(problem, key=key("Server", "new"), field="", rule="DuplicateKey"),
        replace(problem, key=KEPT.key, severity=Severity.WARNING),
        replace(problem, key=None),
    ]
    wanted = desired(KEPT, problems=problems, refused=[V.key, key("Server", "new"), key("Server", "odd")])

    states = world.states(wanted)

    text = "line 7, spec.mode: not text"
    assert states["VPC/v"] == ObjectState(V.key, SyncState.FAILED, "a.yaml", "SchemaType", text)
    assert _told(states["Server/new"]) == (SyncState.FAILED, "DuplicateKey")
    assert states["Server/new"].message == "line 7: not text"
    assert _told(states["Server/odd"]) == (SyncState.FAILED, "Refused")
    assert _told(states["VPC/kept"]) == (SyncState.IN_SYNC, None)


class TestBlockedBy:
    """An action waits for what it needs, when that failed."""

    @pytest.fixture
    def plan(self) -> ClusterPlan:
        link = {"server": {"port": "s/e1"}, "switch": {"port": "l/E1/1"}}
        connection = manifest("Connection", "c", {"unbundled": {"link": link}})
        return World().plan(desired(manifest("Server", "s"), manifest("Switch", "l"), connection, KEPT))

    def test_nothing_failed(self, plan: ClusterPlan) -> None:
        """Results of other kinds do not matter."""
        results: dict[ObjectKey, Result] = {key("Server", "s"): None}

        assert [blocked_by(action, results) for action in plan.actions] == [None] * 4

    def test_only_dependents_wait(self, plan: ClusterPlan) -> None:
        """They say for whom; others go on."""
        failed = ObjectRejectedError("no")
        results: dict[ObjectKey, Result] = {key("Switch", "l"): failed, key("Server", "s"): failed}

        found = {str(action.key): blocked_by(action, results) for action in plan.actions}

        blocked = found.pop("Connection/c")
        assert isinstance(blocked, DependencyNotReadyError)
        assert blocked.message == "waits for Server/s, Switch/l"
        assert set(found.values()) == {None}


class TestInventory:
    """What is owned after a pass."""

    def _after(
        self, world: World, wanted: Desired, results: dict[ObjectKey, Result]
    ) -> dict[ObjectKey, InventoryEntry]:
        return new_inventory(world.inventory, world.plan(wanted), results, REVISION, NOW)

    def test_an_applied_object_is_ours(self) -> None:
        """With identity, digest, fields, revision and time."""
        world = World()
        applied = world.cluster.apply(V.body(FABRIC))
        world.cluster.delete(applied)

        found = self._after(world, desired(V), {V.key: applied})

        body = V.body(FABRIC)
        entry = InventoryEntry(V.key, applied.uid, digest(body), declared_paths(body), str(REVISION), NOW)
        assert found == {V.key: entry}

    @pytest.mark.parametrize("results", [{}, {V.key: ObjectRejectedError("no")}], ids=["not tried", "failed"])
    def test_a_failed_update_changes_nothing(self, world: World, results: dict[ObjectKey, Result]) -> None:
        """The old fields are still the ones that we applied."""
        assert self._after(world, desired(V2, KEPT), results) == world.inventory

    @pytest.mark.parametrize("results", [{}, {V.key: StaleObjectError("no")}], ids=["not tried", "failed"])
    def test_a_failed_delete_stays_ours(self, world: World, results: dict[ObjectKey, Result]) -> None:
        """Else nobody would delete it later."""
        plan = world.plan(desired(KEPT))

        assert [type(action) for action in plan.actions] == [Delete]
        assert self._after(world, desired(KEPT), results) == world.inventory

    def test_a_deleted_object_is_no_longer_ours(self, world: World) -> None:
        """Only when the cluster confirmed it."""
        assert self._after(world, desired(KEPT), {V.key: None}).keys() == {KEPT.key}

    def test_what_is_gone_from_both_sides_is_forgotten(self, world: World) -> None:
        """Nothing is left to own."""
        world.cluster.delete(world.live()[V.key])

        assert self._after(world, desired(KEPT), {}).keys() == {KEPT.key}

    def test_adopted_and_refreshed_entries_enter(self, world: World) -> None:
        """Without a write."""
        del world.inventory[V.key]
        other_form = replace(KEPT, spec={"mode": None})

        found = self._after(world, desired(V, other_form), {})

        assert found[V.key].digest == digest(V.body(FABRIC))
        assert found[KEPT.key].digest == digest(other_form.body(FABRIC))
        assert found[KEPT.key].uid == world.inventory[KEPT.key].uid


STATE = ObjectState(V.key, SyncState.CHANGED, "v.yaml", "Drift", "m")
THEN = ObjectState(V.key, SyncState.CHANGED, "v.yaml", "Drift", "m", since=NOW)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("before", "found", "since"),
    [
        pytest.param((), STATE, LATER, id="a new object"),
        pytest.param((replace(THEN, since=None),), STATE, LATER, id="stored without a date"),
        pytest.param((replace(THEN, state=SyncState.IN_SYNC),), STATE, LATER, id="another state"),
        pytest.param((replace(THEN, reason="Fighting"),), STATE, LATER, id="another reason"),
        pytest.param((THEN,), replace(STATE, message="n"), NOW, id="other words"),
        pytest.param((THEN,), STATE, NOW, id="nothing new"),
    ],
)
def test_since_when(before: tuple[ObjectState, ...], found: ObjectState, since: datetime) -> None:
    """A state holds since its state and reason do, whatever else is said of it."""
    assert dated(before, [found], LATER) == (replace(found, since=since),)


def test_what_is_as_it_was_is_the_same_value() -> None:
    """So that nothing is stored again."""
    (found,) = dated([THEN], [STATE], LATER)

    assert found is THEN
