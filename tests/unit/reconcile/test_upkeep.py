"""Passes over a fabric whose directory is kept in order: by a fake that does what it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from reconciler.errors import ClusterUnavailableError, GitUnavailableError, PushRefusedError, StoppedError
from reconciler.model.changes import FileChange
from reconciler.model.fabric import StructurePolicy
from reconciler.model.ingestion import How, Routed
from reconciler.model.passes import Outcome, Phase
from reconciler.model.problems import Severity, file_problem
from reconciler.model.publishing import Proposal, Published
from reconciler.model.requests import Trigger
from reconciler.model.structure import WAITING, StructureState, UpkeepPlan
from reconciler.reconcile import Surroundings
from tests.unit.reconcile.conftest import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.errors import ReconcilerError
    from reconciler.model.revision import Revision
    from reconciler.model.status import PassResult
    from reconciler.ports import Check
    from tests.unit.reconcile.rig import Rig

IN_ORDER = UpkeepPlan(StructureState.VALIDATED)
CHANGES = (FileChange("fabrics/dc1/raw/a.yaml", None), FileChange("fabrics/dc1/managed/vpcs/a.yaml", b"a"))
ROUTED = (
    Routed("raw/a.yaml", "0" * 40, "0", 1, How.CREATED, "managed/vpcs/a.yaml"),
    Routed("raw/a.yaml", "0" * 40, "1", 9, How.UNMANAGED, "unmanaged/a-1.yaml", rule="NoKind", message="no kind"),
)
DUE = UpkeepPlan(StructureState.VALIDATED, CHANGES, ROUTED)


class FakeUpkeep:
    """Finds what it is given; `commit` makes the commit, and gives the branch's tip."""

    def __init__(self, commit: Callable[[], Revision]) -> None:
        self.found = IN_ORDER
        self.error: ReconcilerError | None = None
        self.next: list[UpkeepPlan] = []
        self.requests: list[str] = []
        self._commit = commit

    def look(self, revision: Revision, check: Check, *, is_first: bool = False) -> UpkeepPlan:
        return self.found

    def keep(self, check: Check, requests: Sequence[str] = (), *, is_first: bool = False) -> UpkeepPlan:
        self.requests += requests
        if self.error is not None:
            raise self.error
        tip = self._commit()
        found, self.found = self.found, self.next.pop(0) if self.next else IN_ORDER
        return replace(found, published=Published(tip, tip, Proposal(found.changes, "m"), 1))


@pytest.fixture
def upkeep(rig: Rig) -> FakeUpkeep:
    """The directory is ours to keep in order; a commit of ours declares the fabric."""

    def commit() -> Revision:
        rig.source.push(MANIFESTS)
        return rig.source.fetch()

    rig.fabric = replace(rig.fabric, structure=StructurePolicy())
    rig.upkeep = fake = FakeUpkeep(commit)
    rig.source.push(MANIFESTS[:1], raw=1)
    return fake


def test_a_commit_of_ours_is_what_is_applied(rig: Rig, upkeep: FakeUpkeep) -> None:
    """The pass goes on with its own commit, which says for whom it was made; the request succeeds."""
    upkeep.found = DUE
    request = rig.request()
    rig.run(request)

    assert upkeep.requests == [request.id]
    assert (rig.last.outcome, rig.last.counts["ingested"], rig.last.counts["put_aside"]) == (Outcome.SUCCEEDED, 1, 1)
    assert "1 taken in from raw/, 1 put aside to unmanaged/" in rig.last.message
    assert rig.record.applied_revision == rig.record.desired_revision == str(rig.source.last_fetched())
    assert rig.answered(request).state == "succeeded"
    assert rig.condition("StructureReady") == ("True", "InOrder")
    assert Phase.STRUCTURE in rig.last.phases


def test_nothing_to_do(rig: Rig, upkeep: FakeUpkeep) -> None:
    """No commit, and no word."""
    before = rig.source.fetch()
    rig.run()

    assert (upkeep.requests, rig.source.fetch()) == ([], before)
    assert "ingested" not in rig.last.counts


@pytest.mark.parametrize(
    ("error", "retry"),
    [(PushRefusedError("not on a Friday", reason="BranchProtected"), False), (GitUnavailableError("gone"), True)],
)
def test_what_cannot_be_pushed(rig: Rig, upkeep: FakeUpkeep, error: ReconcilerError, *, retry: bool) -> None:
    """What is managed already is applied; the pass says what is not done."""
    upkeep.found, upkeep.error = DUE, error
    following = rig.run()

    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, error.reason)
    assert rig.last.counts["created"] == 1
    assert rig.condition("StructureReady") == ("False", error.reason)
    assert following.is_retryable is retry


def test_a_directory_that_cannot_be_ours(rig: Rig, upkeep: FakeUpkeep) -> None:
    """Each reason is a failure that names its place."""
    problem = file_problem("fabrics/dc1/.hnp/manifest.yaml", "OtherFabric", "names another fabric")
    upkeep.found = UpkeepPlan(StructureState.FAILED, problems=(problem,))
    rig.run()

    assert (rig.last.outcome, rig.last.reason) == (Outcome.PARTIAL, "OtherFabric")
    assert [failure.subject for failure in rig.last.failures] == [problem.file]


def test_files_that_stay_are_no_failure(rig: Rig, upkeep: FakeUpkeep) -> None:
    """What lies in `raw/` and is no document is left alone."""
    problem = file_problem("fabrics/dc1/raw/a.png", "NotTakenIn", "no YAML", Severity.WARNING)
    upkeep.found = replace(IN_ORDER, problems=(problem,))
    rig.run()

    assert (rig.last.outcome, rig.condition("StructureReady")) == (Outcome.SUCCEEDED, ("True", "InOrder"))


def test_files_that_cannot_be_taken_in(rig: Rig, upkeep: FakeUpkeep) -> None:
    """They are named in the status for as long as they lie there."""
    upkeep.found = replace(IN_ORDER, problems=(file_problem("fabrics/dc1/raw/a.yaml", "FileTooLarge", "17 MiB"),))
    rig.run()

    assert (rig.last.outcome, rig.condition("StructureReady")) == (Outcome.PARTIAL, ("False", "FileTooLarge"))


def test_too_much_for_one_commit(rig: Rig, upkeep: FakeUpkeep) -> None:
    """What one commit cannot take in is taken in by the next one, in the same pass."""
    more = file_problem("fabrics/dc1/raw/b.yaml", WAITING, "the next commit takes it in", Severity.WARNING)
    upkeep.found = replace(DUE, problems=(more,))
    upkeep.next = [DUE]
    request = rig.request()
    rig.run(request)

    assert upkeep.requests == [request.id, request.id]
    assert (rig.last.counts["ingested"], rig.last.counts["put_aside"]) == (2, 2)
    assert rig.condition("StructureReady") == ("True", "InOrder")


def test_a_fabric_that_was_configured_otherwise_meanwhile(rig: Rig, upkeep: FakeUpkeep) -> None:
    """Nothing is committed to what was its place."""
    upkeep.found = DUE
    rig.run(by=rig.runner(Surroundings(is_current=lambda *_: False)))

    assert (upkeep.requests, rig.writes()) == ([], 0)


def test_the_commit_below_ours(rig: Rig, upkeep: FakeUpkeep) -> None:
    """A poll that commits has found what others pushed, and not what it made."""
    rig.run()
    tip = rig.source.push(MANIFESTS[:1], raw=1)
    upkeep.found = DUE
    results: list[PassResult] = []
    record_pass = rig.store.record_pass

    def recorded(result: PassResult) -> None:
        results.append(result)
        record_pass(result)

    with patch.object(rig.store, "record_pass", recorded):
        rig.run(rig.request(Trigger.POLL))

    (result,) = results
    assert result.found == str(tip)
    assert result.unannounced is not None
    assert result.unannounced.revision == str(tip)
    assert result.record.revision == str(rig.source.last_fetched()) != str(tip)


def test_nothing_is_pushed_where_that_is_not_wanted(rig: Rig, upkeep: FakeUpkeep) -> None:
    """What would be committed is told, and holds nothing else up."""
    rig.fabric = replace(rig.fabric, structure=StructurePolicy(is_pushing=False))
    upkeep.found = DUE
    rig.run()

    assert (rig.last.outcome, rig.last.reason) == (Outcome.BLOCKED, "NotPushed")
    assert upkeep.requests == []
    assert rig.last.counts["created"] == 1
    assert rig.condition("StructureReady") == ("False", "NotPushed")
    assert rig.condition("PruneBlocked") == ("False", "NothingBlocked")


def test_a_stop_is_no_failure(rig: Rig, upkeep: FakeUpkeep) -> None:
    """The next start makes the pass again."""
    upkeep.found, upkeep.error = DUE, StoppedError("the service is stopping")
    rig.run()

    assert rig.passes == []


def test_a_directory_that_is_ours_no_longer(rig: Rig, upkeep: FakeUpkeep) -> None:
    """Its condition goes with it."""
    rig.run()
    rig.fabric = replace(rig.fabric, structure=None)
    rig.run()

    assert "StructureReady" not in {condition.type for condition in rig.record.conditions}
    assert upkeep.found == IN_ORDER


def test_a_cluster_that_is_away(rig: Rig, upkeep: FakeUpkeep) -> None:
    """Documents are taken in by what the loader says of them; the pass fails for the cluster alone."""
    upkeep.found = DUE
    rig.cluster.fail("served", ClusterUnavailableError("gone"), times=2)
    rig.run()

    assert rig.last.counts["ingested"] == 1
    assert Phase.STRUCTURE not in {failure.phase for failure in rig.last.failures}


def test_passes_over_some_objects_leave_it_alone(rig: Rig, upkeep: FakeUpkeep) -> None:
    """Nothing was pushed since."""
    upkeep.found = DUE
    rig.run()
    upkeep.found = DUE
    rig.run_scoped(MANIFESTS[0].key)

    assert upkeep.found is DUE
