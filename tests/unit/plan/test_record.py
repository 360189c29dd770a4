"""The record of a fabric after a pass, and the answers to its requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.model.fabric import ClusterPolicy, Fabric, NetBoxPolicy
from reconciler.model.netbox import Ref
from reconciler.model.netbox_plan import RecordDrift
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import ObjectState, Outcome, PassRecord, SyncState
from reconciler.model.problems import Problem
from reconciler.model.requests import Request, RequestState, Trigger
from reconciler.model.revision import Revision
from reconciler.model.status import (
    Condition,
    ConditionStatus,
    Connection,
    ConnectionState,
    FabricRecord,
    LastPass,
    Unannounced,
)
from reconciler.plan.outcome import Conclusion
from reconciler.plan.record import (
    MAX_STORED_PROBLEMS,
    Seen,
    answer,
    count_states,
    next_record,
    next_record_of_scope,
    unannounced,
)

EARLIER = datetime(2026, 3, 1, 11, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW = Revision("main", "a" * 40), Revision("main", "b" * 40)
FABRIC = Fabric("dc1", "gitops", "main", "fabrics/dc1", cluster=ClusterPolicy(), netbox=NetBoxPolicy("dc1"))

BEFORE = FabricRecord(
    "dc1",
    desired_revision=str(OLD),
    last_attempted_revision=str(OLD),
    applied_revision=str(OLD),
    tree="1" * 40,
    last_sync=EARLIER,
    last_pass=LastPass("p0", Outcome.SUCCEEDED, ("poll",), EARLIER, EARLIER, "Succeeded", "applied"),
    next_poll=NOW + timedelta(minutes=5),
    failures=2,
    conditions=(Condition("Ready", ConditionStatus.TRUE, "Succeeded", "applied", EARLIER),),
    connections={
        "git": Connection(ConnectionState.OK, EARLIER, EARLIER),
        "cluster": Connection(ConnectionState.FAILING, EARLIER, None, "no route"),
    },
    states={"VPC": {SyncState.CHANGED: 1}},
    observed={"VPC": 1},
    drift_since=EARLIER,
    waiting_in_raw=3,
    problems=(Problem("a.yaml", 0, 1, "", "Type", "bad"),),
    problems_total=1,
)


def _done(outcome: Outcome = Outcome.SUCCEEDED, revision: Revision | None = NEW) -> PassRecord:
    return PassRecord(
        id="p1",
        fabric="dc1",
        triggers=(Trigger.PUSH, Trigger.RETRY),
        started=NOW - timedelta(seconds=2),
        finished=NOW,
        outcome=outcome,
        reason="Because",
        message="a sentence",
        revision=str(revision) if revision else None,
    )


def _after(seen: Seen, outcome: Outcome = Outcome.SUCCEEDED, fabric: Fabric = FABRIC) -> FabricRecord:
    conclusion = Conclusion(outcome, "Because", "a sentence")
    return next_record(BEFORE, fabric, _done(outcome, seen.revision), conclusion, seen)


def _states(*states: SyncState, kind: str = "VPC") -> list[ObjectState]:
    return [ObjectState(ObjectKey(kind, "default", f"o{i}"), state) for i, state in enumerate(states)]


WHOLE = Seen(fetched=NEW, revision=NEW, tree="2" * 40, states=[], observed={}, problems=[], waiting_in_raw=0)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.NO_CHANGE])
def test_a_success_moves_the_applied_revision(outcome: Outcome) -> None:
    """After a success the revision that was read is the applied one, and the pass the last success."""
    record = _after(WHOLE, outcome)

    assert (record.applied_revision, record.tree, record.last_sync) == (str(NEW), "2" * 40, NOW)
    assert record.failures == 0


@pytest.mark.parametrize("outcome", [Outcome.PARTIAL, Outcome.BLOCKED, Outcome.FAILED])
def test_anything_else_moves_neither(outcome: Outcome) -> None:
    """What is not a success leaves the applied revision and the last success as they were, and counts."""
    record = _after(WHOLE, outcome)

    assert (record.applied_revision, record.tree, record.last_sync) == (str(OLD), "1" * 40, EARLIER)
    assert record.failures == 3
    assert (record.desired_revision, record.last_attempted_revision) == (str(NEW), str(NEW))


def test_the_last_pass() -> None:
    """The record tells of the pass: when, why and how it ended."""
    assert _after(WHOLE).last_pass == LastPass(
        "p1", Outcome.SUCCEEDED, ("push", "retry"), NOW - timedelta(seconds=2), NOW, "Because", "a sentence"
    )


def test_what_others_write_is_kept() -> None:
    """The poll's time and interval are not a pass's to change."""
    record = _after(WHOLE)

    assert (record.next_poll, record.effective_interval) == (BEFORE.next_poll, BEFORE.effective_interval)


def test_a_fetch_that_failed_keeps_what_is_known() -> None:
    """A pass that could not fetch moves no revision, and leaves every observation as it was."""
    record = _after(Seen(contacts={"git": ("GitUnavailable", "no route")}), Outcome.FAILED)

    kept = ("desired_revision", "last_attempted_revision", "applied_revision", "states", "observed", "problems")
    for name in (*kept, "problems_total", "waiting_in_raw", "drift_since"):
        assert getattr(record, name) == getattr(BEFORE, name), name


def test_an_old_revision_was_read() -> None:
    """Without a fetch the last known revision may be read: it is attempted, and what Git holds now stays unknown."""
    record = _after(Seen(fetched=None, revision=NEW), Outcome.PARTIAL)

    assert (record.desired_revision, record.last_attempted_revision) == (str(OLD), str(NEW))


def test_observations_replace_what_was_known() -> None:
    """Counts, problems and waiting files are those of the pass, whatever its outcome."""
    problem = Problem("b.yaml", 0, 7, "spec", "Type", "bad")
    seen = replace(
        WHOLE,
        states=_states(SyncState.IN_SYNC, SyncState.IN_SYNC, SyncState.FAILED),
        observed={"VPC": 2},
        problems=[problem],
        waiting_in_raw=1,
    )

    record = _after(seen, Outcome.PARTIAL)

    assert record.states == {"VPC": {SyncState.IN_SYNC: 2, SyncState.FAILED: 1}}
    assert record.observed == {"VPC": 2}
    assert (record.problems, record.problems_total, record.waiting_in_raw) == ((problem,), 1, 1)


def test_problems_are_bounded() -> None:
    """A record keeps the first problems and counts them all."""
    problems = [Problem("a.yaml", number, 1, "", "Type", "bad") for number in range(MAX_STORED_PROBLEMS + 5)]

    record = _after(replace(WHOLE, problems=problems), Outcome.PARTIAL)

    assert record.problems == tuple(problems[:MAX_STORED_PROBLEMS])
    assert record.problems_total == MAX_STORED_PROBLEMS + 5


@pytest.mark.parametrize(
    ("before", "states", "expected"),
    [
        pytest.param(None, [SyncState.CHANGED], NOW, id="begins"),
        pytest.param(EARLIER, [SyncState.CHANGED, SyncState.IN_SYNC], EARLIER, id="goes on"),
        pytest.param(EARLIER, [SyncState.IN_SYNC], None, id="ends"),
        pytest.param(None, [SyncState.DESIRED_ONLY], NOW, id="an absent object is drift too"),
    ],
)
def test_drift(before: datetime | None, states: list[SyncState], expected: datetime | None) -> None:
    """Drift is dated by the pass that first saw it, until one sees none."""
    record = replace(BEFORE, drift_since=before)
    seen = replace(WHOLE, states=_states(*states))

    after = next_record(record, FABRIC, _done(), Conclusion(Outcome.SUCCEEDED, "Because", "m"), seen)

    assert after.drift_since == expected


def test_what_git_changed_is_no_drift() -> None:
    """Of five objects that differ, three do because a change of Git waits for an approval or a pass."""
    reasons = ["ApprovalRequired", "PlanChanged", "Pending", "Drift", "Rewritten"]
    states = [
        replace(state, reason=reason) for state, reason in zip(_states(*[SyncState.CHANGED] * 5), reasons, strict=True)
    ]

    after = _after(replace(WHOLE, states=(*states, *_states(SyncState.IN_SYNC))), Outcome.BLOCKED)

    assert (after.differing(), after.not_applied, after.drift(), after.drift_since) == (5, 3, 2, EARLIER)


def test_a_change_of_git_does_not_date_drift() -> None:
    """Nobody touched the cluster."""
    states = [replace(state, reason="ApprovalRequired") for state in _states(SyncState.DESIRED_ONLY)]

    assert _after(replace(WHOLE, states=states), Outcome.BLOCKED).drift_since is None


def test_connections() -> None:
    """Those that the pass spoke to are as it found them; the others stay."""
    contacts: dict[str, Any] = {"git": ("GitUnavailable", "timed out"), "netbox": None}

    connections = _after(Seen(contacts=contacts), Outcome.FAILED).connections

    assert connections["git"] == Connection(ConnectionState.FAILING, NOW, EARLIER, "timed out")
    assert connections["cluster"] == BEFORE.connections["cluster"]
    assert connections["netbox"] == Connection(ConnectionState.OK, NOW, NOW)


def test_conditions() -> None:
    """The conditions are those of the pass; one that did not turn keeps its time."""
    record = _after(replace(WHOLE, contacts={"git": None}, blocks=[("TooManyDeletes", "11 deletes")]))

    conditions = {condition.type: condition for condition in record.conditions}
    assert conditions["Ready"] == Condition("Ready", ConditionStatus.TRUE, "Because", "a sentence", EARLIER)
    assert conditions["GitReady"].last_transition_time == NOW
    assert (conditions["PruneBlocked"].status, conditions["PruneBlocked"].message) == ("True", "11 deletes")


def test_a_simulated_target_is_named() -> None:
    """A fabric with an embedded store says so in its Ready message."""
    record = _after(WHOLE, fabric=replace(FABRIC, simulated=("cluster",)))

    assert record.conditions[0].message == "simulated: a sentence"


EDITED = RecordDrift(Ref("dcim/devices", "dc1/Switch/leaf-01"), "leaf-01")


def test_what_others_made_of_netbox_is_drift() -> None:
    """A pass over some objects moves it too, with since when; one that did not see NetBox leaves it as it is known."""
    done = _done(Outcome.SUCCEEDED)
    synced = replace(BEFORE, states={}, drift_since=None)

    drifted = next_record_of_scope(synced, done, Seen(netbox_drift=[EDITED]))
    blind = next_record_of_scope(drifted, done, Seen())
    healed = next_record_of_scope(blind, done, Seen(netbox_drift=[]))

    assert (drifted.drift(), drifted.differing(), drifted.drift_since) == (1, 0, done.finished)
    assert drifted.netbox_drifted == ("device leaf-01, dc1/Switch/leaf-01: it was deleted from NetBox",)
    assert blind == drifted
    assert healed == synced


def test_only_the_first_are_named() -> None:
    """However many records were edited, all are counted."""
    found = next_record_of_scope(BEFORE, _done(Outcome.SUCCEEDED), Seen(netbox_drift=[EDITED] * 150))

    assert (found.netbox_drift, len(found.netbox_drifted)) == (150, 100)


LOST = replace(
    BEFORE,
    netbox_retained=3,
    netbox_drift=1,
    netbox_drifted=("a line",),
    connections={
        name: Connection(ConnectionState.FAILING, EARLIER, None, "no route") for name in ("git", "cluster", "netbox")
    },
    conditions=tuple(
        Condition(kind, ConditionStatus.FALSE, "Unavailable", "no route", EARLIER)
        for kind in ("GitReady", "ClusterReady", "NetBoxReady")
    ),
)


@pytest.mark.parametrize(
    ("change", "gone", "states"),
    [
        pytest.param({}, set(), {"VPC": {SyncState.CHANGED: 1}}, id="both are still configured"),
        pytest.param({"cluster": None}, {"cluster"}, {}, id="the cluster is gone"),
        pytest.param({"netbox": None}, {"netbox"}, {"VPC": {SyncState.CHANGED: 1}}, id="NetBox is gone"),
    ],
)
def test_a_target_that_is_no_longer_configured(change: dict[str, Any], gone: set[str], states: dict[str, Any]) -> None:
    """What was known of a target that the configuration took away is forgotten: no pass would ever correct it."""
    seen = Seen(fetched=NEW, revision=NEW, contacts={"git": None})
    done = _done(Outcome.NO_CHANGE)

    record = next_record(LOST, replace(FABRIC, **change), done, Conclusion(done.outcome, "NoChange", "m"), seen)

    assert record.connections.keys() == {"git", "cluster", "netbox"} - gone
    kinds = {condition.type for condition in record.conditions}
    assert kinds & {"ClusterReady", "NetBoxReady"} == {
        {"cluster": "ClusterReady", "netbox": "NetBoxReady"}[name] for name in {"cluster", "netbox"} - gone
    }
    assert record.states == states
    assert (record.netbox_retained, record.netbox_drift) == ((0, 0) if "netbox" in gone else (3, 1))
    assert record.netbox_drifted == (() if "netbox" in gone else ("a line",))
    # whichever of the two is gone, the other one's drift is left
    assert (record.observed, record.drift_since) == ({"VPC": 1} if states else {}, EARLIER)


def test_no_target_has_no_drift() -> None:
    """Where neither is configured any more, nothing has drifted since."""
    seen, done = Seen(fetched=NEW, revision=NEW, contacts={"git": None}), _done(Outcome.NO_CHANGE)
    bare = replace(FABRIC, cluster=None, netbox=None)

    assert next_record(LOST, bare, done, Conclusion(done.outcome, "NoChange", "m"), seen).drift_since is None


@pytest.mark.parametrize(
    ("triggers", "known", "found", "is_unannounced"),
    [
        pytest.param([Trigger.POLL], OLD, NEW, True, id="a poll finds a commit"),
        pytest.param([Trigger.RETRY, Trigger.POLL], OLD, NEW, True, id="a poll that joined a retry"),
        pytest.param([Trigger.RETRY], OLD, NEW, False, id="a retry, which may be one of a push"),
        pytest.param([Trigger.POLL, Trigger.PUSH], OLD, NEW, False, id="a push joined the poll"),
        pytest.param([Trigger.POLL, Trigger.REQUEST], OLD, NEW, False, id="somebody asked before the poll came"),
        pytest.param([Trigger.STARTUP], OLD, NEW, False, id="pushed while the service was down"),
        pytest.param([Trigger.POLL], NEW, NEW, False, id="what was known"),
        pytest.param([Trigger.POLL], None, NEW, False, id="the first look"),
        pytest.param([Trigger.POLL], OLD, None, False, id="nothing was fetched"),
    ],
)
def test_what_only_a_poll_found(
    triggers: list[Trigger],
    known: Revision | None,
    found: Revision | None,
    is_unannounced: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A new tip is unannounced when a poll found it that nothing but time had look, and another one was known."""
    before = replace(BEFORE, desired_revision=str(known) if known else None)
    after = replace(BEFORE, desired_revision=str(found) if found else None)

    expected = Unannounced("gitops", str(NEW)) if is_unannounced else None
    assert unannounced(before, after, triggers, "gitops") == expected


def test_count_states() -> None:
    """Objects are counted by kind and state; a state that no object has is not counted as 0."""
    states = _states(SyncState.IN_SYNC, SyncState.FAILED, SyncState.IN_SYNC) + _states(SyncState.WAITING, kind="Switch")

    assert count_states(states) == {
        "VPC": {SyncState.IN_SYNC: 2, SyncState.FAILED: 1},
        "Switch": {SyncState.WAITING: 1},
    }
    assert count_states([]) == {}


@pytest.mark.parametrize(
    ("commit", "outcome", "contained", "state", "reason"),
    [
        pytest.param(None, Outcome.SUCCEEDED, False, "succeeded", "Because", id="a poll of a success"),
        pytest.param(None, Outcome.NO_CHANGE, False, "succeeded", "Because", id="nothing to do is a success"),
        pytest.param(None, Outcome.PARTIAL, False, "failed", "Because", id="partial is a failure"),
        pytest.param(None, Outcome.BLOCKED, False, "failed", "Because", id="so is blocked"),
        pytest.param("b" * 40, Outcome.SUCCEEDED, True, "succeeded", "Because", id="a push that is applied"),
        pytest.param("c" * 40, Outcome.SUCCEEDED, False, "failed", "CommitNotApplied", id="a push that is not"),
        pytest.param("c" * 40, Outcome.FAILED, False, "failed", "Because", id="a push of a failure"),
    ],
)
def test_answers(commit: str | None, outcome: Outcome, contained: bool, state: str, reason: str) -> None:  # noqa: FBT001 - a column of the table
    """A request ends as its pass did; a push succeeds only when what it announced is part of what was applied."""
    request = Request("r1", "dc1", Trigger.PUSH, EARLIER, commit=commit, revision="announced")
    included = frozenset({commit}) if contained and commit else frozenset[str]()

    answered = answer(request, _done(outcome), included, {})

    assert (answered.state, answered.reason) == (RequestState(state), reason)
    assert (answered.outcome, answered.pass_id, answered.revision) == (outcome.value, "p1", str(NEW))


@pytest.mark.parametrize(
    ("outcome", "revision", "lost", "message"),
    [
        pytest.param(Outcome.SUCCEEDED, NEW, {}, f"part of {NEW}", id="a success"),
        pytest.param(Outcome.SUCCEEDED, NEW, {"c" * 40: "why"}, f"part of {NEW}: why", id="with the reason"),
        pytest.param(Outcome.PARTIAL, NEW, {"c" * 40: "why"}, f"part of {NEW}: why", id="whatever else went wrong"),
        pytest.param(Outcome.FAILED, None, {"c" * 40: "why"}, "served: why", id="without any revision"),
    ],
)
def test_a_commit_that_is_missing_is_named(
    outcome: Outcome, revision: Revision | None, lost: dict[str, str], message: str
) -> None:
    """The message of a push that was not applied names its commit, the revision that was, and why."""
    request = Request("r1", "dc1", Trigger.PUSH, EARLIER, commit="c" * 40)
    done = replace(_done(outcome), revision=str(revision) if revision else None)

    answered = answer(request, done, frozenset(), lost)

    assert (answered.state, answered.reason) == (RequestState.FAILED, "CommitNotApplied")
    assert answered.message == f"the announced commit {'c' * 40} is not {message}"
