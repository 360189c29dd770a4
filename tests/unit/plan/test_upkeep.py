"""What a commit of ours says of itself."""

from __future__ import annotations

import pytest

from reconciler.model.ingestion import How, Routed
from reconciler.model.objects import ObjectKey
from reconciler.model.structure import StructureState, UpkeepPlan
from reconciler.plan.upkeep import subject_of, told

KEY = ObjectKey("VPC", "default", "a")


def routed(how: How, index: str = "0", rule: str = "", message: str = "") -> Routed:
    return Routed("raw/a.yaml", "0" * 40, index, 1, how, "managed/vpcs/a.yaml", rule=rule, message=message)


@pytest.mark.parametrize(
    ("how", "subject"),
    [
        ([], "Set up the directory of fabric dc1"),
        ([How.CREATED], "Take in 1 document for fabric dc1"),
        ([How.CREATED, How.UPDATED], "Take in 2 documents for fabric dc1"),
        ([How.CREATED, How.UNMANAGED], "Take in 1 document for fabric dc1, put 1 aside"),
        ([How.CREATED] * 5000, "Take in 5,000 documents for fabric dc1"),
    ],
)
def test_the_subject(how: list[How], subject: str) -> None:
    """How many documents, and how many of them are not managed."""
    plan = UpkeepPlan(StructureState.VALIDATED, routed=tuple(map(routed, how)))

    assert subject_of("dc1", plan) == subject


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (routed(How.CREATED), "raw/a.yaml (document 0) is now managed/vpcs/a.yaml"),
        (routed(How.UPDATED), "raw/a.yaml (document 0) changes managed/vpcs/a.yaml"),
        (routed(How.IDENTICAL), "raw/a.yaml (document 0) says what managed/vpcs/a.yaml says already"),
        (routed(How.DUPLICATE), "raw/a.yaml (document 0) says the same as another one"),
        (
            routed(How.UNMANAGED, "3.1", rule="UnknownKind", message="no kind"),
            "raw/a.yaml (document 3.1) is put aside as managed/vpcs/a.yaml (UnknownKind: no kind)",
        ),
        (routed(How.EMPTY, ""), "raw/a.yaml held nothing"),
    ],
)
def test_what_became_of_a_document(one: Routed, line: str) -> None:
    """One line for each."""
    assert told(one) == line


def test_an_object_is_named() -> None:
    """It comes first, since people look for it."""
    one = Routed("raw/a.yaml", "0" * 40, "0", 1, How.CREATED, "managed/vpcs/a.yaml", KEY)

    assert told(one) == f"{KEY}: raw/a.yaml (document 0) is now managed/vpcs/a.yaml"
