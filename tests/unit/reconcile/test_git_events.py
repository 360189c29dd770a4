"""What a pass makes of Git's surprises: commits that come late or never, and a history that was rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.desired.memory import MemorySource
from reconciler.errors import BranchNotFoundError, GitAccessError, GitUnavailableError
from reconciler.model.requests import Request, RequestState, Trigger
from reconciler.queue import Backoff, Next
from reconciler.reconcile.git_history import AWAITED_FOR
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.model.desired import Desired
    from reconciler.model.revision import Revision

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
    assert answered.message == (
        f"the announced commit {'f' * 40} is not part of {synced.last.revision}: "
        "the host did not serve it within 120 s of its announcement"
    )
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
    """What was fetched and then replaced by a forced push is not waited for, and its request says why."""
    commit = synced.source.push(MANIFESTS).commit
    synced.run()
    gone = synced.request(Trigger.PUSH, commit)
    synced.source.rewrite()
    there = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS[:-1]).commit)

    following = synced.run(there, gone)

    assert following.unanswered == ()
    assert synced.answered(there).state is RequestState.SUCCEEDED
    answered = synced.answered(gone)
    assert (answered.state, answered.reason) == (RequestState.FAILED, "CommitNotApplied")
    assert answered.message == (
        f"the announced commit {commit} is not part of {synced.last.revision}: "
        "the history of the branch was rewritten without it"
    )
    assert synced.verdict.status == "in_sync"


@pytest.mark.parametrize("count", [1, 3])
def test_commits_that_were_replaced_before_they_were_fetched(synced: Rig, count: int) -> None:
    """What a forced push replaced, and what that had replaced, is not waited for though nobody ever saw it: the push
    that is served says what was there before.
    """
    gone = [f"{number:040x}" for number in range(1, count + 1)]
    lost = [synced.request(Trigger.PUSH, commit, before) for commit, before in zip(gone, [None, *gone], strict=False)]
    there = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS[:-1]).commit, gone[-1])

    following = synced.run(*lost, there)

    assert following.unanswered == ()
    assert synced.answered(there).state is RequestState.SUCCEEDED
    assert {synced.answered(one).state for one in lost} == {RequestState.FAILED}
    assert {(synced.answered(one).message or "").rpartition(": ")[2] for one in lost} == {
        "the history of the branch was rewritten without it"
    }
    assert synced.verdict.status == "in_sync"


def test_a_commit_that_comes_back_is_awaited(synced: Rig) -> None:
    """A commit that was replaced and then pushed once more is the newest: it is waited for."""
    there = synced.source.push(MANIFESTS[:-1]).commit
    back = "f" * 40
    first = synced.request(Trigger.PUSH, there, back)
    again = synced.request(Trigger.PUSH, back, there)

    following = synced.run(first, again)

    assert following.unanswered == (again.id,)
    assert synced.record.desired_revision == f"main@sha1:{back}"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "the later one first"])
def test_the_order_of_arrival_is_not_that_of_commits(synced: Rig, order: tuple[int, int]) -> None:
    """Of two announced commits the host serves the first. The other one is waited for and is the desired one, whichever
    was announced last, and the request of what is served succeeds at once.
    """
    early, late = _commits(3)[1:]
    requests = [synced.request(Trigger.PUSH, (early, late)[number]) for number in order]
    served, awaited = (requests[order.index(number)] for number in (0, 1))
    assert synced.source.push(MANIFESTS[:-1]).commit == early

    following = synced.run(*requests)

    assert following.unanswered == (awaited.id,)
    assert synced.last.reason == "CommitNotServed"
    assert synced.record.desired_revision == f"main@sha1:{late}"
    assert synced.verdict.status != "in_sync"
    answered = synced.answered(served)
    assert (answered.state, answered.reason) == (RequestState.SUCCEEDED, "Succeeded")
    assert answered.message is not None
    assert answered.message.startswith(f"applied main@sha1:{early}")

    assert synced.source.push(MANIFESTS).commit == late
    synced.run(awaited)
    assert synced.answered(awaited).state is RequestState.SUCCEEDED
    assert synced.verdict.status == "in_sync"


def test_each_announcement_has_its_own_two_minutes(synced: Rig) -> None:
    """A commit is given up when its time is over, and one that was announced later is still waited for."""
    first = synced.request(Trigger.PUSH, "e" * 40)
    synced.clock.seconds += AWAITED_FOR.total_seconds()
    second = synced.request(Trigger.PUSH, "f" * 40)

    following = synced.run(second, first)

    assert following.unanswered == (second.id,)
    assert synced.answered(first).reason == "CommitNotApplied"
    assert synced.record.desired_revision == f"main@sha1:{'f' * 40}"


def test_the_first_push_may_come_before_its_branch(rig: Rig) -> None:
    """A push that is announced before the host shows the branch is waited for as any other, and applied."""
    request = rig.request(Trigger.PUSH, _commits(1)[0])

    following = rig.run(request)

    assert (following.is_retryable, following.unanswered) == (True, (request.id,))
    assert (rig.last.outcome, rig.last.reason) == ("failed", "BranchNotFound")
    assert [failure.reason for failure in rig.last.failures] == ["BranchNotFound", "CommitNotServed"]
    rig.source.push(MANIFESTS)
    rig.run(request)
    assert rig.answered(request).state is RequestState.SUCCEEDED
    assert rig.verdict.status == "in_sync"


def test_a_branch_that_never_comes(rig: Rig) -> None:
    """After two minutes the request ends, and the branch is polled for as any other that is missing."""
    request = rig.request(Trigger.PUSH, "f" * 40)
    rig.clock.seconds += AWAITED_FOR.total_seconds()

    following = rig.run(request)

    assert (following.is_retryable, following.unanswered) == (False, ())
    answered = rig.answered(request)
    assert (answered.state, answered.reason) == (RequestState.FAILED, "CommitNotApplied")
    assert answered.message == (
        f"the announced commit {'f' * 40} is not served: the host did not serve it within 120 s of its announcement"
    )


def test_a_host_that_fails_once(synced: Rig) -> None:
    """A push whose commit could not be looked for stays open, and succeeds with the next try."""
    request = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS).commit)
    synced.source.fail(GitUnavailableError("503"))

    following = synced.run(request)

    assert (following.is_retryable, following.unanswered) == (True, (request.id,))
    assert synced.record.desired_revision == request.revision
    synced.source.fail(None)
    synced.run(request)
    assert synced.answered(request).state is RequestState.SUCCEEDED


@pytest.mark.parametrize(
    ("error", "age"),
    [
        pytest.param(GitUnavailableError("503"), AWAITED_FOR.total_seconds(), id="for two minutes"),
        pytest.param(GitAccessError("401"), 0.0, id="for good"),
    ],
)
def test_a_host_that_stays_away(synced: Rig, error: ReconcilerError, age: float) -> None:
    """After two minutes, or where no retry would help, the request ends as its pass did."""
    request = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS).commit)
    synced.source.fail(error)
    synced.clock.seconds += age

    assert synced.run(request).unanswered == ()

    assert (synced.answered(request).state, synced.answered(request).reason) == (RequestState.FAILED, error.reason)


class BlindSource(MemorySource):
    """A mirror whose history cannot be read."""

    error: ReconcilerError = GitUnavailableError("the mirror cannot be read")

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "is_open"), [(BlindSource.error, True), (GitAccessError("too large"), False)], ids=["passing", "for good"]
)
def test_a_history_that_cannot_be_read(synced: Rig, error: ReconcilerError, is_open: bool) -> None:  # noqa: FBT001 - a column of the table
    """What was announced stays open where another try may read the history, and else ends as its pass did."""
    blind = BlindSource()
    blind.error = error
    blind.push(MANIFESTS)
    request = synced.request(Trigger.PUSH, blind.push(MANIFESTS).commit)
    synced.source = blind

    following = synced.run(request)

    assert following.unanswered == ((request.id,) if is_open else ())
    assert synced.verdict.status != "in_sync"


class BusySource(MemorySource):
    """Something happens whenever it is read."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def read(self, revision: Revision) -> Desired:
        self.meanwhile()
        return super().read(revision)


def test_announcements_there_and_back_again(rig: Rig) -> None:
    """During a pass a new commit is announced, and then, late, the applied one: the fabric waits for the new one."""
    source = BusySource()
    rig.source = source
    applied, new = source.push(MANIFESTS).commit, _commits(2)[1]
    rig.run(rig.request(Trigger.PUSH, applied))
    source.meanwhile = lambda: [rig.request(Trigger.PUSH, commit) for commit in (new, applied)]

    rig.run()

    assert rig.last.outcome == "succeeded"
    assert rig.record.desired_revision == f"main@sha1:{new}"
    assert rig.verdict.status == "out_of_sync"


class CountingSource(MemorySource):
    """Counts looks at its history, and lets the service stop at one of them."""

    looks = 0
    stop: threading.Event | None = None

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        self.looks += 1
        if self.stop is not None:
            self.stop.set()
        return super().ancestry(commits, revision)


def test_many_commits_are_looked_up_at_once(rig: Rig) -> None:
    """Thousands of announcements take few looks, and a stop is noticed between two of them."""
    source = CountingSource()
    source.push(MANIFESTS)
    rig.source = source
    now = rig.clock.now()
    requests = [Request(f"p{number}", "dc1", Trigger.PUSH, now, commit=f"{number:040x}") for number in range(2500)]
    rig.store.accept(requests)

    assert len(rig.run(*requests).unanswered) == len(requests)
    assert source.looks == 3

    source.stop = rig.stop
    assert rig.run(*requests) == Next()
    assert source.looks == 4


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
