"""What every implementation of `ports.Cluster` promises, as one suite; here for the embedded cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import pytest

from reconciler.errors import ApplyConflictError, KindNotServedError, ObjectRejectedError, StaleObjectError
from reconciler.model.kinds import DECLARABLE, KINDS, OBSERVED, Kind
from reconciler.model.objects import FIELD_MANAGER, Manifest, ObjectKey, Source
from reconciler.plan.fields import declared_paths, owned_paths, owner_of
from reconciler.targets.local.cluster import LocalCluster
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from reconciler.model.json import JSONObject
    from reconciler.ports import Cluster

FABRIC = "dc1"
VPC = KINDS["VPC"]


class Others(Protocol):
    """People and programs that write to the same cluster."""

    def apply(self, body: JSONObject, manager: str) -> None:
        """Server-side apply."""

    def edit(self, key: ObjectKey, patch: JSONObject, manager: str) -> None:
        """A JSON merge patch, which takes fields without asking."""


def vpc(namespace: str, name: str = "vpc-1", **spec: object) -> JSONObject:
    """The body of a VPC as we apply it."""
    return Manifest(ObjectKey("VPC", namespace, name), Source("vpc.yaml"), spec).body(FABRIC)


def with_labels(body: JSONObject, **labels: str) -> JSONObject:
    return {**body, "metadata": {**body["metadata"], "labels": labels}}


def subnets(**vlans: int) -> JSONObject:
    return {name: {"subnet": f"10.0.{vlan % 256}.0/24", "vlan": vlan} for name, vlan in vlans.items()}


class ClusterContract:
    """Subclasses provide the fixtures `cluster`, `others` and `namespace`."""

    def test_nothing_is_listed_of_an_empty_cluster(self, cluster: Cluster) -> None:
        """Every kind can be listed, and has no objects."""
        assert [cluster.list(kind) for kind in DECLARABLE] == [()] * len(DECLARABLE)

    def test_a_kind_that_is_not_served_says_so(self, cluster: Cluster) -> None:
        """Listing it is an error, not an empty answer."""
        with pytest.raises(KindNotServedError):
            cluster.list(Kind("Nonesuch", "wiring.githedgehog.com", "v1beta1", "nonesuches", 0))

    def test_apply_creates_what_is_absent(self, cluster: Cluster, namespace: str) -> None:
        """The answer is the object as listed: with identity, marks, and our ownership of all that we declared."""
        body = with_labels(vpc(namespace, subnets=subnets(a=1001)), team="net")

        applied = cluster.apply(body)

        assert applied.uid
        assert applied.resource_version
        assert applied.generation == 1
        assert (applied.spec, applied.labels) == (body["spec"], {"team": "net"})
        assert applied.is_marked(FABRIC)
        assert declared_paths(body) <= owned_paths(applied)
        assert cluster.list(VPC) == (applied,)

    def test_an_equal_apply_changes_nothing(self, cluster: Cluster, namespace: str) -> None:
        """The resource version stays."""
        body = vpc(namespace, subnets=subnets(a=1001))

        assert cluster.apply(body) == cluster.apply(body)

    def test_generation_follows_the_spec(self, cluster: Cluster, namespace: str) -> None:
        """It moves with the spec, not with labels; the resource version moves with both, the uid with neither."""
        first = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
        second = cluster.apply(with_labels(vpc(namespace, subnets=subnets(a=1001)), team="net"))
        third = cluster.apply(vpc(namespace, subnets=subnets(a=1002)))

        assert [one.generation for one in (first, second, third)] == [1, 1, 2]
        assert len({one.resource_version for one in (first, second, third)}) == 3
        assert {one.uid for one in (first, second, third)} == {first.uid}

    @pytest.mark.parametrize(
        ("before", "after", "left"),
        [
            pytest.param({"defaultIsolated": True, "subnets": {}}, {"subnets": {}}, {}, id="scalar"),
            pytest.param(
                {"subnets": subnets(a=1, b=2)},
                {"subnets": subnets(a=1)},
                {"subnets": subnets(a=1)},
                id="entry of a map",
            ),
            pytest.param(
                {"subnets": {"a": {"vlan": 1, "dhcp": {"enable": True}}}},
                {"subnets": {"a": {"vlan": 1}}},
                {"subnets": {"a": {"vlan": 1}}},
                id="last member of an object",
            ),
            pytest.param(
                {"subnets": {"a": {"vlan": 1, "dhcp": {"range": {"start": "10.0.0.9"}}}}},
                {"subnets": {"a": {"vlan": 1}}},
                {"subnets": {"a": {"vlan": 1}}},
                id="last member two levels down",
            ),
            pytest.param({"subnets": subnets(a=1)}, {}, {}, id="all of the spec"),
            pytest.param({"permit": [["a"], ["b"]]}, {"permit": [["b"]]}, {"permit": [["b"]]}, id="item of a list"),
        ],
    )
    def test_what_is_no_longer_declared_goes(
        self, cluster: Cluster, namespace: str, before: JSONObject, after: JSONObject, left: JSONObject
    ) -> None:
        """A field that only we owned is removed; an object that this empties counts as absent."""
        cluster.apply(vpc(namespace, **before))

        applied = cluster.apply(vpc(namespace, **after))

        assert _without_empty(applied.spec) == left
        assert cluster.list(VPC) == (applied,)

    def test_a_label_that_is_no_longer_declared_goes(self, cluster: Cluster, namespace: str) -> None:
        """Labels are fields like others."""
        cluster.apply(with_labels(vpc(namespace, subnets=subnets(a=1001)), team="net", tier="one"))

        applied = cluster.apply(with_labels(vpc(namespace, subnets=subnets(a=1001)), team="net"))

        assert applied.labels == {"team": "net"}

    def test_fields_of_others_stay(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """What we let go of goes, and what another manager put beside it stays."""
        cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1001}}))
        others.apply(vpc(namespace, subnets={"a": {"isolated": True}}), "argocd")

        applied = cluster.apply(vpc(namespace))

        assert applied.spec == {"subnets": {"a": {"isolated": True}}}
        assert owner_of(applied, ".spec.subnets.a.isolated") == "argocd"

    def test_another_managers_field_is_a_conflict(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """The error names each field as the API spells it, and its manager; nothing is written."""
        body = vpc(namespace, subnets={"b.c": {"vlan": 1001, "dhcp": {"enable": True}}}, permit=[["a"]])
        body["metadata"]["annotations"]["x.example/y.z"] = "1"
        others.apply(body, "argocd")
        (before,) = cluster.list(VPC)
        ours = vpc(namespace, subnets={"b.c": {"vlan": 1002, "dhcp": {"enable": False}}}, permit=[["b"]])
        ours["metadata"]["annotations"]["x.example/y.z"] = "2"

        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(ours)

        assert raised.value.conflicts == {
            ".metadata.annotations.x.example/y.z": "argocd",
            ".spec.permit": "argocd",
            ".spec.subnets.b.c.dhcp.enable": "argocd",
            ".spec.subnets.b.c.vlan": "argocd",
        }
        assert cluster.list(VPC) == (before,)

    def test_conflicts_are_spelled_as_our_paths_are(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """Every leaf of a body that differs everywhere is a conflict under its own rendered path."""
        mine = vpc(namespace, subnets=subnets(a=1, **{"b.c": 2}), permit=[["a"]], defaultIsolated=True)
        theirs = vpc(namespace, subnets=subnets(a=3, **{"b.c": 4}), permit=[["b"]], defaultIsolated=False)
        theirs["metadata"]["annotations"] = {"hnp.githedgehog.com/fabric": "x", "hnp.githedgehog.com/managed-by": "y"}
        others.apply(theirs, "argocd")

        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(mine)

        assert raised.value.conflicts.keys() == declared_paths(mine)

    def test_force_takes_fields(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """The value is ours and so is the field; what was not in conflict stays with its manager."""
        others.apply(vpc(namespace, subnets={"a": {"vlan": 1001, "isolated": True}}), "argocd")

        applied = cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1002}}), force=True)

        assert applied.spec == {"subnets": {"a": {"vlan": 1002, "isolated": True}}}
        assert owner_of(applied, ".spec.subnets.a.vlan") == FIELD_MANAGER
        assert owner_of(applied, ".spec.subnets.a.isolated") == "argocd"

    def test_equal_values_are_shared(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """Applying what is there already is no conflict, and makes two owners: letting go of it leaves it there."""
        others.apply(vpc(namespace, subnets=subnets(a=1001)), "argocd")
        shared = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))

        released = cluster.apply(vpc(namespace))

        assert ".spec.subnets.a.vlan" in owned_paths(shared)
        assert owned_paths(released).isdisjoint({".spec.subnets.a.vlan", ".spec.subnets.a"})
        assert released.spec == {"subnets": subnets(a=1001)}

    def test_an_empty_entry_owns_what_it_comes_to_hold(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """Who owns an object without members owns what others put into it: to change our own field is a conflict."""
        others.apply(vpc(namespace, subnets={"a": {}}), "argocd")
        applied = cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1001}}))

        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(vpc(namespace, subnets={"a": {"vlan": 1002}}))

        assert raised.value.conflicts == {".spec.subnets.a.vlan": "argocd"}
        assert owner_of(applied, ".spec.subnets.a.vlan") == "argocd"

    def test_an_edit_takes_fields_silently(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """After it, the field is no longer among ours, and our next apply meets a conflict that names the editor."""
        applied = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
        others.edit(applied.key, {"spec": {"subnets": {"a": {"vlan": 1002}}}}, "kubectl-edit")

        (edited,) = cluster.list(VPC)
        with pytest.raises(ApplyConflictError) as raised:
            cluster.apply(vpc(namespace, subnets=subnets(a=1001)))

        assert edited.spec["subnets"]["a"]["vlan"] == 1002
        assert ".spec.subnets.a.vlan" not in owned_paths(edited)
        assert owner_of(edited, ".spec.subnets.a.vlan") == "kubectl-edit"
        assert raised.value.conflicts == {".spec.subnets.a.vlan": "kubectl-edit"}

    def test_a_removed_field_comes_back_without_force(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """Nobody owns what is not there."""
        body = vpc(namespace, subnets=subnets(a=1001))
        others.edit(cluster.apply(body).key, {"spec": {"subnets": {"a": {"vlan": None}}}}, "kubectl-edit")

        assert cluster.apply(body).spec == body["spec"]

    def test_a_dry_run_tells_and_writes_nothing(self, cluster: Cluster, namespace: str) -> None:
        """The answer is the object as an apply would leave it; the object stays as it is, of the same identity."""
        before = cluster.apply(vpc(namespace, subnets=subnets(a=1001), defaultIsolated=True))

        told = cluster.dry_run(vpc(namespace, subnets=subnets(a=1002)))

        assert told.spec == {"subnets": subnets(a=1002)}
        assert told.uid == before.uid
        assert cluster.list(VPC) == (before,)

    def test_a_dry_run_of_what_is_there_changes_nothing(self, cluster: Cluster, namespace: str) -> None:
        """The answer is the very object, in its present version."""
        body = vpc(namespace, subnets=subnets(a=1001))
        applied = cluster.apply(body)

        assert cluster.dry_run(body) == applied

    def test_a_dry_run_creates_nothing(self, cluster: Cluster, namespace: str) -> None:
        """What is absent is answered as if it were created, and is absent still."""
        told = cluster.dry_run(vpc(namespace, subnets=subnets(a=1001)))

        assert told.spec == {"subnets": subnets(a=1001)}
        assert cluster.list(VPC) == ()

    def test_a_dry_run_takes_fields_of_others(self, cluster: Cluster, others: Others, namespace: str) -> None:
        """It asks what would be stored, not whose the fields are: there is no conflict, and nobody loses anything."""
        others.apply(vpc(namespace, subnets={"a": {"vlan": 1001, "isolated": True}}), "argocd")

        told = cluster.dry_run(vpc(namespace, subnets={"a": {"vlan": 1002}}))

        (after,) = cluster.list(VPC)
        assert told.spec == {"subnets": {"a": {"vlan": 1002, "isolated": True}}}
        assert owner_of(told, ".spec.subnets.a.vlan") == FIELD_MANAGER
        assert owner_of(after, ".spec.subnets.a.vlan") == "argocd"

    def test_a_dry_run_of_an_impossible_name_is_rejected(self, cluster: Cluster, namespace: str) -> None:
        """As the apply would be, and the error says which object."""
        with pytest.raises(ObjectRejectedError, match="Not_A_Name"):
            cluster.dry_run(vpc(namespace, name="Not_A_Name"))

    def test_delete_removes(self, cluster: Cluster, namespace: str) -> None:
        """The object that was read is deleted; to delete it again is fine."""
        applied = cluster.apply(vpc(namespace))
        kept = cluster.apply(vpc(namespace, name="vpc-2"))

        cluster.delete(applied)
        cluster.delete(applied)

        assert cluster.list(VPC) == (kept,)

    def test_delete_refuses_a_newer_version(self, cluster: Cluster, namespace: str) -> None:
        """An object that changed since it was read stays."""
        read = cluster.apply(vpc(namespace, subnets=subnets(a=1001)))
        changed = cluster.apply(vpc(namespace, subnets=subnets(a=1002)))

        with pytest.raises(StaleObjectError):
            cluster.delete(read)

        assert cluster.list(VPC) == (changed,)

    def test_delete_refuses_another_object_of_the_name(self, cluster: Cluster, namespace: str) -> None:
        """An object that was made anew stays, whatever its version."""
        first = cluster.apply(vpc(namespace))
        cluster.delete(first)
        second = cluster.apply(vpc(namespace))

        with pytest.raises(StaleObjectError):
            cluster.delete(replace(first, resource_version=second.resource_version))

        assert second.uid != first.uid
        assert cluster.list(VPC) == (second,)

    def test_an_impossible_name_is_rejected(self, cluster: Cluster, namespace: str) -> None:
        """The object is at fault, and the error says which."""
        with pytest.raises(ObjectRejectedError, match="Not_A_Name"):
            cluster.apply(vpc(namespace, name="Not_A_Name"))

    def test_eight_threads_at_once(self, cluster: Cluster, namespace: str) -> None:
        """Concurrent applies all arrive, each with its own version."""
        with ThreadPoolExecutor(8) as pool:
            applied = list(pool.map(lambda n: cluster.apply(vpc(namespace, name=f"vpc-{n}")), range(40)))

        assert len({one.resource_version for one in applied}) == 40
        assert {one.key: one for one in cluster.list(VPC)} == {one.key: one for one in applied}

    def test_the_server_introduces_itself(self, cluster: Cluster) -> None:
        """Version and address are there, and nothing that we need is denied."""
        assert cluster.version()
        assert cluster.address
        assert cluster.denied(DECLARABLE, ["list", "watch", "create", "patch", "delete"]) == ()

    def test_what_is_served(self, cluster: Cluster) -> None:
        """Every kind, in the version and under the plural that we use."""
        served = cluster.served()

        assert [kind.name for kind in OBSERVED if served.find(kind) is None] == []
        assert [served.others(kind) for kind in OBSERVED] == [()] * len(OBSERVED)

    def test_schemas_stay_while_they_are_the_same(self, cluster: Cluster) -> None:
        """The very same, for what was found by them still holds."""
        first, second = cluster.served(), cluster.served()

        assert [first.schema(kind) for kind in OBSERVED] == [second.schema(kind) for kind in OBSERVED]


def _without_empty(spec: JSONObject) -> JSONObject:
    found = {name: _without_empty(value) if isinstance(value, dict) else value for name, value in spec.items()}
    return {name: value for name, value in found.items() if value != {}}


class LocalOthers:
    """Other managers of an embedded cluster."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster

    def apply(self, body: JSONObject, manager: str) -> None:
        self._cluster.apply(body, manager=manager)

    def edit(self, key: ObjectKey, patch: JSONObject, manager: str) -> None:
        self._cluster.edit(key, patch, manager)


class TestLocalCluster(ClusterContract):
    @pytest.fixture
    def cluster(self) -> LocalCluster:
        return LocalCluster(MemoryDocuments(), "lab")

    @pytest.fixture
    def others(self, cluster: LocalCluster) -> LocalOthers:
        return LocalOthers(cluster)

    @pytest.fixture
    def namespace(self) -> str:
        return "default"
