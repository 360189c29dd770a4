"""What a pass amounts to: from everything that went wrong to one outcome, one reason and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.model.passes import Outcome
from reconciler.plan.refusal import refusal_reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.passes import Failure
    from reconciler.model.problems import Problem

MAX_NAMED = 3
"""How many failures a message names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a pass found. `blocks` holds (reason, message) of guards that held back deletes; `counts` numbers by
    what was done; `objects` how many objects it looked at, None for the whole fabric. `is_observer`: the pass only
    compared.
    """

    revision: str | None
    failures: Sequence[Failure] = ()
    refusals: Sequence[Problem] = ()
    blocks: Sequence[tuple[str, str]] = ()
    counts: Mapping[str, int] | None = None
    waiting_in_raw: int = 0
    objects: int | None = None
    is_observer: bool = False


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`is_retryable`: trying again without any change may help."""

    outcome: Outcome
    reason: str
    message: str
    is_retryable: bool = False


def conclude(findings: Findings) -> Conclusion:
    """Failed before partial before blocked before succeeded: the gravest finding names the pass."""
    retryable = _may_help_to_retry(findings)
    whole = [failure for failure in findings.failures if failure.is_whole]
    if whole:
        # Once each: what keeps git from fetching may keep it from reading too.
        text = "; ".join(dict.fromkeys(f"{failure.subject}: {failure.message}" for failure in whole))
        return Conclusion(Outcome.FAILED, whole[0].reason, text, retryable)
    if findings.failures or findings.refusals:
        return Conclusion(Outcome.PARTIAL, _partial_reason(findings), _partial_message(findings), retryable)
    if findings.blocks:
        reason, _ = findings.blocks[0]
        return Conclusion(Outcome.BLOCKED, reason, "; ".join(message for _, message in findings.blocks))
    return Conclusion(Outcome.SUCCEEDED, "Succeeded", _success_message(findings))


def _may_help_to_retry(findings: Findings) -> bool:
    """Also where the pass deleted something and an object was refused: what it clashed with (a port, a VLAN) may have
    been what was deleted, after it was tried.
    """
    has_deleted = bool((findings.counts or {}).get("deleted"))
    return any(failure.is_retryable or (has_deleted and not failure.is_whole) for failure in findings.failures)


def _partial_reason(findings: Findings) -> str:
    return refusal_reason(findings.refusals[0]) if findings.refusals else findings.failures[0].reason


def _partial_message(findings: Findings) -> str:
    named = [f"{p.place}: {p.message}" for p in findings.refusals]
    named += [f"{f.subject}: {f.message}" for f in findings.failures]
    more = f", and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    blocked = "".join(f"; {message}" for _, message in findings.blocks)
    return "; ".join(named[:MAX_NAMED]) + more + blocked


_DONE = {
    "ingested": "taken in from raw/",
    "put_aside": "put aside to unmanaged/",
    "created": "created",
    "updated": "updated",
    "deleted": "deleted",
    "netbox_created": "created in NetBox",
    "netbox_updated": "updated in NetBox",
    "netbox_deleted": "deleted from NetBox",
}


def _success_message(findings: Findings) -> str:
    counts = findings.counts or {}
    done = [f"{counts[name]} {text}" for name, text in _DONE.items() if counts.get(name)]
    left = f"; {findings.waiting_in_raw} files wait in raw/" if findings.waiting_in_raw else ""
    if findings.is_observer:
        differing = counts.get("differing")
        done.insert(0, f"{differing} object(s) differ" if differing else "nothing differs")
    return f"{_work(findings)} {findings.revision}: {', '.join(done) or 'nothing to change'}{left}"


def _work(findings: Findings) -> str:
    if findings.objects is not None:
        return f"compared {findings.objects} object(s) with"
    return "compared the cluster with" if findings.is_observer else "applied"
