"""What a commit that keeps a directory in order says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.ingestion import How

if TYPE_CHECKING:
    from reconciler.model.ingestion import Routed
    from reconciler.model.structure import UpkeepPlan

_BECAME = {
    How.CREATED: "is now {to}",
    How.UPDATED: "changes {to}",
    How.IDENTICAL: "says what {to} says already",
    How.DUPLICATE: "says the same as another one",
    How.UNMANAGED: "is put aside as {to} ({rule}: {message})",
    How.EMPTY: "held nothing",
}


def subject_of(fabric: str, found: UpkeepPlan) -> str:
    """The subject of the commit."""
    if not found.routed:
        return f"Set up the directory of fabric {fabric}"
    aside = sum(one.how is How.UNMANAGED for one in found.routed)
    also = f", put {aside} aside" if aside else ""
    return f"Take in {_counted(len(found.routed) - aside)} for fabric {fabric}{also}"


def _counted(number: int) -> str:
    return "1 document" if number == 1 else f"{number:,} documents"


def told(one: Routed) -> str:
    """What became of a document, in one line."""
    name = f"{one.key}: " if one.key else ""
    index = f" (document {one.index})" if one.index else ""
    what = _BECAME[one.how].format(to=one.to, rule=one.rule, message=one.message)
    return f"{name}{one.file}{index} {what}"
