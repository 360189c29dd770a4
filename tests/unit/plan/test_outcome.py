"""The outcome, conditions and connections that follow from what a pass found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model.passes import Failure, Outcome, Phase
from reconciler.model.problems import NO_DIRECTORY, Problem, file_problem
from reconciler.model.status import Condition, ConditionStatus, Connection, ConnectionState
from reconciler.plan.conditions import Contact, after_pass, connect, merge
from reconciler.plan.outcome import Conclusion, Findings, conclude

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GIT_DOWN = Failure(Phase.FETCH, "git", "GitUnavailable", "no route to host", is_retryable=True, is_whole=True)
DENIED = Failure(Phase.OBSERVE, "cluster", "ClusterAccessDenied", "forbidden", is_whole=True)
REJECTED = Failure(Phase.APPLY, "VPC/vpc-1", "Rejected", "subnet is wrong")
LOST = Failure(Phase.APPLY, "VPC/vpc-2", "ClusterUnavailable", "timed out", is_retryable=True)
REFUSED = Problem("a/b.yaml", 0, 7, "spec", "DuplicateKey", "key 'spec' twice")
ABSENT = file_problem("a/dc1", NO_DIRECTORY, "there is none")
TOO_MANY = ("TooManyDeletes", "11 deletes, 10 are allowed")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param(
            Findings("r", [GIT_DOWN]),
            Conclusion(Outcome.FAILED, "GitUnavailable", "git: no route to host", is_retryable=True),
            id="a whole phase",
        ),
        pytest.param(
            Findings("r", [DENIED]),
            Conclusion(Outcome.FAILED, "ClusterAccessDenied", "cluster: forbidden"),
            id="denied stalls",
        ),
        pytest.param(
            Findings("r", [REJECTED, DENIED, GIT_DOWN], [REFUSED], [TOO_MANY]),
            Conclusion(
                Outcome.FAILED, "ClusterAccessDenied", "cluster: forbidden; git: no route to host", is_retryable=True
            ),
            id="failed before everything",
        ),
        pytest.param(
            Findings("r", [REJECTED]),
            Conclusion(Outcome.PARTIAL, "Rejected", "VPC/vpc-1: subnet is wrong"),
            id="one object",
        ),
        pytest.param(
            Findings("r", [REJECTED], counts={"deleted": 1}),
            Conclusion(Outcome.PARTIAL, "Rejected", "VPC/vpc-1: subnet is wrong", is_retryable=True),
            id="one object, and its place may be free by now",
        ),
        pytest.param(
            Findings("r", [LOST]),
            Conclusion(Outcome.PARTIAL, "ClusterUnavailable", "VPC/vpc-2: timed out", is_retryable=True),
            id="one object, worth another try",
        ),
        pytest.param(
            Findings("r", [REJECTED], [REFUSED], [TOO_MANY]),
            Conclusion(
                Outcome.PARTIAL,
                "DocumentsRefused",
                "a/b.yaml:7: key 'spec' twice; VPC/vpc-1: subnet is wrong; 11 deletes, 10 are allowed",
            ),
            id="partial before blocked",
        ),
        pytest.param(
            Findings("r", refusals=[ABSENT], blocks=[TOO_MANY]),
            Conclusion(Outcome.PARTIAL, "PathNotFound", "a/dc1: there is none; 11 deletes, 10 are allowed"),
            id="no document is refused where there is no directory",
        ),
        pytest.param(
            Findings("r", [REJECTED] * 5),
            Conclusion(Outcome.PARTIAL, "Rejected", "; ".join(["VPC/vpc-1: subnet is wrong"] * 3) + ", and 2 more"),
            id="the first are named, the rest counted",
        ),
        pytest.param(Findings("r", blocks=[TOO_MANY]), Conclusion(Outcome.BLOCKED, *TOO_MANY), id="a guard tripped"),
        pytest.param(
            Findings("r"), Conclusion(Outcome.SUCCEEDED, "Succeeded", "applied r: nothing to change"), id="nothing"
        ),
        pytest.param(
            Findings("r", counts={"created": 2, "netbox_deleted": 1, "unchanged": 9}),
            Conclusion(Outcome.SUCCEEDED, "Succeeded", "applied r: 2 created, 1 deleted from NetBox"),
            id="what was done is said",
        ),
    ],
)
def test_conclude(findings: Findings, expected: Conclusion) -> None:
    """The gravest finding decides; the message names what and where."""
    assert conclude(findings) == expected


SUCCESS = Conclusion(Outcome.SUCCEEDED, "Succeeded", "applied r")


def _statuses(conditions: tuple[Condition, ...]) -> dict[str, str]:
    return {condition.type: condition.status.value for condition in conditions}


@pytest.mark.parametrize(
    ("conclusion", "expected"),
    [
        pytest.param(SUCCESS, {"Ready": "True", "Reconciling": "False", "Stalled": "False"}, id="success"),
        pytest.param(
            Conclusion(Outcome.FAILED, "GitUnavailable", "m", is_retryable=True),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False"},
            id="will retry",
        ),
        pytest.param(
            Conclusion(Outcome.PARTIAL, "DocumentsRefused", "m"),
            {"Ready": "False", "Reconciling": "False", "Stalled": "True"},
            id="stalls",
        ),
        pytest.param(
            Conclusion(Outcome.BLOCKED, "ApprovalRequired", "m"),
            {"Ready": "False", "Reconciling": "False", "Stalled": "True"},
            id="waits for somebody",
        ),
        pytest.param(
            Conclusion(Outcome.FAILED, "BranchNotFound", "m"),
            {"Ready": "False", "Reconciling": "True", "Stalled": "False", "BranchNotFound": "True"},
            id="no branch is polled for",
        ),
    ],
)
def test_ready_reconciling_stalled(conclusion: Conclusion, expected: dict[str, str]) -> None:
    """Exactly one of the three tells how the fabric stands."""
    found = _statuses(after_pass(conclusion, {"git": None}, [], [], [], NOW))

    rest = {"PruneBlocked": "False", "AwaitingApproval": "False", "Fighting": "False", "BranchNotFound": "False"}
    assert found == rest | {"GitReady": "True"} | expected


FAILED = Conclusion(Outcome.FAILED, "ClusterUnavailable", "cluster: timed out")


@pytest.mark.parametrize(
    ("conclusion", "contacts", "expected"),
    [
        pytest.param(FAILED, {"git": None}, ("False", "Reachable", "the branch exists"), id="it exists"),
        pytest.param(
            FAILED, {"git": ("GitUnavailable", "no route")}, ("Unknown", "GitUnavailable", "no route"), id="Git is away"
        ),
        pytest.param(FAILED, {}, ("Unknown", "NotAsked", "Git was not asked"), id="Git was not asked"),
        pytest.param(
            Conclusion(Outcome.FAILED, "BranchNotFound", "there is no branch main"),
            {"git": None},
            ("True", "BranchNotFound", "there is no branch main"),
            id="it does not exist",
        ),
    ],
)
def test_the_branch(conclusion: Conclusion, contacts: dict[str, Contact], expected: tuple[str, str, str]) -> None:
    """What is said of it is what Git said, not another system's failure."""
    found = after_pass(conclusion, contacts, [], [], [], NOW)

    (branch,) = (one for one in found if one.type == "BranchNotFound")
    assert (branch.status.value, branch.reason, branch.message) == expected


def test_a_condition_that_does_not_hold_tells_no_failure() -> None:
    """Of a plan that waits for approval: nothing is retried, and no guard holds back a delete."""
    waits = ("ApprovalRequired", "not applied: 1 update waits for approval")
    found = after_pass(Conclusion(Outcome.BLOCKED, *waits), {"git": None}, [waits], [], [], NOW)

    told = {one.type: one.message for one in found}
    assert told["Reconciling"] == "nothing is being retried"
    assert told["PruneBlocked"] == "no guard holds back a delete"
    assert told["Ready"] == told["Stalled"] == waits[1]


def test_contacts_and_blocks() -> None:
    """Each outside system that was spoken to has its condition, and a held back delete says why."""
    contacts = {"git": None, "cluster": ("ClusterUnavailable", "timed out"), "netbox": None}

    found = after_pass(SUCCESS, contacts, [TOO_MANY], [], ["netbox"], NOW)

    by_type = {condition.type: condition for condition in found}
    assert by_type["GitReady"].status is ConditionStatus.TRUE
    assert by_type["ClusterReady"] == Condition(
        "ClusterReady", ConditionStatus.FALSE, "ClusterUnavailable", "timed out", NOW
    )
    assert by_type["PruneBlocked"].reason == "TooManyDeletes"
    assert by_type["PruneBlocked"].message == TOO_MANY[1]
    assert by_type["Ready"].message == "simulated: applied r"


def test_transition_time_moves_with_the_status_only() -> None:
    """A condition that says the same with other words keeps its time; one that turns, or is new, does not."""
    ready = Condition("Ready", ConditionStatus.TRUE, "Succeeded", "first", NOW)
    later = NOW + timedelta(minutes=5)
    again = replace(ready, message="second", last_transition_time=later)
    turned = replace(again, status=ConditionStatus.FALSE)
    new = replace(again, type="Stalled")

    merged = merge([ready], [again])
    assert merged == (replace(again, last_transition_time=NOW),)
    assert merge([ready], [turned, new]) == (turned, new)
    assert merge([ready], [new]) == (ready, new)


def test_connections() -> None:
    """`since` is when the present state began; a recovered connection still shows its last error."""
    first = connect(Connection(), None, NOW)
    assert first == Connection(ConnectionState.OK, NOW, NOW, None)

    later = NOW + timedelta(minutes=1)
    failed = connect(first, ("GitUnavailable", "no route"), later)
    assert failed == Connection(ConnectionState.FAILING, later, NOW, "no route")

    still = connect(failed, ("GitUnavailable", "timed out"), later + timedelta(minutes=1))
    assert still == Connection(ConnectionState.FAILING, later, NOW, "timed out")

    healed = connect(still, None, later + timedelta(minutes=2))
    assert healed == Connection(
        ConnectionState.OK, later + timedelta(minutes=2), later + timedelta(minutes=2), "timed out"
    )
