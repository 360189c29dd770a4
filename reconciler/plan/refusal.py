"""What becomes of the desired state when something is wrong with objects that it declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.model.problems import NO_DIRECTORY, Problem, Severity, dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.objects import Source
    from reconciler.model.problems import Fault


DOCUMENTS_REFUSED = "DocumentsRefused"


def refuse(desired: Desired, faults: Sequence[Fault], lines: Sequence[int]) -> Desired:
    """Take out the manifests that one of these faults refuses, and name all faults as problems, each with its line.

    Every fault is about an object that `desired` declares. What is taken out counts as declared.
    """
    refused = {fault.key for fault in faults if fault.severity is Severity.ERROR}
    found = [
        _problem(fault, desired.manifests[fault.key].source, line) for fault, line in zip(faults, lines, strict=True)
    ]
    problems = sorted([*desired.problems, *found], key=lambda one: (one.file, one.document, one.line))
    return replace(
        desired,
        manifests={key: one for key, one in desired.manifests.items() if key not in refused},
        problems=tuple(problems),
        refused=desired.refused | refused,
    )


def refusal_reason(first: Problem) -> str:
    """What to call it that something is refused, by the first: a directory that is missing is no refused document."""
    return NO_DIRECTORY if first.rule == NO_DIRECTORY else DOCUMENTS_REFUSED


def _problem(fault: Fault, source: Source, line: int) -> Problem:
    field = dotted(fault.path)
    return Problem(source.file, source.document, line, field, fault.rule, fault.message, fault.severity, key=fault.key)
