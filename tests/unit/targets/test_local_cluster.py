"""The embedded cluster, beside what every cluster promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.errors import (
    ApplyConflictError,
    ClusterUnavailableError,
    KindNotServedError,
    ObjectRejectedError,
    StaleObjectError,
    StateError,
)
from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.model.objects import FIELD_MANAGER, Manifest, ObjectKey, Source
from reconciler.model.served import Schema
from reconciler.plan.fields import owner_of
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.faults import Call, FaultyCluster
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSONObject

VPC = KINDS["VPC"]


def _vpc(name: str = "v", **spec: object) -> JSONObject:
    return Manifest(ObjectKey("VPC", "default", name), Source("v.yaml"), spec).body("dc1")


def test_what_was_written_survives_a_restart() -> None:
    """Objects, their versions, and the count from which new ones are made."""
    documents = MemoryDocuments()
    before = LocalCluster(documents, "dc1")
    kept = before.apply(_vpc("kept", mode="x"))
    before.delete(before.apply(_vpc("gone")))

    after = LocalCluster(documents, "dc1")

    assert after.list(VPC) == (kept,)
    assert int(after.apply(_vpc("new")).resource_version) > int(kept.resource_version) + 2


def test_clusters_in_one_store_do_not_see_each_other() -> None:
    """Each has its own collection and address."""
    documents = MemoryDocuments()
    one, two = LocalCluster(documents, "dc1"), LocalCluster(documents, "dc2")
    one.apply(_vpc())

    assert two.list(VPC) == ()
    assert (one.address, two.address) == ("local:dc1", "local:dc2")


def test_the_same_calls_make_the_same_objects() -> None:
    """Nothing is random and nothing looks at a clock."""
    clusters = [LocalCluster(MemoryDocuments(), "dc1") for _ in range(2)]

    made = [(one.apply(_vpc("a")), one.apply(_vpc("b", mode="x")), one.apply(_vpc("a", mode="y"))) for one in clusters]

    assert made[0] == made[1]


def test_objects_are_listed_by_name() -> None:
    """In whatever order they were made."""
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    for name in ("b", "c", "a"):
        cluster.apply(_vpc(name))

    assert [one.key.name for one in cluster.list(VPC)] == ["a", "b", "c"]


class _FailingDocuments(MemoryDocuments):
    """A store whose disk is full."""

    def save(self, collection: str, changes: Mapping[str, JSONObject | None]) -> None:
        raise StateError(f"cannot write {len(changes)} documents of {collection}")


def test_what_could_not_be_stored_did_not_happen() -> None:
    """Memory follows the store, not the other way round."""
    cluster = LocalCluster(_FailingDocuments(), "dc1")

    with pytest.raises(StateError):
        cluster.apply(_vpc())

    assert cluster.list(VPC) == ()


def test_an_unserved_kind_is_refused() -> None:
    """For lists and applies; and so is another version of a kind."""
    cluster = LocalCluster(MemoryDocuments(), "dc1", served={"Server"})

    with pytest.raises(KindNotServedError):
        cluster.list(VPC)
    with pytest.raises(KindNotServedError):
        cluster.apply(_vpc())
    with pytest.raises(KindNotServedError, match="v9"):
        LocalCluster(MemoryDocuments(), "dc1").apply({**_vpc(), "apiVersion": "vpc.githedgehog.com/v9"})


@pytest.mark.parametrize(
    "metadata",
    [{}, {"name": 5}, {"name": ""}, {"name": "A"}, {"name": "a_b"}, {"name": "a" * 254}, {"name": "a"}],
    ids=["no name", "number", "empty", "upper case", "underscore", "too long", "no namespace"],
)
def test_identities_are_checked(metadata: JSONObject) -> None:
    """As an API server does."""
    with pytest.raises(ObjectRejectedError, match="metadata"):
        LocalCluster(MemoryDocuments(), "dc1").apply({**_vpc(), "metadata": metadata})


def test_an_edit_needs_an_object() -> None:
    """There is nothing to patch otherwise."""
    with pytest.raises(StaleObjectError):
        LocalCluster(MemoryDocuments(), "dc1").edit(ObjectKey("VPC", "default", "v"), {"spec": {}})


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    """Neither version nor ownership moves."""
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    applied = cluster.apply(_vpc(mode="x"))

    assert cluster.edit(applied.key, {"spec": {"mode": "x"}}) == applied


def test_nulls_are_not_stored() -> None:
    """Left out, and `{}` where the name of a map's entry means something."""
    applied = LocalCluster(MemoryDocuments(), "dc1").apply(_vpc(mode=None, subnets={"a": None, "b": {"dhcp": None}}))

    assert applied.spec == {"subnets": {"a": {}, "b": {}}}


def test_what_is_emptied_by_the_last_owner_goes() -> None:
    """Object by object, up to one that somebody owns."""
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    cluster.apply(_vpc(subnets={"a": {"dhcp": {"options": {"pxeURL": "x"}}}}), manager="argocd")

    applied = cluster.apply(_vpc(subnets={"a": {}}), manager="argocd")

    assert applied.spec == {"subnets": {"a": {}}}


def test_a_value_under_an_odd_parent_replaces_it() -> None:
    """An object where a scalar was: what we let go of inside it is gone already."""
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    applied = cluster.apply(_vpc(subnets={"a": {"dhcp": {"enable": True}}}))
    cluster.edit(applied.key, {"spec": {"subnets": {"a": {"dhcp": "odd"}}}})

    assert cluster.apply(_vpc(subnets={"a": {"vlan": 1}})).spec == {"subnets": {"a": {"dhcp": "odd", "vlan": 1}}}


def test_admission_rewrites_what_was_applied() -> None:
    """The value is admission's, the field stays the applier's: to apply the same again changes nothing."""
    cluster = LocalCluster(MemoryDocuments(), "dc1")
    cluster.admit(lambda body: {**body, "spec": {**body["spec"], "mode": "stored"}})

    applied = cluster.apply(_vpc(mode="asked"))

    assert applied.spec == {"mode": "stored"}
    assert owner_of(applied, ".spec.mode") == FIELD_MANAGER
    assert cluster.dry_run(_vpc(mode="asked")) == cluster.apply(_vpc(mode="asked")) == applied


def test_schemas_are_what_it_was_told() -> None:
    """By default there are none; a kind that is not served has none in any case."""
    cluster, schema = LocalCluster(MemoryDocuments(), "dc1", served=["VPC", "Server"]), Schema({"type": "object"})
    before = cluster.served()

    cluster.claim({"VPC": schema, "Switch": schema})

    assert before.kinds.keys() == {"VPC", "Server"}
    assert before.schema(VPC) is None
    assert cluster.served().schema(VPC) is schema
    assert cluster.served().schema(KINDS["Server"]) is cluster.served().schema(KINDS["Switch"]) is None


class TestFaults:
    """A cluster that fails when told to."""

    @pytest.fixture
    def cluster(self) -> FaultyCluster:
        return FaultyCluster(LocalCluster(MemoryDocuments(), "dc1"))

    AWAY = ClusterUnavailableError("away")

    def test_without_faults_it_passes_everything_on(self, cluster: FaultyCluster) -> None:
        """And remembers it."""
        applied = cluster.apply(_vpc())

        assert cluster.list(VPC) == (applied,)
        assert cluster.dry_run(_vpc()) == applied
        cluster.delete(applied)
        assert (cluster.version(), cluster.denied(DECLARABLE, ["list"]), cluster.address) == (
            "embedded",
            (),
            "local:dc1",
        )
        assert cluster.served().kinds.keys() == KINDS.keys()
        assert cluster.writes == (Call("apply", "VPC/v"), Call("delete", "VPC/v"))
        verbs = ["apply", "list", "dry_run", "delete", "version", "denied", "served"]
        assert [call.verb for call in cluster.calls] == verbs

    def test_a_fault_lasts_as_long_as_it_was_told(self, cluster: FaultyCluster) -> None:
        """Two calls fail, the third does not; failed ones are remembered too."""
        cluster.fail("list", self.AWAY, times=2)

        for _ in range(2):
            with pytest.raises(ClusterUnavailableError):
                cluster.list(VPC)

        assert cluster.list(VPC) == ()
        assert len(cluster.calls) == 3

    def test_a_fault_may_be_about_one_object(self, cluster: FaultyCluster) -> None:
        """Others are not affected, nor other calls about it."""
        cluster.fail("apply", ApplyConflictError("theirs", {".spec.mode": "argocd"}), subject="VPC/b")

        applied = cluster.apply(_vpc("a"))
        with pytest.raises(ApplyConflictError):
            cluster.apply(_vpc("b"))

        assert cluster.list(VPC) == (applied,)

    def test_a_late_fault_loses_only_the_answer(self, cluster: FaultyCluster) -> None:
        """The write was done."""
        cluster.fail("apply", self.AWAY, is_late=True)

        with pytest.raises(ClusterUnavailableError):
            cluster.apply(_vpc())

        assert [one.key.name for one in cluster.list(VPC)] == ["v"]


def test_documents_in_memory_are_copies() -> None:
    """What was saved does not follow what is done to it afterwards; None deletes."""
    documents, saved = MemoryDocuments(), {"value": [1]}
    documents.save("c", {"a": saved, "b": {}})
    saved["value"].append(2)
    documents.load("c")["a"]["value"].append(3)

    documents.save("c", {"b": None, "absent": None})

    assert documents.load("c") == {"a": {"value": [1]}}
    assert documents.load("other") == {}
