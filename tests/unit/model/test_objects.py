"""Objects as Git declares them and as a cluster holds them: identity, body, digest and marks of ownership."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.model.kinds import KINDS
from reconciler.model.objects import FIELD_MANAGER, Manifest, ObjectKey, Resource, Source, digest

VPC = ObjectKey("VPC", "default", "vpc-1")
SOURCE = Source("fabrics/dc1/vpc.yaml")
OURS = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": {"f:vlan": {}}}}
MARKS = {"hnp.githedgehog.com/managed-by": "hedgehog-reconciler", "hnp.githedgehog.com/fabric": "dc1"}


def _resource(managed: list[dict[str, Any]], annotations: dict[str, str]) -> Resource:
    return Resource(VPC, "uid", "1", {}, annotations=annotations, managed_fields=tuple(managed))


def test_identity() -> None:
    """An object is called by kind and name, and its kind is one that the reconciler knows."""
    assert str(VPC) == "VPC/vpc-1"
    assert VPC.resource_kind is KINDS["VPC"]


def test_body() -> None:
    """What is applied is the document with our marks, which win over what the document says of them."""
    declared = {"note": "x", "hnp.githedgehog.com/fabric": "another"}
    manifest = Manifest(VPC, SOURCE, {"vlan": 1}, {"app": "a"}, declared)

    assert manifest.body("dc1") == {
        "apiVersion": "vpc.githedgehog.com/v1beta1",
        "kind": "VPC",
        "metadata": {
            "name": "vpc-1",
            "namespace": "default",
            "labels": {"app": "a"},
            "annotations": {"note": "x", **MARKS},
        },
        "spec": {"vlan": 1},
    }
    assert declared["hnp.githedgehog.com/fabric"] == "another"


def test_body_without_labels() -> None:
    """Labels that nobody declared are not sent: an empty map would be a declaration."""
    metadata = Manifest(VPC, SOURCE, {}).body("dc1")["metadata"]

    assert metadata == {"name": "vpc-1", "namespace": "default", "annotations": MARKS}


def test_digest() -> None:
    """The digest tells bodies apart by their content, not by the order of their keys."""
    body = {"a": 1, "b": {"c": "ü", "d": [1, 2]}}

    assert digest(body) == digest({"b": {"d": [1, 2], "c": "ü"}, "a": 1})
    assert digest(body) != digest({"a": 1, "b": {"c": "ü", "d": [2, 1]}})
    assert digest(body) != digest({"a": "1", "b": {"c": "ü", "d": [1, 2]}})
    assert len(digest({})) == 64


def test_from_body() -> None:
    """A resource is read from an object of the API; its kind is the caller's."""
    body = {
        "metadata": {
            "name": "vpc-1",
            "namespace": "default",
            "uid": "u",
            "resourceVersion": "7",
            "generation": 3,
            "labels": {"app": "a"},
            "annotations": {"note": "x"},
            "managedFields": [OURS],
            "deletionTimestamp": "2026-03-01T12:00:00Z",
            "ownerReferences": [{"kind": "VPC", "name": "x", "uid": "y"}],
        },
        "spec": {"vlan": 1},
        "status": {"ignored": True},
    }

    assert Resource.from_body(body, KINDS["VPC"]) == Resource(
        VPC,
        "u",
        "7",
        {"vlan": 1},
        {"app": "a"},
        {"note": "x"},
        (OURS,),
        generation=3,
        is_deleting=True,
        has_owner=True,
    )


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"name": "vpc-1"}, id="absent"),
        pytest.param(
            {
                "name": "vpc-1",
                "namespace": None,
                "labels": None,
                "annotations": None,
                "managedFields": None,
                "generation": None,
                "ownerReferences": None,
            },
            id="null",
        ),
    ],
)
def test_from_a_body_with_gaps(metadata: dict[str, Any]) -> None:
    """Parts that are absent or null are empty."""
    found = Resource.from_body({"metadata": metadata, "spec": None}, KINDS["VPC"])

    assert found == Resource(ObjectKey("VPC", "", "vpc-1"), "", "", {})


def test_objects_that_are_alike_share_memory() -> None:
    """The fields that a manager owns are one value for all objects in which they are the same."""
    bodies = [
        {"metadata": {"name": name, "managedFields": [{**OURS, "fieldsV1": {"f:spec": {"f:vlan": {}}}, "time": name}]}}
        for name in ("a", "b")
    ]
    one, other = (Resource.from_body(body, KINDS["VPC"]).managed_fields[0] for body in bodies)

    assert one["fieldsV1"] is other["fieldsV1"]
    assert one == {**OURS, "time": "a"}


@pytest.mark.parametrize(
    ("managed", "expected"),
    [
        pytest.param([], None, id="nobody manages it"),
        pytest.param([OURS | {"manager": "kubectl"}], None, id="somebody else does"),
        pytest.param([OURS | {"operation": "Update"}], None, id="an update is no apply"),
        pytest.param([OURS | {"manager": "kubectl"}, OURS], OURS["fieldsV1"], id="among others"),
        pytest.param([OURS | {"fieldsV1": None}], {}, id="no field is left"),
    ],
)
def test_our_fields(managed: list[dict[str, Any]], expected: dict[str, Any] | None) -> None:
    """Only applies under our field manager count as ours."""
    assert _resource(managed, {}).our_fields() == expected


@pytest.mark.parametrize(
    ("managed", "annotations", "expected"),
    [
        pytest.param([OURS], MARKS, True, id="all three marks"),
        pytest.param([OURS], MARKS | {"note": "x"}, True, id="and more"),
        pytest.param([], MARKS, False, id="never applied by us"),
        pytest.param([OURS], {}, False, id="no annotations"),
        pytest.param([OURS], MARKS | {"hnp.githedgehog.com/fabric": "dc2"}, False, id="another fabric's"),
        pytest.param([OURS], MARKS | {"hnp.githedgehog.com/managed-by": "argocd"}, False, id="managed by another"),
    ],
)
def test_marks(managed: list[dict[str, Any]], annotations: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - a column of the table
    """An object belongs to a fabric only with both annotations and our field manager's entry."""
    assert _resource(managed, annotations).is_marked("dc1") is expected


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"f:a": value}
    return value


ODD_METADATA: dict[str, dict[str, Any]] = {
    "an empty name": {"name": ""},
    "name": {"name": ["a"]},
    "namespace": {"namespace": 1},
    "uid": {"uid": 1},
    "version": {"resourceVersion": 5},
    "labels": {"labels": ["a"]},
    "annotations": {"annotations": "a"},
    "managers": {"managedFields": {}},
    "a manager": {"managedFields": [1]},
    "a manager's fields": {"managedFields": [{"fieldsV1": []}]},
    "fields in fields": {"managedFields": [{"fieldsV1": _nested(100_000)}]},
    "generation": {"generation": "1"},
}
ODD_BODIES: dict[str, Any] = {
    "null": None,
    "a list": [],
    "no name": {},
    "metadata": {"metadata": "x"},
    "spec": {"metadata": {"name": "a"}, "spec": []},
    **{name: {"metadata": {"name": "a", **odd}} for name, odd in ODD_METADATA.items()},
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
def test_from_what_is_no_object(body: Any) -> None:
    """It is refused where it is read, and not where somebody relies on it later."""
    with pytest.raises((TypeError, ValueError)):
        Resource.from_body(body, KINDS["VPC"])
