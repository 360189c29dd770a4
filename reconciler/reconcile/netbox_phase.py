"""Project and mirror: show in NetBox what the cluster holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import RetryableError, StalledError
from reconciler.model.netbox import Ref, references
from reconciler.model.netbox_plan import Action, NetBoxPlan
from reconciler.model.passes import Phase
from reconciler.plan.netbox import PREREQUISITE_UNUSABLE, lines_found, plan_netbox
from reconciler.plan.netbox_claims import describe
from reconciler.plan.netbox_memory import Ledger
from reconciler.plan.projection import project
from reconciler.plan.scope import within
from reconciler.reconcile.attempt import SupersededError
from reconciler.reconcile.holding import Holding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import NetBoxPolicy
    from reconciler.model.netbox import Observation, Projection, WriteResult
    from reconciler.model.netbox_plan import Step
    from reconciler.model.requests import Scope
    from reconciler.plan.netbox_memory import Lines
    from reconciler.plan.projection import Projectable
    from reconciler.ports import NetBox
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("netbox")

PROJECTED = frozenset(
    {
        *("VLANNamespace", "IPv4Namespace", "Switch", "Server", "Connection"),
        *("VPC", "VPCAttachment", "VPCPeering", "External", "ExternalAttachment", "ExternalPeering"),
    }
)
"""Kinds that every fabric has and of which records of NetBox are made."""


def why_incomplete(desired: Desired | None, unserved: set[str]) -> str | None:
    """Why what was read of Git and the cluster may not be all there is. A kind that is not served may be
    served again tomorrow: its records stay.
    """
    if unserved & PROJECTED:
        return f"the cluster does not serve {', '.join(sorted(unserved & PROJECTED))}"
    if desired is None:
        return "the desired state is not known"
    if desired.outdated:
        return desired.outdated
    if not desired.is_complete:
        return "documents of the fabric were refused"
    return None if desired.manifests else "Git declares no object at all"


def mirror(
    netbox: NetBox,
    policy: NetBoxPolicy,
    objects: Iterable[Projectable] | None,
    incomplete: str | None,
    attempt: Attempt,
    scope: Scope = None,
) -> None:
    """Bring NetBox in line with `objects`. None: they are not known, and NetBox is only asked whether it is there.

    `incomplete` says why nothing may be deleted. With a `scope` only records of its objects are written. Where the pass
    yields to others, `attempt.left` tells how much is left.
    """
    projection = _project(policy, objects, attempt)
    with attempt.phase(Phase.NETBOX, "netbox"), attempt.contact("netbox", netbox.version):
        if projection is None:
            netbox.version()
        else:
            _mirror(netbox, policy, projection, incomplete, attempt, scope)


def foresee(
    netbox: NetBox,
    policy: NetBoxPolicy,
    objects: Iterable[Projectable] | None,
    incomplete: str | None,
    attempt: Attempt,
) -> NetBoxPlan | None:
    """What would be written to bring NetBox in line with `objects`, as `mirror` would; None where nothing is known."""
    projection = _project(policy, objects, attempt)
    with attempt.phase(Phase.NETBOX, "netbox"), attempt.contact("netbox", netbox.version):
        if projection is not None:
            holding = Holding(netbox, policy, attempt.fabric)
            look = _look(netbox, projection, attempt)
            if not holding.is_bound:
                look = replace(look, lines={})
            plan = look.plan(policy, incomplete)
            _note(plan, look.projection, attempt)
            return plan
        netbox.version()
    return None


def _project(policy: NetBoxPolicy, objects: Iterable[Projectable] | None, attempt: Attempt) -> Projection | None:
    if objects is None:
        return None
    with attempt.phase(Phase.PROJECT, "projection"):
        # A kind that is not served may be served again tomorrow: what NetBox shows of it stays.
        return replace(project(attempt.fabric, policy, objects), unread=frozenset(attempt.unserved))
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """What NetBox should hold, what it holds, and what is kept of what we wrote there."""

    fabric: str
    projection: Projection
    observation: Observation
    lines: Lines

    def plan(self, policy: NetBoxPolicy, incomplete: str | None, scope: Scope = None) -> NetBoxPlan:
        plan = plan_netbox(
            self.projection, self.observation, policy, self.fabric, incomplete=incomplete, lines=self.lines
        )
        return plan if scope is None else within(plan, self.fabric, scope)

    def lines_found(self, *, is_complete: bool) -> Iterable[tuple[Ref, str | None]]:
        return lines_found(self.projection, self.observation, self.fabric, self.lines, is_complete=is_complete)


def _look(netbox: NetBox, projection: Projection, attempt: Attempt, *, is_full: bool = False) -> _Look:
    """`is_full`: read NetBox whole, also where the pass need not."""
    if not projection.records:
        # Prerequisites are made for records; a fabric of which nothing is known yet leaves NetBox untouched.
        projection = replace(projection, shared=())
    lines, is_full = attempt.lines(netbox.address), is_full or attempt.is_thorough
    observation = netbox.observe(attempt.fabric, projection, is_full=is_full, cause=attempt.cause)
    return _Look(attempt.fabric, projection, observation, lines)


def _mirror(
    netbox: NetBox,
    policy: NetBoxPolicy,
    projection: Projection,
    incomplete: str | None,
    attempt: Attempt,
    scope: Scope,
) -> None:
    holding = Holding(netbox, policy, attempt.fabric)
    if not holding.is_bound:
        # A NetBox that was emptied, or somebody else's until now: what is kept says nothing of what is there.
        attempt.keep_lines(netbox.address, dict.fromkeys(attempt.lines(netbox.address)))
    look, tried = _look(netbox, projection, attempt), set[Ref]()
    plan = look.plan(policy, incomplete, scope)
    while not tried.issuperset(change.ref for change in plan.taken):
        tried |= {change.ref for change in plan.taken}
        memory = _Memory(netbox.address, look, attempt, is_complete=incomplete is None)
        if not _carry_out(_taking(plan, attempt), netbox, attempt, (holding, memory), may_yield=False):
            return
        look = _look(netbox, projection, attempt, is_full=True)
        plan = look.plan(policy, incomplete, scope)
    if scope is not None:
        projection = replace(projection, skipped=tuple(one for one in projection.skipped if one.key in scope))
    _note(plan, projection, attempt)
    memory = _Memory(netbox.address, look, attempt, is_complete=incomplete is None)
    _carry_out(plan, netbox, attempt, (holding, memory))


def _taking(plan: NetBoxPlan, attempt: Attempt) -> NetBoxPlan:
    """The part of a plan by which records of people become ours, and no more than that. What of theirs hangs on those
    is only seen then: the ports of a device. Ends: each time at least one is tried that was not before.
    """
    for change in plan.taken:
        log.warning("taken over", fabric=attempt.fabric, record=describe(change.existing), key=change.ref.key)
    return NetBoxPlan(shared=plan.shared, updates=tuple(replace(change, fields={}) for change in plan.taken))


class _Memory:
    """Keeps what we wrote, step by step: a pass may break off after each."""

    def __init__(self, address: str, look: _Look, attempt: Attempt, *, is_complete: bool) -> None:
        self._keep = partial(attempt.keep_lines, address)
        self._ledger = Ledger(look.projection.records, look.lines)
        self._keep(self._ledger.note(look.lines_found(is_complete=is_complete)))

    def begin(self, plan: NetBoxPlan) -> None:
        """Forget what our own writes are about to make untrue, should the pass break off. Raises StateError."""
        self._keep(self._ledger.begin(plan))

    def write(self, netbox: NetBox, step: Step) -> Sequence[WriteResult]:
        """Carry out one step. Raises as `write`, and StateError."""
        self._keep(self._ledger.before(step))
        results = write(netbox, step)
        self._keep(self._ledger.after(step, results))
        return results


def _carry_out(
    plan: NetBoxPlan, netbox: NetBox, attempt: Attempt, notes: tuple[Holding, _Memory], *, may_yield: bool = True
) -> bool:
    """Write step by step, at least one; between two of them the pass may yield. False: the fabric is configured
    otherwise by now.
    """
    holding, memory = notes
    memory.begin(plan)
    # Who steps aside takes up its place again in the same part: the next one would not know what it gave up.
    aside = plan.parked or plan.remade
    steps = tuple(plan.steps())
    left, begun = sum(map(len, steps)), attempt.now()
    failed: set[Ref] = set()
    for step in steps:
        try:
            attempt.check_write()
        except SupersededError as error:
            attempt.fail(Phase.NETBOX, "netbox", error)
            return False
        if step.action is not Action.PREPARE:  # which makes the site
            holding.bind()
        left -= len(step)
        todo = _possible(step, failed)
        results = memory.write(netbox, todo)
        _count(todo, results, attempt, failed)
        failed |= {result.ref for result in results if result.error}
        done, total = attempt.show_progress(left)
        what = {"what": step.action.value, "model": step.model, "records": len(step)}
        log.info("written", fabric=attempt.fabric, **what, done=done, total=total)
        if may_yield and not aside and attempt.may_yield(left, attempt.now() - begun):
            attempt.left = left
            break
    return True


def _possible(step: Step, failed: AbstractSet[Ref]) -> Step:
    """What was not deleted is not created anew, what was not created is not completed, and was named already."""
    if step.action not in {Action.CREATE, Action.COMPLETE}:
        return step
    return replace(step, records=tuple(one for one in step.records if one.ref not in failed))


def _note(plan: NetBoxPlan, projection: Projection, attempt: Attempt) -> None:
    """What the plan leaves alone, with the reasons."""
    attempt.counts["netbox_retained"] = len(plan.retained)
    for skipped in projection.skipped:
        attempt.fail(Phase.PROJECT, str(skipped.key), StalledError(skipped.message, reason="NotProjectable"))
    for refusal in plan.refusals:
        reason = "NetBoxConflict" if refusal.is_conflict else "NetBoxWaiting"
        attempt.fail(Phase.NETBOX, str(refusal.ref), StalledError(refusal.message, reason=reason))
    for block in plan.blocks:
        if block.reason == PREREQUISITE_UNUSABLE:
            raise StalledError(block.message, reason=block.reason)
        attempt.blocks.append((block.reason, f"NetBox: {block.message}"))
    attempt.netbox_drift = plan.drifted
    if plan.drifted:
        attempt.counts["netbox_drifted"] = len(plan.drifted)
        log.info("edits left alone", fabric=attempt.fabric, records=len(plan.drifted), first=str(plan.drifted[0].ref))


def write(netbox: NetBox, step: Step) -> Sequence[WriteResult]:
    """Carry out one step; a result for each item, in order. Raises NetBoxUnavailableError, NetBoxAccessError."""
    match step.action:
        case Action.PREPARE:
            return netbox.create_shared(step.shared)
        case Action.CREATE:
            return netbox.create(step.records)
        case Action.UPDATE:
            return netbox.update(step.changes)
        case Action.COMPLETE:
            return netbox.complete(step.records)
        case Action.DELETE:
            return netbox.delete(step.existing)


_COUNTED = {
    Action.PREPARE: "netbox_prepared",
    Action.CREATE: "netbox_created",
    Action.UPDATE: "netbox_updated",
    Action.DELETE: "netbox_deleted",
}
"""A record that is completed counts as created already."""


def _count(step: Step, results: Sequence[WriteResult], attempt: Attempt, failed: AbstractSet[Ref]) -> None:
    """`failed` are the records that were not written before: who needs one of them is not refused, it waits."""
    for item, result in zip(step.items, results, strict=True):
        if result.error is None:
            if counted := _COUNTED.get(step.action):
                attempt.counts[counted] += 1
            attempt.has_written = True
        else:
            is_waiting = step.action is not Action.DELETE and not failed.isdisjoint(references(item.fields))
            error = RetryableError(result.error, reason="NetBoxWaiting" if is_waiting else "NetBoxRejected")
            attempt.fail(Phase.NETBOX, str(result.ref), error)
