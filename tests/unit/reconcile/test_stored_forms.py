"""Passes over objects that the server stores in a form that no rule knows: applied once, and then left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, ObjectRejectedError, StoppedError
from reconciler.model.fabric import ClusterPolicy
from reconciler.model.passes import Outcome, SyncState
from reconciler.reconcile import Previewer, Subject, asking
from reconciler.targets.local.faults import Call
from tests.unit.reconcile.rig import FABRIC, Rig, manifests, with_spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.errors import ReconcilerError
    from reconciler.model.json import JSONObject
    from reconciler.reconcile import Preview

PLAIN = manifests()
SERVERS = [one for one in PLAIN if one.key.kind == "Server"]
KEY = SERVERS[0].key
SUBJECT = str(KEY)
MANIFESTS = with_spec(PLAIN, KEY, {"description": "Rack One"})
BODY = next(one for one in MANIFESTS if one.key == KEY).body("dc1")


def _lowered(body: JSONObject) -> JSONObject:
    """Admission that stores one object's description in lower case."""
    if body["metadata"]["name"] != KEY.name:
        return body
    return {**body, "spec": {**body["spec"], "description": body["spec"]["description"].lower()}}


def _asked(rig: Rig) -> list[str]:
    return [call.subject for call in rig.cluster.calls if call.verb == "dry_run"]


def _description(rig: Rig) -> object:
    return next(one.spec.get("description") for one in rig.local.list(KEY.resource_kind) if one.key == KEY)


def _pretend(rig: Rig, description: str) -> None:
    """Somebody applies in our name."""
    rig.local.apply({**BODY, "spec": {"description": description}})


def _made(tmp_path: Path, policy: ClusterPolicy) -> Rig:
    rig = Rig(tmp_path, replace(FABRIC, cluster=policy))
    rig.local.admit(_lowered)
    rig.source.push(MANIFESTS)
    rig.run()
    return rig


@pytest.fixture
def rewritten(tmp_path: Path) -> Iterator[Rig]:
    """One pass applied everything; one object is stored in another form."""
    rig = _made(tmp_path, ClusterPolicy(prune=True))
    yield rig
    rig.store.close()


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[Rig]:
    """The same, where drift is not healed."""
    rig = _made(tmp_path, ClusterPolicy(self_heal=False))
    yield rig
    rig.store.close()


def test_one_apply_is_enough(rewritten: Rig) -> None:
    """Its answer is the proof: in sync, without a reason, and a second full pass sends nothing and asks nothing."""
    assert _description(rewritten) == "rack one"
    assert rewritten.last.outcome is Outcome.SUCCEEDED
    before = rewritten.writes()

    rewritten.run()

    state = rewritten.states()[SUBJECT]
    assert (state.state, state.reason, state.message) == (SyncState.IN_SYNC, None, None)
    assert rewritten.last.outcome is Outcome.SUCCEEDED
    assert rewritten.writes() == before
    assert _asked(rewritten) == []


def test_a_real_edit_is_healed_without_asking(rewritten: Rig) -> None:
    """Another manager's value in the very field: found, put back, and then in sync again."""
    rewritten.local.edit(KEY, {"spec": {"description": "Mine"}}, "kubectl-edit")

    rewritten.run_scoped(KEY)
    before = rewritten.writes()
    rewritten.run()

    assert _description(rewritten) == "rack one"
    assert rewritten.states()[SUBJECT].state is SyncState.IN_SYNC
    assert (rewritten.writes(), _asked(rewritten)) == (before, [])


def test_a_change_in_our_name_is_healed(rewritten: Rig) -> None:
    """The server says that an apply would change it: one question, one apply, and nothing in the pass after."""
    _pretend(rewritten, "Mine")

    rewritten.run()
    before = rewritten.writes()
    rewritten.run()

    assert _description(rewritten) == "rack one"
    assert _asked(rewritten) == [SUBJECT]
    assert rewritten.writes() == before


def test_a_change_in_our_name_is_reported(reporting: Rig) -> None:
    """Where nothing is healed it stays drift, and the server is asked once, not by each pass."""
    _pretend(reporting, "Mine")

    reporting.run()
    reporting.run()

    state = reporting.states()[SUBJECT]
    assert (state.state, state.reason) == (SyncState.CHANGED, "Drift")
    assert [(one.path, one.observed) for one in state.differences] == [(".spec.description", "mine")]
    assert _asked(reporting) == [SUBJECT]


@pytest.mark.parametrize("name", ["rewritten", "reporting"])
def test_a_lost_state_is_made_good_without_a_write(name: str, request: pytest.FixtureRequest) -> None:
    """By the marks the objects are ours; the server is asked about the one that differs, and by one pass alone."""
    rig: Rig = request.getfixturevalue(name)
    rig.store.remember("dc1", {})
    writes = len(rig.cluster.writes)

    rig.run()
    rig.run()

    assert rig.states()[SUBJECT].state is SyncState.IN_SYNC
    assert (len(rig.cluster.writes), _asked(rig)) == (writes, [SUBJECT])


def test_a_generation_that_moved_is_asked_about_once(rewritten: Rig) -> None:
    """Somebody writes a field that Git does not declare: nothing of ours is drift, and nothing is sent."""
    rewritten.local.edit(KEY, {"spec": {"profile": "x"}}, "controller")
    writes = len(rewritten.cluster.writes)

    rewritten.run()
    rewritten.run()

    assert rewritten.states()[SUBJECT].state is SyncState.IN_SYNC
    assert (len(rewritten.cluster.writes), _asked(rewritten)) == (writes, [SUBJECT])


def _preview(rig: Rig) -> Preview:
    subject = Subject(rig.fabric, rig.source, rig.cluster, rig.netbox)
    return Previewer({"dc1": subject}.get, rig.store, rig.clock, rig.stop).preview("dc1")


def test_a_preview_asks_as_a_pass_would(rewritten: Rig) -> None:
    """It shows the plan that a pass would make, and writes nothing for it."""
    rewritten.store.remember("dc1", {})
    writes = rewritten.writes()

    found = _preview(rewritten)

    assert found.plan is not None
    assert (found.plan.actions, len(found.plan.unchanged)) == ((), len(MANIFESTS))
    assert (rewritten.writes(), _asked(rewritten)) == (writes, [SUBJECT])


def test_what_the_pass_leaves_is_known_to_the_watch(rewritten: Rig) -> None:
    """An object in the server's form need not be looked at for every touch."""
    known = rewritten.known[-1]

    assert known is not None
    assert known.forms.keys() == {KEY}
    assert KEY not in known.unsettled


@pytest.mark.parametrize(
    "error", [ObjectRejectedError("VLANs are used"), ClusterUnavailableError("away"), ClusterAccessError("forbidden")]
)
def test_without_an_answer_it_is_a_difference(reporting: Rig, error: ReconcilerError) -> None:
    """The pass goes on, says what it sees, and the next one asks again."""
    _pretend(reporting, "Rack Two")
    reporting.cluster.fail("dry_run", error)

    reporting.run()
    seen = reporting.states()[SUBJECT].state
    reporting.run()

    assert seen is SyncState.CHANGED
    assert _asked(reporting) == [SUBJECT, SUBJECT]


def test_a_cluster_that_is_away_is_asked_no_further(reporting: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first answer of that kind: each question would cost a time-out."""
    monkeypatch.setattr(asking, "CONCURRENCY", 1)
    for server in SERVERS:
        reporting.local.apply({**server.body("dc1"), "spec": {"description": "x"}})
    reporting.store.remember("dc1", {})
    reporting.cluster.fail("dry_run", ClusterUnavailableError("away"))

    reporting.run()

    assert len(SERVERS) > 1
    assert len(_asked(reporting)) == 1


def test_questions_are_bounded(reporting: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pass leaves, the next ones ask."""
    monkeypatch.setattr(asking, "MAX_QUESTIONS", 1)
    for server in SERVERS:
        reporting.local.apply({**server.body("dc1"), "spec": {**server.spec, "description": "x"}})

    for _ in SERVERS:
        reporting.run()

    assert sorted(_asked(reporting)) == sorted(str(one.key) for one in SERVERS)


def test_an_object_that_was_made_anew_meanwhile(reporting: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is about another one, and counts for nothing."""
    _pretend(reporting, "Mine")
    answer = replace(reporting.local.dry_run(BODY), uid="another")
    monkeypatch.setattr(reporting.local, "dry_run", lambda _: answer)

    reporting.run()
    reporting.run()

    assert _asked(reporting) == [SUBJECT, SUBJECT]


def test_a_service_that_stops_asks_no_more(rewritten: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pass ends between two questions, and has no end to be stored."""
    _pretend(rewritten, "Mine")
    done = len(rewritten.passes)
    rewritten.cluster.fail("dry_run", StoppedError("the service is stopping"))

    rewritten.run()

    assert len(rewritten.passes) == done
    assert rewritten.cluster.calls[-1] == Call("dry_run", SUBJECT)
