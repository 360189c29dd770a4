"""What is wrong with declared objects takes them out of the desired state, and nothing else."""

from __future__ import annotations

import pytest

from reconciler.model.desired import Desired
from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.problems import Fault, Problem, Severity
from reconciler.model.revision import Revision
from reconciler.plan.refusal import refuse

A, B, C = (ObjectKey("VPC", "default", name) for name in "abc")
MANIFESTS = {
    A: Manifest(A, Source("x.yaml", 1, 10), {}),
    B: Manifest(B, Source("x.yaml", 0, 1), {}),
    C: Manifest(C, Source("w.yaml", 0, 1), {}),
}
EARLIER = Problem("x.yaml", 1, 12, "spec", "Earlier", "found when it was read", Severity.WARNING, A)
DESIRED = Desired(Revision("main", "0" * 40), MANIFESTS, (EARLIER,), frozenset({ObjectKey("VPC", "default", "z")}))


def fault(key: ObjectKey, severity: Severity = Severity.ERROR) -> Fault:
    return Fault(key, ("spec", "permit", 0, "x"), "Odd", "odd", severity)


def test_what_is_at_fault_is_refused() -> None:
    """It is declared no longer, counts as declared, and the fault is a problem with its place."""
    refused = refuse(DESIRED, [fault(B)], [3])

    assert refused.manifests == {A: MANIFESTS[A], C: MANIFESTS[C]}
    assert refused.refused == DESIRED.refused | {B}
    assert refused.declares(B)
    assert not refused.is_complete
    assert refused.problems == (
        Problem("x.yaml", 0, 3, "spec.permit[0].x", "Odd", "odd", Severity.ERROR, B),
        EARLIER,
    )


def test_what_is_warned_of_stays() -> None:
    """A warning is told, and refuses nothing."""
    warned = refuse(DESIRED, [fault(C, Severity.WARNING)], [2])

    assert warned.manifests == DESIRED.manifests
    assert warned.refused == DESIRED.refused
    assert warned.is_complete
    assert [problem.severity for problem in warned.problems] == [Severity.WARNING] * 2


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_problems_are_sorted(order: list[int]) -> None:
    """By file, document and line, among those that were known, in whatever order they were found."""
    found = [(fault(A), 11), (fault(C), 5), (fault(A), 14)]

    refused = refuse(DESIRED, [found[n][0] for n in order], [found[n][1] for n in order])

    places = [(problem.file, problem.document, problem.line) for problem in refused.problems]
    assert places == [("w.yaml", 0, 5), ("x.yaml", 1, 11), ("x.yaml", 1, 12), ("x.yaml", 1, 14)]
