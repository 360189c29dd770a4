"""What a pass makes of Git's surprises: commits that come late or never, and a history that was rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.desired.memory import MemorySource
from reconciler.errors import BranchNotFoundError
from reconciler.model.requests import RequestState, Trigger
from reconciler.queue import Backoff
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from reconciler.model.requests import Request

MANIFESTS = manifests()


def _commits(count: int) -> list[str]:
    """The commits that a branch will hold which is pushed to this often."""
    branch = MemorySource()
    return [branch.push([]).commit for _ in range(count)]


def _retry_until_answered(rig: Rig, request: Request, chance: float) -> list[float]:
    """Retry as the worker does until the request has its answer; the seconds after it was accepted of each pass."""
    moments: list[float] = []
    accepted = rig.clock.seconds
    is_open = True
    while is_open:
        assert len(moments) < 20, "retried for ever"
        moments.append(rig.clock.seconds - accepted)
        following = rig.run(request)
        rig.clock.seconds += Backoff().delay(len(moments), chance)
        is_open = bool(following.unanswered)
    return moments


@pytest.mark.parametrize("chance", [0.0, 1.0], ids=["longest delays", "shortest delays"])
def test_a_commit_is_awaited_for_two_minutes(synced: Rig, chance: float) -> None:
    """With the worker's backoff a commit that never comes is looked for until two minutes have passed, not for much
    longer, and its request ends with a sentence that names it.
    """
    request = synced.request(Trigger.PUSH, "f" * 40)

    moments = _retry_until_answered(synced, request, chance)

    assert moments[-2] < 120 <= moments[-1] <= 180
    assert 5 <= len(moments) <= 8
    answered = synced.answered(request)
    assert (answered.state, answered.reason) == (RequestState.FAILED, "CommitNotApplied")
    assert answered.message == f"the announced commit {'f' * 40} is not part of {synced.last.revision}"
    assert synced.verdict.status == "in_sync"


def test_many_pushes_before_their_commits(synced: Rig) -> None:
    """However often pushes announce what is not served yet, none is given up within the two minutes, and all end
    well when their commits arrive at once.
    """
    requests = [synced.request(Trigger.PUSH, commit) for commit in _commits(9)[1:]]
    for number in range(len(requests)):
        following = synced.run(*requests[: number + 1])
        assert set(following.unanswered) == {request.id for request in requests[: number + 1]}

    for _ in requests:
        synced.source.push(MANIFESTS)
    synced.run(*requests)

    assert {synced.answered(request).state for request in requests} == {RequestState.SUCCEEDED}
    assert synced.verdict.status == "in_sync"


def test_a_pass_of_others_gives_up_nothing(synced: Rig) -> None:
    """A pass that was made for others, after the announcement, leaves the commit to the pass of its own request."""
    request = synced.request(Trigger.PUSH, _commits(2)[1])
    synced.run(synced.request(Trigger.POLL))

    assert synced.run(request).unanswered == (request.id,)
    synced.source.push(MANIFESTS)
    synced.run(request)
    assert synced.answered(request).state is RequestState.SUCCEEDED


def test_failures_of_others_do_not_shorten_the_wait(synced: Rig) -> None:
    """A target that has failed often before takes no time from a commit that is awaited."""
    for _ in range(8):
        synced.netbox.fail("observe")
        synced.run()

    request = synced.request(Trigger.PUSH, "f" * 40)

    assert synced.run(request).unanswered == (request.id,)
    assert synced.last.reason == "CommitNotServed"


def test_a_rewritten_history(synced: Rig) -> None:
    """After a forced push the pass works as ever and says what happened; the next one is silent again."""
    before = synced.record.applied_revision
    assert before is not None
    synced.source.rewrite()
    revision = synced.source.push(MANIFESTS[:-1])

    with capture_logs() as log:
        synced.run(synced.request(Trigger.PUSH, revision.commit))

    assert synced.last.outcome == "succeeded"
    assert synced.last.message.startswith(f"applied {revision}")
    assert "the history of main was rewritten" in synced.last.message
    assert before.rpartition(":")[2] in synced.last.message
    assert [entry["log_level"] for entry in log if entry["event"] == "history rewritten"] == ["warning"]
    assert synced.record.applied_revision == str(revision)
    synced.run()
    assert "rewritten" not in synced.last.message


def test_a_rewritten_history_that_changes_nothing(synced: Rig) -> None:
    """A forced push that leaves the directory as it was is no change, and says that the history is another."""
    synced.source.rewrite()
    revision = synced.source.push(MANIFESTS)

    synced.run(synced.request(Trigger.PUSH, revision.commit))

    assert synced.last.outcome == "no_change"
    assert "rewritten" in synced.last.message


def test_a_commit_that_a_forced_push_took_away(synced: Rig) -> None:
    """What was announced before a forced push replaced it is not waited for, and its request says why."""
    gone = synced.request(Trigger.PUSH, "e" * 40)
    synced.source.rewrite()
    there = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS).commit)

    following = synced.run(gone, there)

    assert following.unanswered == ()
    assert synced.answered(there).state is RequestState.SUCCEEDED
    answered = synced.answered(gone)
    assert (answered.state, answered.reason) == (RequestState.FAILED, "CommitNotApplied")
    assert answered.message == f"the announced commit {'e' * 40} is not part of {synced.last.revision}"


def test_another_branch_is_not_another_history(synced: Rig) -> None:
    """A fabric that follows another branch since its configuration changed is told nothing of a forced push."""
    synced.source = MemorySource("trunk")
    synced.source.rewrite()
    synced.source.push(MANIFESTS)

    synced.run()

    assert synced.last.outcome == "succeeded"
    assert "rewritten" not in synced.last.message


def test_a_deleted_branch_deletes_nothing(synced: Rig) -> None:
    """A branch that is gone is named as such, is no outage, is looked for again, and takes no object with it."""
    kept = len(synced.states())
    synced.source.fail(BranchNotFoundError("there is no branch main"))

    following = synced.run(synced.request(Trigger.POLL))

    assert not following.is_retryable
    assert synced.condition("BranchNotFound") == ("True", "BranchNotFound")
    assert synced.condition("Stalled")[0] == "False"
    assert synced.condition("GitReady")[0] == "True"
    assert len(synced.states()) == kept
    synced.source.fail(None)
    synced.run(synced.request(Trigger.POLL))
    assert synced.condition("BranchNotFound")[0] == "False"
    assert synced.verdict.status == "in_sync"
