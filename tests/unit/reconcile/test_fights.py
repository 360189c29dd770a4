"""Two writers fight over one object, in simulated time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.passes import Outcome, SyncState
from reconciler.model.requests import Trigger, Work
from reconciler.model.status import SyncStatus
from reconciler.queue import Taken
from tests.unit.reconcile.rig import Rig, manifests, with_spec

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.queue import Next
    from reconciler.reconcile import PassRunner

MANIFESTS = manifests()
(SERVER, *_) = [one.key for one in MANIFESTS if one.key.kind == "Server"]
OTHER = "other-controller"


class Fight:
    """The service on one side, and a controller that changes a server back on the other."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.runner: PassRunner = rig.runner()
        rig.source.push(MANIFESTS)
        self.run(Trigger.STARTUP)
        assert rig.last.outcome is Outcome.SUCCEEDED, rig.last.message

    def change_back(self, number: int = 0) -> None:
        self.rig.local.edit(SERVER, {"spec": {"description": f"mine {number}"}}, OTHER)

    def run(self, trigger: Trigger, *scope: ObjectKey) -> Next:
        request = () if scope or trigger is Trigger.RETRY else (self.rig.request(trigger).id,)
        return self.runner.run(
            Taken(self.rig.fabric.name, Work((trigger,), request, frozenset(scope) if scope else None), 0.0)
        )

    def round(self, seconds: float, number: int = 0) -> bool:
        """The other one changes the object, `seconds` after the round before; whether it was healed."""
        self.rig.clock.seconds += seconds
        self.change_back(number)
        before = len(self.rig.cluster.writes)
        self.run(Trigger.WATCH, SERVER)
        return len(self.rig.cluster.writes) > before

    def live(self) -> list[Resource]:
        """The server as the cluster holds it; empty when it does not."""
        return [one for one in self.rig.local.list(SERVER.resource_kind) if one.key == SERVER]

    def description(self) -> str:
        (live,) = self.live()
        return str(live.spec["description"])


@pytest.fixture
def fight(rig: Rig) -> Fight:
    return Fight(rig)


def test_the_sixth_reversal_within_a_minute_is_not_made(fight: Fight) -> None:
    """Five are; then the object is left as the other one wants it, nothing more is written, and the status names
    object and opponent.
    """
    rig = fight.rig
    assert [fight.round(5.0, number) for number in range(7)] == [True] * 5 + [False] * 2
    assert fight.description() == "mine 6"

    fight.run(Trigger.RETRY)

    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "Fighting")
    assert OTHER in rig.last.message
    assert rig.condition("Fighting") == ("True", "ReversalsExceeded")
    state = rig.states()[str(SERVER)]
    assert (state.state, state.reason) == (SyncState.CHANGED, "Fighting")
    assert [(one.path, one.manager) for one in state.differences] == [(".spec.description", OTHER)]
    assert (rig.verdict.status, rig.verdict.reason) == (SyncStatus.ERROR, "Fighting")


def test_slow_changes_are_no_fight(fight: Fight) -> None:
    """Whoever changes an object five times a minute for ever is set right each time."""
    assert all(fight.round(15.0, number) for number in range(20))


def test_a_deletion_is_a_reversal_too(fight: Fight) -> None:
    """An object that somebody deletes again and again is not created a sixth time."""
    rig = fight.rig
    created = []
    for _ in range(7):
        for live in fight.live():
            rig.local.delete(live)
        fight.run(Trigger.WATCH, SERVER)
        created.append(bool(fight.live()))

    assert created == [True] * 5 + [False] * 2
    assert rig.states()[str(SERVER)].state is SyncState.DESIRED_ONLY
    assert rig.states()[str(SERVER)].reason == "Fighting"


def test_git_ends_a_fight(fight: Fight) -> None:
    """A commit that declares the object otherwise is applied, and the condition says so; one that leaves it as it is
    does not end the fight.
    """
    rig = fight.rig
    for number in range(6):
        fight.round(5.0, number)

    rig.source.push(MANIFESTS)
    fight.run(Trigger.PUSH)
    assert fight.description() == "mine 5"
    rig.source.push(with_spec(MANIFESTS, SERVER, {"description": "as agreed"}))
    fight.run(Trigger.PUSH)

    assert fight.description() == "as agreed"
    assert rig.last.outcome is Outcome.SUCCEEDED
    assert rig.condition("Fighting") == ("False", "NoFight")


@pytest.mark.parametrize("trigger", [Trigger.REQUEST, Trigger.FILE])
def test_a_person_ends_a_fight(fight: Fight, trigger: Trigger) -> None:
    """Who asks for a pass, or changes the configuration, wants it tried again; polls do not."""
    for number in range(6):
        fight.round(5.0, number)
    fight.run(Trigger.POLL)
    assert fight.description() == "mine 5"

    fight.run(trigger)

    assert fight.description() != "mine 5"
    assert fight.rig.last.outcome is Outcome.SUCCEEDED
    assert fight.round(5.0)


def test_who_gives_in_ends_a_fight(fight: Fight) -> None:
    """When the other one restores what Git declares, the fabric is in line again."""
    declared = fight.description()
    for number in range(6):
        fight.round(5.0, number)
    fight.rig.local.edit(SERVER, {"spec": {"description": declared}}, OTHER)

    fight.run(Trigger.POLL)

    assert fight.rig.last.outcome is Outcome.SUCCEEDED
    assert fight.rig.condition("Fighting") == ("False", "NoFight")
