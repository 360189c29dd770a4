"""What the store keeps for forges, written with the requests and passes that it speaks of."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.model.commit_status import OwedStatus, StatusState
from reconciler.model.passes import Outcome
from reconciler.model.requests import RequestState
from reconciler.store import outbox
from reconciler.store.open import Store, open_store
from tests.unit.store.samples import COMMITS, REVISIONS, SetClock, pass_record, pass_result, request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.model.requests import Request
    from reconciler.model.status import PassResult


ENDS = {Outcome.SUCCEEDED: StatusState.SUCCEEDED, Outcome.PARTIAL: StatusState.FAILED}


class Watched:
    """A store of which the sender is told, and how often it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repositories = {"dc1": "gitops", "dc2": "gitops"}
        self.told = 0
        self.open()

    def open(self) -> None:
        self.store: Store = open_store(self.path, SetClock())
        self.store.tell_statuses(self.repositories.get, self._tell)

    def _tell(self) -> None:
        self.told += 1

    def owed(self, repository: str = "gitops") -> list[OwedStatus]:
        return list(self.store.owed_statuses(repository, 100))

    def said(self) -> list[tuple[str, str, StatusState, str | None]]:
        found = [one.status for one in self.owed()]
        return [(one.fabric, one.commit, one.state, one.reason) for one in found]

    def take(self) -> list[tuple[str, str, StatusState, str | None]]:
        """What is owed, which is then sent."""
        said = self.said()
        for one in self.owed():
            self.store.settle_status(one.sequence)
        return said


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "state.db")
    yield watched
    watched.store.close()


def _push(request_id: str, commit: str = COMMITS[1], fabric: str = "dc1") -> Request:
    return request(request_id, fabric, commit=commit)


def _end(
    outcome: Outcome = Outcome.SUCCEEDED, *requests: Request, revision: str | None = REVISIONS[1], reason: str = "Why"
) -> PassResult:
    failed = replace(pass_record("p"), failures=())
    record = replace(failed, outcome=outcome, revision=revision, reason=reason, message="so", scope=None)
    state = RequestState.SUCCEEDED if outcome.is_success else RequestState.FAILED
    ended = [replace(one, state=state, reason=reason, message="so") for one in requests]
    return replace(pass_result(), record=replace(record, id=f"p{id(ended)}"), requests=ended)


def test_a_push_from_its_arrival_to_its_end(watched: Watched) -> None:
    """It is owed as soon as it is accepted, while its pass goes on, and at its end, once each."""
    store, push = watched.store, _push("r1")
    store.accept([push])
    assert watched.take() == [("dc1", COMMITS[1], StatusState.QUEUED, None)]
    store.set_state(["r1"], RequestState.RUNNING, "p1")
    store.begin("dc1", REVISIONS[1])
    assert watched.take() == [("dc1", COMMITS[1], StatusState.RUNNING, None)]
    store.record_pass(_end(Outcome.SUCCEEDED, push))
    assert watched.take() == [("dc1", COMMITS[1], StatusState.SUCCEEDED, "Why")]
    store.record_pass(_end(Outcome.FAILED))
    assert watched.owed() == []
    assert watched.told >= 3


@pytest.mark.parametrize(("outcome", "state"), list(ENDS.items()))
def test_the_commit_below_ours_ends_alike(watched: Watched, outcome: Outcome, state: StatusState) -> None:
    """A pass that went on with a commit of its own speaks of what others pushed, too: nothing is said to be superseded
    that is part of what was applied. A failure is made good by the pass that brings it in.
    """
    store = watched.store
    store.begin("dc1", REVISIONS[1])
    watched.take()
    store.record_pass(replace(_end(outcome, revision=REVISIONS[2]), found=REVISIONS[1]))

    assert watched.take() == [("dc1", COMMITS[1], state, "Why"), ("dc1", COMMITS[2], state, "Why")]


def test_only_the_newest_state_is_owed(watched: Watched) -> None:
    """What a later state replaced is never sent, and an answer about the earlier one settles nothing."""
    watched.store.accept([_push("r1")])
    (first,) = watched.owed()
    watched.store.record_pass(_end(Outcome.PARTIAL, _push("r1")))
    watched.store.settle_status(first.sequence)

    (owed,) = watched.owed()
    assert owed.sequence > first.sequence
    assert (owed.status.state, owed.status.message) == (StatusState.FAILED, "so")


def test_each_fabric_has_its_own(watched: Watched) -> None:
    """Of one commit every fabric says how it stands there; those that changed first come first."""
    watched.store.accept([_push("r1"), _push("r2", fabric="dc2")])
    watched.store.end(["r1"], "Suspended", "the fabric was suspended")

    assert watched.said() == [
        ("dc2", COMMITS[1], StatusState.QUEUED, None),
        ("dc1", COMMITS[1], StatusState.SUPERSEDED, "Suspended"),
    ]
    assert len(watched.store.owed_statuses("gitops", 1)) == 1


def test_without_a_forge_nothing_is_kept(watched: Watched) -> None:
    """A fabric whose repository has no forge costs nothing."""
    watched.repositories.clear()
    watched.store.accept([_push("r1")])
    watched.store.begin("dc1", REVISIONS[1])
    watched.store.record_pass(_end(Outcome.SUCCEEDED, _push("r1")))
    watched.repositories["dc1"] = "gitops"

    assert watched.owed() == []


def test_a_fabric_that_is_removed(watched: Watched) -> None:
    """What is pending gets its end, although nothing is configured for the fabric any more; nothing new begins."""
    watched.store.accept([_push("r1")])
    watched.repositories.clear()
    watched.store.accept([_push("r2", COMMITS[2])])
    watched.store.end(["r1", "r2"], "Superseded", "removed")

    assert watched.said() == [("dc1", COMMITS[1], StatusState.SUPERSEDED, "Superseded")]


def test_commits_that_nobody_announced(watched: Watched) -> None:
    """What a poll finds is pending from the moment it is read, and ends with its pass; a retry makes it good."""
    watched.store.begin("dc1", REVISIONS[2])
    assert watched.take() == [("dc1", COMMITS[2], StatusState.RUNNING, None)]
    watched.store.record_pass(_end(Outcome.FAILED, revision=REVISIONS[2]))
    assert watched.take() == [("dc1", COMMITS[2], StatusState.FAILED, "Why")]
    watched.store.begin("dc1", REVISIONS[2])
    watched.store.record_pass(_end(Outcome.FAILED, revision=REVISIONS[2]))
    assert watched.owed() == []
    watched.store.record_pass(_end(Outcome.NO_CHANGE, revision=REVISIONS[2]))
    assert watched.take() == [("dc1", COMMITS[2], StatusState.SUCCEEDED, "Why")]


def test_a_pass_that_a_crash_cut_off(watched: Watched) -> None:
    """What it began and no later pass reads is superseded by what that one reads; what pushes asked for is not."""
    watched.store.accept([_push("r1", COMMITS[0])])
    watched.store.set_state(["r1"], RequestState.RUNNING)
    watched.store.begin("dc1", REVISIONS[0])
    watched.store.begin("dc1", REVISIONS[1])
    watched.take()
    watched.store.close()
    watched.open()

    watched.store.record_pass(_end(Outcome.SUCCEEDED, revision=REVISIONS[2]))

    assert watched.said() == [
        ("dc1", COMMITS[2], StatusState.SUCCEEDED, "Why"),
        ("dc1", COMMITS[1], StatusState.SUPERSEDED, "Superseded"),
    ]
    assert watched.owed()[1].status.message == f"superseded by {COMMITS[2]}"


def test_a_restart_forgets_nothing(watched: Watched) -> None:
    """What was owed is owed after a crash, also when the end of a request is what nobody came to send."""
    watched.store.accept([_push("r1")])
    watched.take()
    watched.store.record_pass(_end(Outcome.BLOCKED, _push("r1")))
    watched.store.close()
    watched.open()

    assert watched.said() == [("dc1", COMMITS[1], StatusState.FAILED, "Why")]


def test_what_is_kept(watched: Watched) -> None:
    """Repositories that have no forge any more are forgotten; what no pass will end is ended."""
    watched.repositories["dc3"] = "other"
    watched.store.begin("dc1", REVISIONS[0])
    watched.store.accept([_push("r1"), _push("r2", fabric="dc2"), _push("r3", fabric="dc3")])

    watched.store.keep_statuses(["gitops"], ["dc2"])

    assert watched.store.owing_repositories() == {"gitops"}
    assert watched.owed("other") == []
    assert watched.said() == [
        ("dc1", COMMITS[1], StatusState.QUEUED, None),
        ("dc2", COMMITS[1], StatusState.QUEUED, None),
        ("dc1", COMMITS[0], StatusState.SUPERSEDED, "Superseded"),
    ]


def test_what_ended_stays(watched: Watched) -> None:
    """A request that ended in time says nothing else when it is ended, or taken up, once more."""
    watched.store.accept([_push("r1")])
    watched.store.record_pass(_end(Outcome.SUCCEEDED, _push("r1")))
    watched.take()
    watched.store.end(["r1"], "Suspended", "too late")
    watched.store.set_state(["r1"], RequestState.RUNNING)

    assert watched.store.owing_repositories() == set()


def test_the_outbox_is_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forge that is away for long gets what is newest: the oldest is forgotten."""
    monkeypatch.setattr(outbox, "MOST", 5)
    for number in range(12):
        watched.store.accept([_push(f"r{number}", f"{number:040x}")])

    assert [one.status.commit for one in watched.owed()] == [f"{number:040x}" for number in range(7, 12)]


def test_long_messages_are_cut(watched: Watched) -> None:
    """A message that names a thousand files is kept as far as a forge may show it."""
    watched.store.accept([_push("r1")])
    watched.store.end(["r1"], "Suspended", "x" * 100_000)

    (owed,) = watched.owed()
    assert owed.status.message == "x" * outbox.LONGEST_MESSAGE


def test_nothing_is_owed_of_what_was_not_stored(tmp_path: Path) -> None:
    """A delivery that arrives twice is told once."""
    with closing(open_store(tmp_path / "state.db", SetClock())) as store:
        store.tell_statuses(lambda _: "gitops", lambda: None)
        store.accept([_push("r1")])
        (owed,) = store.owed_statuses("gitops", 9)
        store.settle_status(owed.sequence)
        store.set_state(["absent"], RequestState.RUNNING)
        assert list(store.owed_statuses("gitops", 9)) == []
