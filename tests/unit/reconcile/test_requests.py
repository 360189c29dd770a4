"""What becomes of the requests behind a pass: pushes, awaited commits, failures, stops and defects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from reconciler.desired.memory import MemorySource
from reconciler.errors import (
    ClusterUnavailableError,
    ConfigurationError,
    GitUnavailableError,
    NetBoxUnavailableError,
    StalledError,
    StateError,
)
from reconciler.model.passes import Outcome
from reconciler.model.requests import Request, RequestState, Trigger, Work
from reconciler.queue import Next, Taken
from reconciler.reconcile import Surroundings, engine
from reconciler.reconcile.git_history import AWAITED_FOR
from reconciler.store import Store
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.errors import ReconcilerError
    from reconciler.model.status import PassResult

MANIFESTS = manifests()


def test_a_commit_that_is_not_served_yet(synced: Rig) -> None:
    """A push that arrives before its commit is no success: it is tried again, and its request ends with the commit."""
    announced = MemorySource()
    for _ in range(2):
        commit = announced.push([]).commit
    request = synced.request(Trigger.PUSH, commit)

    following = synced.run(request)

    assert (synced.last.outcome, synced.last.reason) == ("partial", "CommitNotServed")
    assert following.is_retryable
    assert following.unanswered == (request.id,)
    waiting = synced.store.request(request.id)
    assert waiting is not None
    assert (waiting.state, waiting.pass_id) == (RequestState.QUEUED, synced.last.id)
    assert synced.verdict.status != "in_sync"
    assert synced.record.desired_revision == f"main@sha1:{commit}"
    assert synced.source.push(MANIFESTS).commit == commit
    synced.run(request)
    assert synced.answered(request).state is RequestState.SUCCEEDED
    assert synced.verdict.status == "in_sync"


def test_a_commit_that_never_comes(synced: Rig) -> None:
    """After two minutes the branch as it is counts: a later push may have taken the commit out of it."""
    request = synced.request(Trigger.PUSH, "f" * 40)
    assert synced.run(request).unanswered == (request.id,)

    synced.clock.seconds += AWAITED_FOR.total_seconds()
    synced.run(request)

    assert synced.answered(request).reason == "CommitNotApplied"
    assert synced.verdict.status == "in_sync"


class Panic(BaseException):
    """What is no Exception."""


@pytest.mark.parametrize("error", [ZeroDivisionError(), Panic()], ids=["exception", "panic"])
def test_a_defect_is_how_a_pass_ends(synced: Rig, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """An error outside of every phase fails the pass by name, whatever else failed: its request has that answer, the
    status says it, and it is tried again.
    """
    synced.netbox.fail("observe", NetBoxUnavailableError("502"))
    request, before = synced.request(), synced.record
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_seen", _raising(error))
        following = synced.run(request)

    assert (synced.last.outcome, synced.last.reason) == (Outcome.FAILED, "InternalError")
    assert synced.last.message.startswith(f"pass: unexpected {type(error).__name__} in phase netbox or after it")
    assert synced.last.message.endswith("netbox: 502")
    answered = synced.answered(request)
    assert (answered.state, answered.reason) == (RequestState.FAILED, "InternalError")
    assert following == Next(is_retryable=True)
    assert (synced.verdict.status, synced.verdict.reason) == ("error", "InternalError")
    assert (synced.record.failures, synced.record.applied_revision) == (1, before.applied_revision)
    synced.run()
    assert synced.verdict.status == "in_sync"


def test_a_defect_of_a_pass_over_some_objects(synced: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the history with its scope, and a full pass says how the fabric stands."""
    with monkeypatch.context() as patch:
        patch.setattr(engine, "merge_states", _raising(ZeroDivisionError()))
        following = synced.run_scoped(MANIFESTS[0].key)

    assert (synced.last.reason, synced.last.scope) == ("InternalError", (MANIFESTS[0].key,))
    assert following.is_retryable


def test_a_defect_after_a_yield(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of a pass that a defect ends is its last."""
    rig.source.push(MANIFESTS)
    runner = rig.runner(Surroundings(has_others=lambda _: True))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_seen", _raising(ZeroDivisionError()))
        following = rig.run(by=runner)

    assert (following.remainder, following.is_retryable) == (None, True)
    assert (rig.last.reason, rig.last.counts["netbox_prepared"] > 0) == ("InternalError", True)
    assert rig.run(by=runner).remainder is not None, "without the defect it yields there"


def _raising(error: BaseException) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def test_a_defect_loses_no_request(rig: Rig) -> None:
    """An error while the end is stored is counted, and the pass is made again for the same requests."""
    rig.source.push(MANIFESTS)
    request = rig.request()
    rig.store.record_pass = None  # type: ignore[assignment, method-assign]

    following = rig.run(request)

    assert (following.is_defect, following.is_retryable, following.unanswered) == (True, True, (request.id,))


@pytest.mark.parametrize(
    ("error", "is_retryable"),
    [
        pytest.param(GitUnavailableError("the mirror cannot be used"), True, id="no folder"),
        pytest.param(ConfigurationError("git is not installed"), False, id="no git"),
    ],
)
def test_git_cannot_be_used_here(
    synced: Rig, monkeypatch: pytest.MonkeyPatch, error: ReconcilerError, *, is_retryable: bool
) -> None:
    """What keeps git from fetching keeps it from telling what was fetched last: the pass fails by that, said once."""
    request = synced.request()
    synced.source.fail(error)
    with monkeypatch.context() as patch:
        patch.setattr(synced.source, "last_fetched", _raising(error))
        following = synced.run(request)

    assert (synced.last.outcome, synced.last.reason) == (Outcome.FAILED, error.reason)
    assert synced.last.message == f"git: {error.message}"
    assert synced.answered(request).reason == error.reason
    assert following == Next(is_retryable=is_retryable)
    assert (synced.verdict.status, synced.condition("GitReady")) == ("error", ("False", error.reason))
    synced.source.fail(None)
    synced.run()
    assert synced.verdict.status == "in_sync"


def test_a_push_that_changes_nothing_here(synced: Rig) -> None:
    """A push whose commit leaves the directory as it was moves the applied revision and touches no target."""
    calls = len(synced.cluster.calls)
    revision = synced.source.push(MANIFESTS)
    request = synced.request(Trigger.PUSH, revision.commit)

    synced.run(request)

    assert synced.last.outcome is Outcome.NO_CHANGE
    assert synced.answered(request).outcome == "no_change"
    assert synced.record.applied_revision == str(revision)
    assert synced.record.last_sync == synced.last.finished
    assert len(synced.cluster.calls) == calls
    assert synced.verdict.status == "in_sync"


@pytest.mark.parametrize("trigger", [Trigger.REQUEST, Trigger.POLL, Trigger.STARTUP])
def test_only_a_push_may_end_so(synced: Rig, trigger: Trigger) -> None:
    """Whoever asks otherwise gets a comparison with the real systems."""
    calls = len(synced.cluster.calls)
    synced.source.push(MANIFESTS)

    synced.run(synced.request(trigger))

    assert synced.last.outcome is Outcome.SUCCEEDED
    assert len(synced.cluster.calls) > calls


def test_a_push_after_a_failure_is_a_full_pass(synced: Rig) -> None:
    """What was left open is tried again even when the push changes nothing here."""
    synced.netbox.fail("observe")
    synced.run()
    revision = synced.source.push(MANIFESTS)

    synced.run(synced.request(Trigger.PUSH, revision.commit))

    assert synced.last.outcome is Outcome.SUCCEEDED


def test_a_push_of_an_unknown_commit(synced: Rig) -> None:
    """A push succeeds only when what it announced is part of the applied revision."""
    newer = synced.request(Trigger.PUSH, synced.source.push(MANIFESTS).commit)
    synced.run(newer)
    request = Request("old", "dc1", Trigger.PUSH, synced.clock.now() - AWAITED_FOR, commit="f" * 40)
    synced.store.accept([request])
    other = synced.request(Trigger.REQUEST)

    synced.run(request, other)

    assert synced.answered(request).state is RequestState.FAILED
    assert synced.answered(request).reason == "CommitNotApplied"
    assert synced.answered(other).state is RequestState.SUCCEEDED


def test_failures_are_counted_and_forgotten(synced: Rig) -> None:
    """Failures in a row grow with each pass and are zero after a success."""
    for expected in (1, 2):
        synced.netbox.fail("observe")
        synced.run()
        assert synced.record.failures == expected
    synced.run()
    assert synced.record.failures == 0


def test_a_stop_between_two_objects(rig: Rig) -> None:
    """A pass that the stop cuts off records nothing and leaves its requests to the next start."""
    rig.source.push(MANIFESTS)
    request = rig.request()
    rig.stop.set()

    following = rig.run(request)

    assert following.is_retryable is False
    assert rig.passes == []
    assert [r.id for r in rig.store.unfinished()] == [request.id]
    rig.stop.clear()
    rig.run(request)
    assert rig.answered(request).state is RequestState.SUCCEEDED


class FullDisk(Store):
    """A store whose passes cannot be written."""

    def record_pass(self, result: PassResult) -> None:
        raise StateError("disk full")


def test_an_end_that_cannot_be_stored(rig: Rig) -> None:
    """A pass whose end cannot be stored is made again, and its requests are not lost."""
    rig.source.push(MANIFESTS)
    request = rig.request()
    whole = rig.store
    rig.store.__class__ = FullDisk

    following = rig.run(request)

    assert following.is_retryable
    assert following.unanswered == (request.id,)
    whole.__class__ = Store
    assert rig.record.last_sync is None
    rig.run(request)
    assert rig.answered(request).state is RequestState.SUCCEEDED


@dataclass(frozen=True)
class Forbidden:
    reason: str
    message: str


def test_a_fabric_that_may_not_be_touched_any_more(synced: Rig) -> None:
    """A retry that comes due after the fabric was suspended makes no pass, and its requests end with the reason."""
    request = synced.request()
    calls, asked = len(synced.cluster.calls), len(synced.netbox.calls)
    obstacle = Forbidden("Suspended", "the fabric was suspended before its pass")
    runner = synced.runner(Surroundings(obstacle=lambda _: obstacle))

    following = runner.run(Taken("dc1", Work((Trigger.RETRY,), (request.id,)), 0.0))

    assert following == Next()
    assert (len(synced.cluster.calls), len(synced.netbox.calls), len(synced.passes)) == (calls, asked, 1)
    answered = synced.answered(request)
    assert (answered.state, answered.reason) == (RequestState.SUPERSEDED, "Suspended")
    assert answered.message == obstacle.message


@pytest.mark.parametrize("fault", ["retryable", "permanent"])
def test_a_scoped_pass_that_fails(synced: Rig, fault: str) -> None:
    """Whatever went wrong, a full pass follows with backoff; the record counts failures of full passes only."""
    key = MANIFESTS[0].key
    runner = synced.runner()

    if fault == "retryable":
        synced.cluster.fail("list", ClusterUnavailableError("timed out"), subject="VPCPeering")
    else:
        synced.netbox.fail("observe", StalledError("no"))
    following = runner.run(Taken("dc1", Work((Trigger.WATCH,), (), frozenset({key})), 0.0))

    assert synced.last.scope is not None
    assert following.is_retryable
    assert synced.record.failures == 0
    assert not runner.run(Taken("dc1", Work((Trigger.REQUEST,)), 0.0)).is_retryable
