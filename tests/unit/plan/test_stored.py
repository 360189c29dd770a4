"""Fields that the server stores in a form of its own: told from drift by its own word, and asked for once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.fabric import ClusterPolicy
from reconciler.model.known import Known
from reconciler.model.objects import FIELD_MANAGER, digest
from reconciler.model.passes import StoredForm
from reconciler.model.plan import Update
from reconciler.plan.stored import forms_of
from reconciler.plan.watching import is_worth_a_pass
from tests.unit.plan.world import FABRIC, World, desired, key, vpc

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject

V = vpc("v", mode="Asked", permit=[["a"]])
PATH = ".spec.mode"


def _lowered(body: JSONObject) -> JSONObject:
    """Admission that stores modes in lower case, which no rule of ours knows of."""
    spec = dict(body["spec"])
    if "mode" in spec:
        spec["mode"] = spec["mode"].lower()
    return {**body, "spec": spec}


@pytest.fixture
def world() -> World:
    """V is applied, and stored in another form."""
    made = World()
    made.cluster.admit(_lowered)
    made.reconcile(desired(V))
    assert made.live()[V.key].spec["mode"] == "asked"
    return made


def _edit(world: World, manager: str = "kubectl-edit", **spec: object) -> None:
    world.cluster.edit(V.key, {"spec": spec}, manager)


def _pretend(world: World, **spec: object) -> None:
    """Somebody applies in our name."""
    world.cluster.apply(replace(V, spec={**V.spec, **spec}).body(FABRIC))


def test_what_the_server_stored_is_in_sync(world: World) -> None:
    """The answer to the apply said that it stores it so: nothing to do, to ask, or to compare again."""
    plan = world.plan(desired(V))

    assert (plan.actions, plan.drifted, plan.questions) == ((), (), ())
    assert plan.unchanged == (V.key,)
    assert plan.settled.keys() == {V.key}
    assert (plan.adopted, plan.refreshed) == ((), ())


def test_an_object_that_is_stored_as_it_was_sent_remembers_nothing() -> None:
    """Nobody had to ask."""
    world = World()
    world.reconcile(desired(V))

    assert world.inventory[V.key].stored is None


def test_another_manager_of_that_field_is_drift(world: World) -> None:
    """He takes it out of our apply: nobody is asked, and it is healed. Admission rewrites his value too."""
    _edit(world, mode="Other")

    plan = world.plan(desired(V))

    (drift,) = plan.drifted
    assert [(one.path, one.observed, one.manager) for one in drift.differences] == [(PATH, "other", "kubectl-edit")]
    assert [type(one) for one in plan.actions] == [Update]
    assert plan.questions == ()


def test_drift_of_another_field_is_all_that_is_shown(world: World) -> None:
    """What the server said of the document before still explains the rest."""
    _edit(world, permit=[["b"]])

    plan = world.plan(desired(V))

    (drift,) = plan.drifted
    assert [one.path for one in drift.differences] == [".spec.permit"]
    assert plan.questions == ()


def test_a_healed_object_is_in_sync_again(world: World) -> None:
    """Also of this generation the answer to the apply speaks."""
    _edit(world, mode="other", permit=[["b"]])
    world.reconcile(desired(V))

    plan = world.plan(desired(V))

    assert (plan.actions, plan.questions, plan.unchanged) == ((), (), (V.key,))


def test_an_object_that_moved_is_asked_about_once(world: World) -> None:
    """Something beside our fields changed: it is as the server said last, until it says otherwise; then it is settled
    without a write.
    """
    _edit(world, other=1)

    before = world.plan(desired(V))
    told = world.plan(desired(V), forms=world.ask(before))
    world.learn(told)
    after = world.plan(desired(V))

    assert [one.key for one in before.questions] == [V.key]
    assert (before.unchanged, before.drifted, before.settled) == ((V.key,), (), {})
    assert (told.unchanged, told.questions) == ((V.key,), ())
    assert (after.unchanged, after.questions, set(after.settled)) == ((V.key,), (), {V.key})


def test_a_change_in_our_name_is_drift(world: World) -> None:
    """The field is still our apply's, so the server is asked: an apply would change it. Then it is healed."""
    _pretend(world, mode="Theirs")
    asking = world.plan(desired(V))

    plan = world.plan(desired(V), forms=world.ask(asking))

    assert [one.key for one in asking.questions] == [V.key]
    (drift,) = plan.drifted
    assert [(one.path, one.observed) for one in drift.differences] == [(PATH, "theirs")]
    assert [type(one) for one in plan.actions] == [Update]
    world.reconcile(desired(V))
    assert world.plan(desired(V)).unchanged == (V.key,)


def test_an_edit_in_our_name_needs_no_question(world: World) -> None:
    """Who does not apply takes the field out of our apply, whatever he is called."""
    _edit(world, manager=FIELD_MANAGER, mode="theirs")

    plan = world.plan(desired(V))

    assert [one.key for one in plan.drifted] == [V.key]
    assert plan.questions == ()


def test_drift_that_is_not_healed_is_asked_about_once(world: World) -> None:
    """The server's word is kept, although nothing is written."""
    world.policy = ClusterPolicy(self_heal=False)
    _pretend(world, mode="Theirs")

    plan = world.plan(desired(V), forms=world.ask(world.plan(desired(V))))
    world.learn(plan)
    after = world.plan(desired(V))

    assert [one.key for one in plan.drifted] == [one.key for one in after.drifted] == [V.key]
    assert after.questions == ()


def test_a_label_of_ours_that_changed_is_drift(world: World) -> None:
    """Labels move no generation: what the server said explains one value, and no other."""
    labelled = replace(V, labels={"team": "net"})
    world.cluster.admit(lambda body: {**body, "metadata": {**body["metadata"], "labels": {"team": "NET"}}})
    world.reconcile(desired(labelled))
    assert world.plan(desired(labelled)).unchanged == (V.key,)
    world.cluster.admit(lambda body: {**body, "metadata": {**body["metadata"], "labels": {"team": "Net"}}})
    world.cluster.apply(labelled.body(FABRIC))

    plan = world.plan(desired(labelled))

    assert [one.key for one in plan.drifted] == [V.key]


@pytest.mark.parametrize("policy", [ClusterPolicy(), ClusterPolicy(self_heal=False)])
def test_a_lost_inventory_comes_back_by_a_question(world: World, policy: ClusterPolicy) -> None:
    """By its marks the object is ours, and the server says that it stores the document so: no write."""
    world.inventory, world.policy = {}, policy
    asking = world.plan(desired(V))

    plan = world.plan(desired(V), forms=world.ask(asking))
    world.learn(plan)

    assert [one.key for one in asking.questions] == [V.key]
    assert plan.unchanged == (V.key,)
    assert world.inventory[V.key].digest == digest(V.body(FABRIC))
    assert world.plan(desired(V)).settled.keys() == {V.key}


def test_a_known_object_without_a_digest_is_asked_about(world: World) -> None:
    """It was adopted by its marks, or was to be made anew."""
    world.inventory[V.key] = replace(world.inventory[V.key], digest=None)

    plan = world.plan(desired(V), forms=world.ask(world.plan(desired(V))))

    assert plan.unchanged == (V.key,)
    assert [one.digest for one in plan.refreshed] == [digest(V.body(FABRIC))]


def test_a_change_in_git_asks_nothing(world: World) -> None:
    """An apply is due, and its answer is the answer."""
    changed = replace(V, spec={**V.spec, "mode": "New"})

    plan = world.plan(desired(changed))

    assert [type(one) for one in plan.actions] == [Update]
    assert plan.questions == ()


def test_an_object_of_others_is_not_asked_about() -> None:
    """First contact is an apply, or a conflict."""
    world = World()
    world.cluster.apply(V.body(FABRIC), manager="argocd")

    assert world.plan(desired(replace(V, spec={"mode": "x"}))).questions == ()


def test_without_an_answer_what_differs_is_a_difference(world: World) -> None:
    """Where nothing is known, and the server could not be asked."""
    world.inventory = {}

    plan = world.plan(desired(V))

    assert [type(one) for one in plan.actions] == [Update]


class TestWatching:
    """Which changes of such an object are worth a pass."""

    def test_what_leaves_it_as_it_is_stored(self, world: World) -> None:
        """A label beside ours moves no generation: nothing to do."""
        before = world.live()[V.key]
        after = replace(before, resource_version="99", labels={"note": "x"})

        assert not is_worth_a_pass(before, after, self._known(world))
        assert is_worth_a_pass(before, after, replace(self._known(world), forms={}))

    def test_what_the_server_must_be_asked_about(self, world: World) -> None:
        """Another generation."""
        before = world.live()[V.key]
        _edit(world, other=1)

        assert is_worth_a_pass(before, world.live()[V.key], self._known(world))

    def _known(self, world: World) -> Known:
        manifests = desired(V).manifests
        return Known(FABRIC, manifests, forms=forms_of(manifests, world.inventory, FABRIC))


def test_forms_hold_for_the_very_document(world: World) -> None:
    """Not for one that Git changed, nor for one that Git has no more."""
    form = world.inventory[V.key].stored
    world.reconcile(desired(V, vpc("plain")))

    assert form == StoredForm(1, form.marks if form else frozenset())
    assert forms_of({V.key: V, key("VPC", "plain"): vpc("plain")}, world.inventory, FABRIC) == {V.key: form}
    assert forms_of({V.key: replace(V, spec={})}, world.inventory, FABRIC) == {}
    assert forms_of({}, world.inventory, FABRIC) == {}
