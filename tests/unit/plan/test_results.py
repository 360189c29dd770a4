"""What is said and remembered of objects with two actions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterUnavailableError, ObjectRejectedError
from reconciler.model.passes import SyncState
from reconciler.model.plan import Halfway
from reconciler.plan.inventory import before_replacing, new_inventory
from reconciler.plan.results import by_action, combine
from tests.unit.plan.world import NOW, REVISION, World, desired, manifest

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import ClusterPlan, Result

OLD = manifest("Connection", "c", {"unbundled": {"link": {"switch": {"port": "l/E1/1"}}}})
NEW = manifest("Connection", "c", {"bundled": {"links": [{"switch": {"port": "l/E1/1"}}]}})
SMALL = manifest("VLANNamespace", "n", {"ranges": [{"from": 1, "to": 1}]})
OTHER = manifest("VLANNamespace", "n", {"ranges": [{"from": 2, "to": 2}]})
ERROR = ObjectRejectedError("no")


class Twice(World):
    """A connection that is made anew and a namespace that is written twice; `results` are those of the pass."""

    def __init__(self) -> None:
        super().__init__()
        self.reconcile(desired(OLD, SMALL))
        self.wanted = desired(NEW, OTHER)
        self.pending = self.plan(self.wanted)

    def after(self, results: dict[ObjectKey, Result]) -> dict[ObjectKey, InventoryEntry]:
        return new_inventory(self.inventory, self.pending, results, REVISION, NOW)

    def grown(self) -> Resource:
        first = next(action for action in self.pending.actions if action.key == SMALL.key)
        return self.do([first])[SMALL.key]  # type: ignore[return-value]


@pytest.fixture
def world() -> Twice:
    return Twice()


def test_both_have_two_actions(world: Twice) -> None:
    """Of which one deletes."""
    assert world.pending.twice == {NEW.key, OTHER.key}
    assert world.pending.replaced == {NEW.key}


def test_results_are_put_together() -> None:
    """The first success is half of it; the first failure is all of it."""
    twice, done = {OLD.key}, Halfway(None)

    assert combine({}, OLD.key, None, frozenset()) is None
    assert combine({}, OLD.key, None, twice) == done
    assert combine({}, OLD.key, ERROR, twice) is ERROR
    assert combine({OLD.key: ERROR}, OLD.key, ERROR, twice) is ERROR
    assert combine({OLD.key: done}, OLD.key, ERROR, twice) == Halfway(None, ERROR)
    assert combine({OLD.key: done}, OLD.key, None, twice) is None


def _told(plan: ClusterPlan, results: dict[ObjectKey, Result]) -> list[tuple[str, object]]:
    return [(type(action).__name__, result) for action, result in by_action(plan, results) if action.key == OLD.key]


def test_results_are_told_by_action(world: Twice) -> None:
    """Of each that was reached."""
    (made,) = [one for one in world.live().values() if one.key == OLD.key]

    assert _told(world.pending, {}) == []
    assert _told(world.pending, {OLD.key: made}) == [("Delete", None), ("Create", made)]
    assert _told(world.pending, {OLD.key: ERROR}) == [("Delete", ERROR), ("Create", ERROR)]
    assert _told(world.pending, {OLD.key: Halfway(None)}) == [("Delete", None)]
    assert _told(world.pending, {OLD.key: Halfway(None, ERROR)}) == [("Delete", None), ("Create", ERROR)]


STATES = [
    (None, SyncState.CHANGED, "Pending", "its type cannot"),
    (ERROR, SyncState.FAILED, "Rejected", "no"),
    (Halfway(None), SyncState.DESIRED_ONLY, "Pending", "its type cannot"),
    (Halfway(None, ERROR), SyncState.FAILED, "Rejected", "it was deleted to be made anew, and is not there now: no"),
]


@pytest.mark.parametrize(("result", "state", "reason", "message"), STATES)
def test_the_state_of_what_is_made_anew(
    world: Twice, result: Result, state: SyncState, reason: str, message: str
) -> None:
    """Untried, not deleted, deleted, and deleted and refused."""
    found = world.states(world.wanted, {} if result is None else {OLD.key: result})["Connection/c"]

    assert (found.state, found.reason) == (state, reason)
    assert (found.message or "").startswith(message)


@pytest.mark.parametrize(
    ("error", "state", "reason"), [(None, SyncState.CHANGED, "Pending"), (ERROR, SyncState.FAILED, "Rejected")]
)
def test_the_state_of_a_namespace_that_only_grew(
    world: Twice, error: ObjectRejectedError | None, state: SyncState, reason: str
) -> None:
    """It is not as Git declares it."""
    found = world.states(world.wanted, {SMALL.key: Halfway(world.live()[SMALL.key], error)})["VLANNamespace/n"]

    assert (found.state, found.reason, found.message == "no") == (state, reason, error is not None)


def test_the_inventory_after_half_of_it(world: Twice) -> None:
    """What was deleted is owed until it is there again; what grew is ours as it was applied."""
    found = world.after({OLD.key: Halfway(None, ERROR), SMALL.key: Halfway(world.grown(), ERROR)})

    assert (found[OLD.key].digest, found[OLD.key].is_replaced) == (None, True)
    assert not found[SMALL.key].is_replaced
    assert found[SMALL.key].digest not in {world.inventory[SMALL.key].digest, None}
    assert found[SMALL.key].revision == str(REVISION)


def test_a_delete_without_an_answer_may_have_been_done(world: Twice) -> None:
    """The object stays ours; that it is missing would be our own doing, and no drift."""
    found = world.after({OLD.key: ClusterUnavailableError("no answer")})

    assert found[OLD.key].uid == world.inventory[OLD.key].uid
    assert found[OLD.key].digest is None


def test_what_is_stored_before_a_replacement(world: Twice) -> None:
    """Only what is made anew is marked, and nothing at all where nothing is."""
    found = before_replacing(world.inventory, world.pending)

    assert found is not None
    assert [one.key for one in found.values() if one.digest is None and one.is_replaced] == [OLD.key]
    assert before_replacing(world.inventory, world.plan(desired(OLD, OTHER))) is None


def test_an_object_that_is_still_being_deleted(world: Twice) -> None:
    """Something holds it back: it is created again when it is gone, with self_heal or without."""
    dying = replace(world.live()[OLD.key], is_deleting=True)

    assert world.after({OLD.key: dying})[OLD.key].digest is None
    assert world.after({OLD.key: dying})[OLD.key].is_replaced
    assert world.after({SMALL.key: replace(world.live()[SMALL.key], is_deleting=True)})[SMALL.key].digest is not None
