"""What a cluster serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.kinds import DECLARABLE, KINDS
from reconciler.model.served import Schema, Served, ServedKind

if TYPE_CHECKING:
    from reconciler.model.json import JSON

VPC = KINDS["VPC"]


def served(version: str = VPC.version, plural: str = VPC.plural, schema: Schema | None = None) -> ServedKind:
    return ServedKind("VPC", VPC.group, version, plural, schema)


def test_a_schema_is_equal_to_itself_only() -> None:
    """Two of one content are two: verdicts are kept by identity."""
    one, other = Schema({"type": "object"}), Schema({"type": "object"})

    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    ("openapi", "body"),
    [
        ({"type": "object", "properties": {"spec": {"type": "object"}, "status": {}}}, {"type": "object"}),
        ({"type": "object", "properties": {"status": {}}}, None),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, None),
        ({"properties": {"spec": None}}, None),
        ({"properties": []}, None),
        (None, None),
    ],
)
def test_of_an_object_the_spec_is_checked(openapi: JSON, body: JSON) -> None:
    """Where its schema says nothing of the spec, there is nothing to check."""
    found = Schema.of_object(openapi)

    assert (found.body if found else None) == body


def test_the_version_that_is_used_is_found() -> None:
    """Among others, with its schema."""
    schema = Schema({})
    found = Served.of([served("v1beta2"), served(schema=schema)])

    assert found.find(VPC) == served(schema=schema)
    assert found.schema(VPC) is schema
    assert found.others(VPC) == ()


@pytest.mark.parametrize(
    ("kinds", "others"),
    [
        ([], ()),
        (
            [served("v1beta2"), served("v1alpha1")],
            ("vpcs.vpc.githedgehog.com/v1alpha1", "vpcs.vpc.githedgehog.com/v1beta2"),
        ),
        ([served(plural="vpcees")], ("vpcees.vpc.githedgehog.com/v1beta1",)),
    ],
    ids=["not at all", "other versions", "other plural"],
)
def test_a_kind_that_is_served_otherwise(kinds: list[ServedKind], others: tuple[str, ...]) -> None:
    """It is not found, has no schema, and it is named how it is served instead."""
    found = Served.of(kinds)

    assert found.find(VPC) is None
    assert found.schema(VPC) is None
    assert found.others(VPC) == others


@pytest.mark.parametrize(
    "kind",
    [ServedKind("Pod", "", "v1", "pods"), ServedKind("VPC", "aws.example.com", "v1beta1", "vpcs")],
    ids=["other name", "other group"],
)
def test_foreign_kinds_are_left_out(kind: ServedKind) -> None:
    """Names are unique over Hedgehog's groups, not over the groups of a cluster."""
    assert Served.of([kind]).kinds == {}


def test_the_table_without_schemas() -> None:
    """Every kind is served as it is used, and nothing can be checked."""
    found = Served.without_schemas(DECLARABLE)

    assert all(found.find(kind) for kind in DECLARABLE)
    assert {found.schema(kind) for kind in DECLARABLE} == {None}
