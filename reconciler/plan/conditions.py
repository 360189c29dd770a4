"""Conditions and connections after a pass, from those before it and what the pass found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import BranchNotFoundError
from reconciler.model.status import Condition, ConditionStatus, Connection, ConnectionState
from reconciler.plan.approval import APPROVAL_REQUIRED, AWAITING, PLAN_CHANGED
from reconciler.plan.situation import FIGHTING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.model.passes import Failure
    from reconciler.plan.outcome import Conclusion

Contact = tuple[str, str] | None
"""How a pass fared with an outside system: None for well, else (reason, message)."""

STRUCTURE = "StructureReady"
"""The condition of a directory that is kept in order."""

NOT_PUSHED = "NotPushed"
"""Why a directory is not in order that could be."""

MISSING = "BranchNotFound"
"""The condition of a branch that does not exist."""

_AT_REST = ("NothingRetried", "nothing is being retried")

CONNECTION_CONDITIONS = {"git": "GitReady", "cluster": "ClusterReady", "netbox": "NetBoxReady"}
"""The condition of each outside system."""


def merge(before: Sequence[Condition], after: Iterable[Condition]) -> tuple[Condition, ...]:
    """The conditions after a pass: what it did not speak of stays, and what did not turn keeps its transition time."""
    known = {condition.type: condition for condition in before}
    found = {condition.type: _keep_time(known.get(condition.type), condition) for condition in after}
    return tuple((known | found).values())


def _keep_time(before: Condition | None, after: Condition) -> Condition:
    if before is None or before.status is not after.status:
        return after
    return replace(after, last_transition_time=before.last_transition_time)


def after_pass(
    conclusion: Conclusion,
    contacts: Mapping[str, Contact],
    blocks: Sequence[tuple[str, str]],
    fighting: Sequence[Failure],
    simulated: Sequence[str],
    now: datetime,
) -> tuple[Condition, ...]:
    """All conditions that a pass sets. `contacts` holds the outside systems that the pass spoke to."""
    is_ok = conclusion.outcome.is_success
    is_missing = conclusion.reason == BranchNotFoundError.reason
    prefix = "simulated: " if simulated else ""
    # A branch that is missing may be pushed at any time: every poll looks for it.
    retry = not is_ok and (conclusion.is_retryable or is_missing)
    stalled = not is_ok and not retry
    why = (conclusion.reason, conclusion.message)
    found = [
        _condition("Ready", now, is_true=is_ok, why=(why[0], prefix + why[1])),
        _condition("Reconciling", now, is_true=retry, why=("ProgressingWithRetry", why[1]) if retry else _AT_REST),
        _condition("Stalled", now, is_true=stalled, why=why),
    ]
    for name, contact in contacts.items():
        answered = ("Reachable", f"{name} answered")
        found.append(_condition(CONNECTION_CONDITIONS[name], now, is_true=contact is None, why=contact or answered))
    found.append(_prune_condition(blocks, now))
    found.append(_approval_condition(blocks, now))
    found.append(_fighting_condition(fighting, now))
    found.append(_condition(MISSING, now, is_true=True, why=why) if is_missing else _branch_condition(contacts, now))
    return tuple(found)


def _branch_condition(contacts: Mapping[str, Contact], now: datetime) -> Condition:
    """Of a branch that was not found missing: it exists if Git answered, else nobody knows."""
    contact = contacts.get("git", ("NotAsked", "Git was not asked"))
    if contact is None:
        return _condition(MISSING, now, is_true=False, why=("Reachable", "the branch exists"))
    return Condition(MISSING, ConditionStatus.UNKNOWN, *contact, now)


def of_structure(
    failures: Sequence[Failure], blocks: Sequence[tuple[str, str]], now: datetime
) -> tuple[Condition, ...]:
    """The condition of a directory that a pass tried to bring in order. `failures` are those of that."""
    why = [(one.reason, f"{one.subject}: {one.message}") for one in failures]
    why += [block for block in blocks if block[0] == NOT_PUSHED]
    if not why:
        return (_condition(STRUCTURE, now, is_true=True, why=("InOrder", "the directory is in order")),)
    text = "; ".join(message for _, message in why)
    return (_condition(STRUCTURE, now, is_true=False, why=(why[0][0], text)),)


def _fighting_condition(fighting: Sequence[Failure], now: datetime) -> Condition:
    if not fighting:
        return _condition(FIGHTING, now, is_true=False, why=("NoFight", "nobody changes healed objects back"))
    text = "; ".join(f"{one.subject}: {one.message}" for one in fighting)
    return _condition(FIGHTING, now, is_true=True, why=("ReversalsExceeded", text))


def _approval_condition(blocks: Sequence[tuple[str, str]], now: datetime) -> Condition:
    waiting = [block for block in blocks if block[0] in AWAITING]
    if not waiting:
        return _condition("AwaitingApproval", now, is_true=False, why=("NothingAwaited", "no plan waits for approval"))
    return _condition("AwaitingApproval", now, is_true=True, why=waiting[0])


def _prune_condition(blocks: Sequence[tuple[str, str]], now: datetime) -> Condition:
    blocks = [block for block in blocks if block[0] not in {APPROVAL_REQUIRED, PLAN_CHANGED, NOT_PUSHED}]
    if not blocks:
        return _condition("PruneBlocked", now, is_true=False, why=("NothingBlocked", "no guard holds back a delete"))
    text = "; ".join(message for _, message in blocks)
    return _condition("PruneBlocked", now, is_true=True, why=(blocks[0][0], text))


def _condition(kind: str, now: datetime, *, is_true: bool, why: tuple[str, str]) -> Condition:
    status = ConditionStatus.TRUE if is_true else ConditionStatus.FALSE
    return Condition(kind, status, why[0], why[1], now)


def connect(before: Connection, contact: Contact, now: datetime) -> Connection:
    """A connection after one more contact. `since` moves only when the state does; the last error stays readable."""
    state = ConnectionState.OK if contact is None else ConnectionState.FAILING
    return Connection(
        state=state,
        since=before.since if before.state is state else now,
        last_ok=now if contact is None else before.last_ok,
        last_error=before.last_error if contact is None else contact[1],
    )
