"""What passes mean to the commits that a forge shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.desired.memory import MemorySource
from reconciler.errors import ClusterUnavailableError, GitUnavailableError
from reconciler.model.commit_status import StatusState
from reconciler.model.requests import Trigger
from reconciler.reconcile import Surroundings
from reconciler.reconcile.git_history import AWAITED_FOR
from tests.unit.reconcile.rig import Rig, manifests

if TYPE_CHECKING:
    from reconciler.model.desired import Desired
    from reconciler.model.revision import Revision

MANIFESTS = manifests()
Q, R, S, F, X = StatusState


@pytest.fixture
def told(rig: Rig) -> Rig:
    """A fabric whose forge is told."""
    rig.store.tell_statuses(lambda _: "gitops", lambda: None)
    return rig


def _take(rig: Rig) -> list[tuple[str, StatusState, str | None]]:
    """What the forge is owed, which is then sent."""
    owed = rig.store.owed_statuses("gitops", 100)
    for one in owed:
        rig.store.settle_status(one.sequence)
    return [(one.status.commit, one.status.state, one.status.reason) for one in owed]


def test_a_pass_that_goes_on(told: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that nobody announced is pending from when it is fetched, and applied at the end of the pass."""
    commit = told.source.push(MANIFESTS).commit
    during: list[tuple[str, StatusState, str | None]] = []
    read = told.source.read

    def look(revision: Revision) -> Desired:
        during.extend(_take(told))
        return read(revision)

    monkeypatch.setattr(told.source, "read", look)

    told.run()

    assert during == [(commit, R, None)]
    assert _take(told) == [(commit, S, "Succeeded")]


def test_pushes_that_share_a_pass(told: Rig) -> None:
    """Every commit that the applied revision holds is applied, and says with which revision."""
    commits = [told.source.push(MANIFESTS).commit for _ in range(2)]
    requests = [told.request(Trigger.PUSH, commit) for commit in commits]
    assert [(state, reason) for _, state, reason in _take(told)] == [(Q, None), (Q, None)]

    told.run(*requests)

    assert _take(told) == [(commit, S, "Succeeded") for commit in commits]


def test_a_cluster_that_is_away(told: Rig) -> None:
    """A commit fails with the reason, and is applied by a later try; what is applied stays so when it goes again."""
    commit = told.source.push(MANIFESTS).commit
    told.cluster.fail("list", ClusterUnavailableError("away"))
    told.run(told.request(Trigger.PUSH, commit))
    assert _take(told) == [(commit, F, "ClusterUnavailable")]

    told.run()
    assert _take(told) == [(commit, S, "Succeeded")]

    told.cluster.fail("list", ClusterUnavailableError("away"))
    told.run()
    assert _take(told) == []


def test_a_git_host_that_is_away(told: Rig) -> None:
    """What a pass without a fetch meets is no word about the commit that was there before."""
    told.source.push(MANIFESTS)
    told.run()
    _take(told)
    told.source.fail(GitUnavailableError("away"))
    told.run()

    assert _take(told) == []


def test_a_commit_that_is_taken_back(told: Rig) -> None:
    """A commit that the branch goes on without is settled, and the forge is told what is there in its place."""
    told.source.push(MANIFESTS)
    told.run()
    _take(told)
    request = told.request(Trigger.PUSH, "f" * 40)
    told.run(request)
    assert _take(told) == [("f" * 40, R, None)]

    told.clock.seconds += AWAITED_FOR.total_seconds()
    told.run(request)

    assert _take(told) == [("f" * 40, X, "CommitNotApplied")]


def test_a_commit_that_comes_late(told: Rig) -> None:
    """While it is awaited it is pending, and not failed with each try; those before it are not blamed for it."""
    told.source.push(MANIFESTS)
    told.run()
    later = MemorySource()
    commit = [later.push([]).commit for _ in range(2)][-1]
    request = told.request(Trigger.PUSH, commit)
    told.run(request)
    told.run(request)
    _take(told)
    told.source.push(MANIFESTS)
    told.run(request)

    assert _take(told) == [(commit, S, "Succeeded")]


def test_a_suspended_fabric(told: Rig) -> None:
    """A push whose pass is not made is settled with the reason."""
    commit = told.source.push(MANIFESTS).commit
    request = told.request(Trigger.PUSH, commit)

    class Suspended:
        reason, message = "Suspended", "the fabric was suspended"

    told.run(request, by=told.runner(Surroundings(obstacle=lambda _: Suspended())))

    assert _take(told) == [(commit, X, "Suspended")]
