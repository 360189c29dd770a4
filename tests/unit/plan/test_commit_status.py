"""What is said of a commit at its forge, and when that is news."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.commit_status import CommitStatus, StatusState
from reconciler.model.objects import ObjectKey
from reconciler.model.passes import Failure, Outcome, Phase
from reconciler.plan.commit_status import LONGEST_DESCRIPTION, is_news, of_begun, of_pass, of_request, post
from tests.unit.store.samples import COMMITS, REVISIONS, pass_record, request

Q, R, S, F, X = StatusState


def _status(state: StatusState, reason: str | None = None, *, is_of_request: bool = True) -> CommitStatus:
    return CommitStatus("dc1", COMMITS[0], state, reason, is_of_request=is_of_request)


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        ("queued", "Failed", Q),
        ("running", None, R),
        ("succeeded", "Succeeded", S),
        ("failed", "DocumentsRefused", F),
        ("failed", "CommitNotApplied", X),
        ("superseded", "Suspended", X),
    ],
)
def test_of_a_request(state: str, reason: str | None, expected: StatusState) -> None:
    """Each state of a request has its own; reason and message are those of its end, not of an earlier try."""
    one = replace(request("r1", commit=COMMITS[1], state=state), reason=reason, message="why")

    said = of_request(one)

    why, message = (reason, "why") if expected.is_settled else (None, None)
    assert said == CommitStatus("dc1", COMMITS[1], expected, why, message, is_of_request=True)


def test_requests_without_a_commit_say_nothing() -> None:
    """What a person or a poll asked for is about no commit."""
    assert of_request(request("r1")) is None


@pytest.mark.parametrize("outcome", Outcome)
def test_of_a_pass(outcome: Outcome) -> None:
    """Success is that of the outcome; partial and blocked are failures, with the reason."""
    record = replace(pass_record("p1"), outcome=outcome, revision=REVISIONS[2], reason="Why", message="so", scope=None)
    record = replace(record, failures=())

    said = of_pass(record)

    assert said == CommitStatus("dc1", COMMITS[2], S if outcome.is_success else F, "Why", "so")


def test_passes_that_speak_of_no_commit() -> None:
    """One over some objects, one that got to no revision, and one that could not fetch say nothing of a commit."""
    record = replace(pass_record("p1"), scope=None, failures=())
    away = Failure(Phase.FETCH, "git", "GitUnavailable", "away")

    assert of_pass(record) is not None
    assert of_pass(replace(record, failures=(away,))) is None
    assert of_pass(replace(record, revision=None)) is None
    assert of_pass(replace(record, scope=(ObjectKey("VPC", "default", "a"),))) is None


def test_of_a_pass_that_begins() -> None:
    """It says that a pass is under way, by nobody's request."""
    assert of_begun("dc1", REVISIONS[0]) == _status(R, is_of_request=False)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (None, _status(Q), True),
        (None, _status(R, is_of_request=False), True),
        (_status(Q), _status(R), True),
        (_status(R), _status(Q), False),  # a pass that waits for its commit
        (_status(R), _status(R), False),
        (_status(S), _status(Q), True),  # pushed again
        (_status(F), _status(Q), True),
        (_status(F), _status(R, is_of_request=False), False),  # a retry
        (_status(S), _status(R, is_of_request=False), False),  # a poll
        (_status(R), _status(S), True),
        (_status(S), _status(S), False),
        (_status(S), _status(F, "ClusterUnavailable", is_of_request=False), False),
        (_status(S), _status(F, "ClusterUnavailable"), True),
        (_status(F, "A"), _status(F, "A"), False),
        (_status(F, "A"), _status(F, "B"), True),
        (_status(F, "A"), _status(S, is_of_request=False), True),
        (_status(X, "Suspended"), _status(S, is_of_request=False), True),
    ],
)
def test_what_is_news(known: CommitStatus | None, now: CommitStatus, *, expected: bool) -> None:
    """What was applied stays so until it is pushed again; what failed is not pending with each try."""
    assert is_news(known, now) is expected


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (_status(Q), "waits for its pass"),
        (_status(R), "a pass is under way"),
        (_status(S), "applied"),
        (replace(_status(S, "Succeeded"), message="applied main"), "applied main"),
        (replace(_status(F, "Conflict"), message="a\nb"), "Conflict: a b"),
        (_status(X, "Suspended"), "Suspended: superseded"),
    ],
)
def test_description(status: CommitStatus, text: str) -> None:
    """It is one line that says what people want to know; the context is the fabric's own."""
    said = post(status, "https://r/fabrics/dc1")

    assert (said.description, said.context, said.link) == (text, "hedgehog-reconciler/dc1", "https://r/fabrics/dc1")


def test_long_descriptions_are_cut() -> None:
    """No forge is sent more than the strictest takes, and it is seen that there is more."""
    said = post(replace(_status(F, "Conflict"), message="x" * 1000), None, ("cluster",))

    assert len(said.description) == LONGEST_DESCRIPTION
    assert said.description.startswith("simulated: Conflict: xxx")
    assert said.description.endswith("x…")
