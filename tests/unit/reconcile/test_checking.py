"""Documents that their cluster would not take are refused before anything of them is sent."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from reconciler.desired.memory import MemorySource
from reconciler.errors import (
    ClusterAccessError,
    ClusterUnavailableError,
    GitUnavailableError,
    KindNotServedError,
    ReconcilerError,
)
from reconciler.model.desired import Desired
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.passes import SyncState
from reconciler.model.problems import Fault, Problem, Severity
from reconciler.model.revision import Revision
from reconciler.model.served import Schema, Served
from reconciler.plan import schema as plan_schema
from reconciler.reconcile import PassRunner, Subject
from reconciler.reconcile import schemas as reconcile_schemas
from reconciler.reconcile.checking import MAX_LINES, check
from reconciler.reconcile.schemas import Inspector, Verdicts
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments
from tests.unit.reconcile.rig import Rig, manifests, with_spec, without

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path as FilePath

    from reconciler.model.json import JSONObject
    from reconciler.model.problems import Path

LEAF = ObjectKey("Switch", "default", "leaf-01")
OPEN: JSONObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
STRICT = Schema({**OPEN, "properties": {"description": {"type": "string"}, "asn": {"type": "integer"}}})
NARROW = Schema({**OPEN, "properties": {"description": {"type": "string", "maxLength": 3}}})
REVISION = Revision("main", "0" * 40)


@pytest.fixture
def checking(tmp_path: FilePath) -> Rig:
    """A fabric whose cluster has a schema for switches."""
    rig = Rig(tmp_path)
    rig.local.claim({"Switch": STRICT})
    return rig


def changed(**fields: object) -> list[Manifest]:
    """The fabric, with other fields of one switch."""
    (leaf,) = [one for one in manifests() if one.key == LEAF]
    return with_spec(manifests(), LEAF, {**leaf.spec, **fields})


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[ObjectKey]:
    """The documents that were checked, each time that one was."""
    found: list[ObjectKey] = []

    def counted(manifest: Manifest, schema: Schema) -> tuple[Fault, ...]:
        found.append(manifest.key)
        return plan_schema.check_schema(manifest, schema)

    monkeypatch.setattr(reconcile_schemas, "check_schema", counted)
    return found


def applied(rig: Rig) -> set[str]:
    return {call.subject for call in rig.cluster.writes}


class TestAPass:
    def test_a_wrong_document_is_not_sent(self, checking: Rig) -> None:
        """It is refused with its place, counts as declared, and all others are applied."""
        checking.source.push(changed(asn="x"))

        checking.run()

        dependents = {name for name, state in checking.states().items() if state.state is SyncState.WAITING}
        assert applied(checking) == {str(one.key) for one in manifests()} - {str(LEAF)} - dependents
        assert (checking.last.outcome, checking.last.reason) == ("partial", "DocumentsRefused")
        assert checking.record.problems == (
            Problem(
                "fabrics/dc1/Switch/leaf-01.yaml",
                document=0,
                line=1,
                field="spec.asn",
                rule="WrongType",
                message="a whole number is wanted, not 'x'",
                key=LEAF,
            ),
        )
        assert checking.states()[str(LEAF)].state is SyncState.FAILED

    def test_nothing_is_deleted_beside_it(self, checking: Rig) -> None:
        """What was refused may be anything: neither it, nor what left Git, is pruned."""
        checking.source.push(manifests())
        checking.run()
        (vpc, *_) = [one.key for one in manifests() if one.key.kind == "VPC"]
        attached = [one.key for one in manifests() if one.key.kind == "VPCAttachment"]
        checking.source.push(without(changed(description=1), vpc, *attached))

        checking.run()

        assert [call.verb for call in checking.cluster.writes].count("delete") == 0
        assert checking.condition("PruneBlocked")[0] == "True"
        assert LEAF in {one.key for one in checking.local.list(LEAF.resource_kind)}

    def test_a_corrected_document_is_applied(self, checking: Rig) -> None:
        """And its problem is gone."""
        checking.source.push(changed(description=1))
        checking.run()
        checking.source.push(changed(description="one"))

        checking.run()

        assert checking.last.outcome == "succeeded"
        assert checking.record.problems == ()
        assert checking.verdict.status == "in_sync"

    def test_a_changed_schema_counts(self, checking: Rig) -> None:
        """What fitted is refused by another schema, although neither Git nor the object changed."""
        checking.source.push(changed(description="long"))
        checking.run()
        assert checking.last.outcome == "succeeded"
        checking.local.claim({"Switch": NARROW})

        checking.run()

        assert [problem.rule for problem in checking.record.problems if problem.key == LEAF] == ["WrongLength"]

    def test_a_fabric_without_a_cluster_is_not_checked(self, checking: Rig) -> None:
        """NetBox alone has no schemas."""
        checking.fabric = replace(checking.fabric, cluster=None)
        checking.source.push(changed(description=1))

        checking.run()

        assert checking.record.problems == ()

    def test_lines_that_cannot_be_looked_up(self, checking: Rig) -> None:
        """Then nothing is sent at all, the reason is told of every object, and another try is made."""

        class Unreadable(MemorySource):
            def lines(self, revision: Revision, places: Sequence[tuple[Source, Path]]) -> list[int]:
                raise GitUnavailableError(f"{revision} cannot be read, {len(places)} lines are wanted")

        checking.source.push(manifests())
        checking.run()
        writes = checking.cluster.writes
        checking.source = Unreadable()
        checking.source.push(changed(description=1))

        following = checking.run()

        assert checking.cluster.writes == writes
        assert (checking.last.outcome, checking.last.reason) == ("failed", "GitUnavailable")
        leaf = checking.states()[str(LEAF)]
        told = (leaf.state, leaf.reason, leaf.message)
        assert told == ("unknown", "DesiredUnknown", "nothing is planned: the documents could not be checked")
        assert following.is_retryable


class TestAScopedPass:
    """A pass over some objects; each is made by the runner of a process that goes on."""

    @pytest.fixture
    def synced(self, checking: Rig) -> Rig:
        checking.source.push(manifests())
        checking.run()
        assert checking.last.outcome == "succeeded"
        return checking

    def test_documents_are_checked(self, synced: Rig) -> None:
        """The first one of a process asks for the schemas itself."""
        synced.local.claim({"Switch": NARROW})
        synced.local.edit(LEAF, {"spec": {"description": "by hand"}})
        before = len(synced.cluster.writes)

        synced.run_scoped(LEAF)

        assert synced.last.scope == (LEAF,)
        assert synced.last.reason == "DocumentsRefused"
        assert len(synced.cluster.writes) == before

    def test_schemas_are_asked_for_by_full_passes(self, synced: Rig) -> None:
        """A later one judges by what is known."""
        runner = synced.runner()
        for _ in range(2):
            synced.run_scoped(LEAF, by=runner)
        synced.run(by=runner)
        synced.run_scoped(LEAF, by=runner)

        asked = [call.verb for call in synced.cluster.calls if call.verb == "served"]
        assert len(asked) == 1 + 1 + 1

    def test_the_same_documents_are_not_checked_again(self, synced: Rig, checks: list[ObjectKey]) -> None:
        """Each once by one process, in however many passes; a changed one once more."""
        runner = synced.runner()
        synced.run(by=runner)
        switches = sorted(one.key for one in manifests() if one.key.kind == "Switch")
        assert sorted(checks) == switches

        synced.run(by=runner)
        synced.run_scoped(LEAF, by=runner)
        assert sorted(checks) == switches


def test_a_removed_fabric_is_let_go(checking: Rig) -> None:
    """What passes found of its documents is forgotten with it, and with that the documents."""
    spec = Document(description="one")
    held = weakref.ref(spec)
    checking.source.push(with_spec(manifests(), LEAF, spec))
    subjects = {"dc1": Subject(checking.fabric, checking.source, checking.cluster, None)}
    stores = (checking.store, checking.store)
    runner = PassRunner(lambda: subjects, stores, checking.clock, checking.stop, checking)
    for _ in range(2):
        checking.run(by=runner)
    checking.source = MemorySource()
    checking.known.clear()
    subjects.clear()
    del spec
    gc.collect()
    assert held() is not None

    runner.forget("dc1")
    gc.collect()

    assert held() is None


class TestSchemasThatCannotBeRead:
    @pytest.mark.parametrize(
        "error", [ClusterAccessError("forbidden"), KindNotServedError("no OpenAPI document")], ids=["rights", "absent"]
    )
    def test_nothing_is_checked_and_that_is_said_once(self, checking: Rig, error: ReconcilerError) -> None:
        """The pass is made as if there were no schemas; the log says so once, and again after it was otherwise."""
        checking.fabric = replace(checking.fabric, netbox=None)
        checking.source.push(changed(description=1))
        checking.cluster.fail("served", error, times=2)
        runner = checking.runner()

        with capture_logs() as first:
            checking.run(by=runner)
            checking.run(by=runner)
        with capture_logs() as second:
            checking.run(by=runner)
            checking.cluster.fail("served", error)
            checking.run(by=runner)

        said = [[one for one in logs if one["event"] == "documents are not checked"] for logs in (first, second)]
        assert [len(one) for one in said] == [1, 1]
        assert (said[0][0]["fabric"], said[0][0]["reason"]) == ("dc1", error.reason)
        assert [one.outcome for one in checking.passes] == ["succeeded", "succeeded", "partial", "succeeded"]
        assert checking.record.connections["cluster"].last_error is None

    def test_a_cluster_that_is_away(self, checking: Rig) -> None:
        """It fails the pass as always, and nothing is sent unchecked; what is known to be wrong stays refused."""
        checking.source.push(changed(description=1))
        runner = checking.runner()
        checking.run(by=runner)
        before = len(checking.cluster.writes)
        checking.cluster.fail("served", ClusterUnavailableError("away"))

        checking.run(by=runner)

        assert (checking.last.outcome, checking.last.reason) == ("failed", "ClusterUnavailable")
        assert len(checking.cluster.writes) == before
        assert [problem.rule for problem in checking.record.problems] == ["WrongType"]


class TestInspector:
    def test_what_it_knows_goes_with_the_cluster(self) -> None:
        """A cluster that nobody uses any more is forgotten."""
        inspector, cluster = Inspector(), LocalCluster(MemoryDocuments(), "dc1")
        inspector.learn(cluster, "dc1")
        assert inspector.known(cluster).kinds

        del cluster
        gc.collect()

        assert inspector.known(LocalCluster(MemoryDocuments(), "dc1")) == Served()


class Document(dict[str, object]):
    """A spec of which can be told whether anybody holds it."""


class TestVerdicts:
    DOCUMENT = Manifest(LEAF, Source("x.yaml"), {"asn": "x"})

    def rules(
        self, verdicts: Verdicts, *manifests: Manifest, schema: Schema = STRICT, fabric: str = "dc1"
    ) -> list[str]:
        desired = Desired(REVISION, {one.key: one for one in manifests})
        return [fault.rule for fault in verdicts.faults(fabric, desired, {"Switch": schema})]

    def test_one_is_kept_while_both_are_the_same(self, checks: list[ObjectKey]) -> None:
        """The same spec under another path is the same document; an equal one is not, nor an equal schema, nor one of
        another name.
        """
        verdicts = Verdicts()
        moved = replace(self.DOCUMENT, source=Source("y.yaml"))
        assert self.rules(verdicts, self.DOCUMENT) == self.rules(verdicts, moved) == ["WrongType"]
        assert len(checks) == 1

        for manifest, schema in [
            (replace(self.DOCUMENT, spec={"asn": "x"}), STRICT),
            (replace(self.DOCUMENT, key=ObjectKey("Switch", "default", "leaf-02")), STRICT),
            (self.DOCUMENT, Schema(STRICT.body)),
        ]:
            assert self.rules(verdicts, manifest, schema=schema) == ["WrongType"]
        assert len(checks) == 4

    def test_fabrics_do_not_drop_what_others_know(self, checks: list[ObjectKey]) -> None:
        """Each declares its own documents, of which those of other kinds are not judged."""
        verdicts = Verdicts()
        vpc = Manifest(ObjectKey("VPC", "default", "v"), Source("v.yaml"), {})

        for fabric in ("dc1", "dc2") * 2:
            assert self.rules(verdicts, self.DOCUMENT, vpc, fabric=fabric) == ["WrongType"]

        assert checks == [LEAF] * 2

    def test_what_is_declared_no_longer_is_released(self) -> None:
        """A document that a commit changes or removes is held by nothing once the next one was checked."""
        verdicts, other = Verdicts(), ObjectKey("Switch", "default", "leaf-02")
        changed, kept = Document(asn=1), Document(asn=2)
        held = weakref.ref(changed), weakref.ref(kept)
        assert self.rules(verdicts, self.document(LEAF, changed), self.document(other, kept)) == []
        new = replace(self.DOCUMENT, spec={"asn": 3})

        self.rules(verdicts, new, self.document(other, kept))
        del changed
        gc.collect()
        assert [one() is not None for one in held] == [False, True]

        self.rules(verdicts, new)
        del kept
        gc.collect()
        assert [one() is not None for one in held] == [False, False]

    def document(self, key: ObjectKey, spec: JSONObject) -> Manifest:
        return Manifest(key, Source("x.yaml"), spec)


class TestChecks:
    KEYS = tuple(ObjectKey("VPC", "default", f"v{number:04}") for number in range(MAX_LINES + 2))

    def desired(self) -> Desired:
        return Desired(REVISION, {key: Manifest(key, Source("x.yaml", 0, 7), {}) for key in self.KEYS})

    def source(self) -> MemorySource:
        source = MemorySource()
        source.push(self.desired().manifests.values())
        source.fetch()
        return source

    def revised(self, source: MemorySource) -> Desired:
        revision = source.last_fetched()
        assert revision is not None
        return source.read(revision)

    def test_each_is_made_of_what_those_before_left(self) -> None:
        """What is refused by one is not judged by the next."""
        source = self.source()
        seen: list[ObjectKey] = []

        def first(desired: Desired) -> list[Fault]:
            return [Fault(self.KEYS[0], (), "First", "the first one")]

        def second(desired: Desired) -> list[Fault]:
            seen.extend(desired.manifests)
            return [Fault(self.KEYS[1], (), "Second", "the second one", Severity.WARNING)]

        left = check(self.revised(source), [first, second], source)

        assert tuple(seen) == self.KEYS[1:]
        assert tuple(left.manifests) == self.KEYS[1:]
        assert [problem.rule for problem in left.problems] == ["First", "Second"]

    def test_without_faults_nothing_is_looked_up(self) -> None:
        """The desired state is the one that was read."""
        source = self.source()
        desired = self.revised(source)

        assert check(desired, [lambda _: ()], source) is desired
        assert source.looked_up == []

    def test_lines_that_are_looked_up_are_bounded(self) -> None:
        """All together in one look; beyond a thousand, a fault stands where its document begins."""
        source = self.source()

        left = check(
            self.revised(source), [lambda _: [Fault(key, ("spec",), "Odd", "odd") for key in self.KEYS]], source
        )

        assert source.looked_up == [MAX_LINES]
        assert {problem.line for problem in left.problems} == {7}
        assert len(left.problems) == len(self.KEYS)
        assert left.manifests == {}
