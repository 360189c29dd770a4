"""Check what Git declares before anything of it is sent: what is wrong is taken out, and named with its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.passes import Phase
from reconciler.plan.refusal import refuse
from reconciler.plan.situation import NEVER_READ

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.problems import Fault
    from reconciler.plan.situation import Observed
    from reconciler.ports import Cluster, DesiredSource
    from reconciler.reconcile.attempt import Attempt

Check: TypeAlias = "Callable[[Desired], Sequence[Fault]]"
"""Finds faults of objects that a desired state declares."""

MAX_LINES = 1000
"""Faults of one check whose lines are looked up: as many as a fabric's record keeps. The others are said to stand where
their documents begin.
"""

_DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True)
class Measure:
    """What documents are held against: the cluster, as it is observed. Without one, as where nothing could be read, no
    schema is known and no reference is missed.
    """

    cluster: Cluster | None = None
    observed: Observed = field(default_factory=dict)
    is_full: bool = True


def check_documents(
    desired: Desired | None, measure: Measure, source: DesiredSource, attempt: Attempt
) -> Desired | None:
    """The desired state without what is wrong in it, as far as that can be told before it is sent. None where it is not
    known, or could not be checked: nothing unchecked is sent.

    The rules that hold between documents are for full passes: one over some objects is made only where the last full
    pass found nothing wrong with these very documents.
    """
    if desired is None:
        return None
    inspector = attempt.inspector
    checks: list[Check] = []
    if measure.cluster is not None:
        checks.append(partial(inspector.faults, attempt.fabric, served=inspector.known(measure.cluster)))
    if measure.is_full:
        checks.append(partial(inspector.rules.faults, attempt.fabric, observed=measure.observed))
    with attempt.phase(Phase.READ, _DOCUMENTS):
        return check(desired, checks, source)
    return None


def why_unknown(attempt: Attempt) -> str:
    """Why a pass has no desired state, where it has none."""
    subjects = {failure.subject for failure in attempt.failures if failure.phase is Phase.READ and failure.is_whole}
    if _DOCUMENTS in subjects:
        return "the documents could not be checked"
    return "Git could not be read" if subjects else NEVER_READ


def check(desired: Desired, checks: Sequence[Check], source: DesiredSource) -> Desired:
    """Make one check after the other, each of what those before it have left.

    Raises GitUnavailableError when lines cannot be looked up.
    """
    for find in checks:
        faults = find(desired)
        if faults:
            desired = refuse(desired, faults, _lines(desired, faults, source))
    return desired


def _lines(desired: Desired, faults: Sequence[Fault], source: DesiredSource) -> list[int]:
    places = [(desired.manifests[fault.key].source, fault.path) for fault in faults]
    found = source.lines(desired.revision, places[:MAX_LINES])
    return [*found, *(document.line for document, _ in places[MAX_LINES:])]
