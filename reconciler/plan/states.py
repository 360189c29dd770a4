"""The state of every object after a pass, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.errors import DependencyNotReadyError
from reconciler.model.objects import Resource
from reconciler.model.passes import ObjectState, SyncState
from reconciler.model.plan import Create, Delete, Finding, Halfway
from reconciler.plan.approval import AWAITING
from reconciler.plan.comparison import differences
from reconciler.plan.results import error_of
from reconciler.plan.situation import live_objects
from reconciler.plan.stored import stored_form, unexplained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from reconciler.model.desired import Desired
    from reconciler.model.objects import ObjectKey
    from reconciler.model.passes import FieldDifference, InventoryEntry
    from reconciler.model.plan import Action, Apply, ClusterPlan, Result
    from reconciler.plan.situation import Observed

_PENDING = "Pending"
_DRIFT = "Drift"


def is_not_applied(state: ObjectState) -> bool:
    """Whether the object differs because a change of Git was not applied to it yet: nobody touched the cluster."""
    is_differing = state.state in {SyncState.CHANGED, SyncState.DESIRED_ONLY}
    return is_differing and state.reason in AWAITING | {_PENDING}


def object_states(
    plan: ClusterPlan,
    results: Mapping[ObjectKey, Result],
    desired: Desired | None,
    observed: Observed,
    inventory: Mapping[ObjectKey, InventoryEntry],
) -> tuple[ObjectState, ...]:
    """The state of every object that Git declares, that we own, or that the cluster holds of a declarable kind.

    `results` holds what came of the plan's actions; one without a result was not tried. `inventory` is that from
    before the pass. By key.
    """
    files = {key: one.source.file for key, one in desired.manifests.items()} if desired else {}
    report = _Report(plan, results, desired, observed, inventory, files)
    found = {state.key: state for state in report.states()}
    return tuple(found[key] for key in sorted(found))


def merge_states(
    before: Iterable[ObjectState], found: Iterable[ObjectState], scope: AbstractSet[ObjectKey]
) -> tuple[ObjectState, ...]:
    """The states of all objects after a pass that looked at those of `scope`. By key."""
    merged = {state.key: state for state in before if state.key not in scope}
    merged |= {state.key: state for state in found if state.key in scope}
    return tuple(merged[key] for key in sorted(merged))


def dated(before: Iterable[ObjectState], found: Iterable[ObjectState], now: datetime) -> tuple[ObjectState, ...]:
    """The states of a pass that ended `now`, each with the moment since which it holds. A state that is as it was is
    the very value of `before`: of thousands of objects only those that changed need be stored.
    """
    known = {state.key: state for state in before}
    return tuple(_dated(known.get(state.key), state, now) for state in found)


def _dated(before: ObjectState | None, found: ObjectState, now: datetime) -> ObjectState:
    if before is None or before.since is None or (before.state, before.reason) != (found.state, found.reason):
        return replace(found, since=now)
    is_same = (before.file, before.message, before.differences) == (found.file, found.message, found.differences)
    return before if is_same else replace(found, since=before.since)


@dataclass(frozen=True, slots=True)
class _Report:
    """Yields states from the weakest claim about an object to the strongest: the last one counts."""

    plan: ClusterPlan
    results: Mapping[ObjectKey, Result]
    desired: Desired | None
    observed: Observed
    inventory: Mapping[ObjectKey, InventoryEntry]
    files: Mapping[ObjectKey, str]

    def states(self) -> Iterator[ObjectState]:
        yield from self._not_ours()
        yield from self._unread()
        yield from (self._state(key, SyncState.IN_SYNC) for key in self.plan.unchanged)
        yield from self._drifted()
        yield from (self._found(one, SyncState.WAITING) for one in self.plan.waiting)
        yield from (self._found(one, SyncState.FAILED) for one in self.plan.conflicts)
        yield from (self._found(one, SyncState.CHANGED) for one in self.plan.pending)
        yield from (self._found(one, SyncState.PRUNE_PENDING) for one in self.plan.prune_pending)
        yield from self._held()
        yield from self._actions()
        yield from self._refused()

    def _state(
        self,
        key: ObjectKey,
        state: SyncState,
        reason: str | None = None,
        message: str | None = None,
        found: tuple[FieldDifference, ...] = (),
    ) -> ObjectState:
        return ObjectState(key, state, self.files.get(key), reason, message, found)

    def _found(self, finding: Finding, state: SyncState) -> ObjectState:
        return self._state(finding.key, state, finding.reason, finding.message)

    def _held(self) -> Iterator[ObjectState]:
        """What waits for an approval. An object that would be made anew only for the sake of another is as it was."""
        block = self.plan.held_by
        if block is None:
            return
        live, unchanged = live_objects(self.observed), set(self.plan.unchanged)
        drifted = {drift.key: drift.message for drift in self.plan.drifted}
        for key, found in {action.key: _differences(action) for action in self.plan.held}.items():
            state = SyncState.CHANGED if key in live else SyncState.DESIRED_ONLY
            if key not in self.files:
                state = SyncState.PRUNE_PENDING
            if key in drifted:
                yield self._state(key, state, _DRIFT, f"{drifted[key]}; {block.message}", found)
            elif key not in unchanged:
                yield self._state(key, state, block.reason, block.message, found)

    def _not_ours(self) -> Iterator[ObjectState]:
        gone = {action.key for action in self.plan.actions if isinstance(action, Delete)}
        for key in live_objects(self.observed).keys() - gone.union(self.plan.unchanged):
            yield self._state(key, SyncState.CLUSTER_ONLY)

    def _unread(self) -> Iterator[ObjectState]:
        """What we declare or own, of which the pass learned nothing."""
        for key in self.files.keys() | self.inventory.keys():
            if key.kind in self.plan.unknown:
                yield self._state(key, SyncState.UNKNOWN, "KindUnknown", f"kind {key.kind} could not be read")
            elif self.desired is None:
                block = self.plan.blocks[0]
                yield self._state(key, SyncState.UNKNOWN, block.reason, block.message)

    def _drifted(self) -> Iterator[ObjectState]:
        fights = {finding.key: finding for finding in self.plan.fighting}
        for drift in self.plan.drifted:
            state = SyncState.DESIRED_ONLY if drift.resource is None else SyncState.CHANGED
            finding = fights.get(drift.key) or Finding(drift.key, _DRIFT, drift.message)
            yield self._state(drift.key, state, finding.reason, finding.message, drift.differences)

    def _actions(self) -> Iterator[ObjectState]:
        """Drift of which nothing was tried stays what it was found to be."""
        replaced, drifted = self.plan.replaced, {drift.key for drift in self.plan.drifted}
        for action in self.plan.actions:
            if action.key in self.results:
                yield from self._acted(action)
            elif action.key not in drifted:
                yield self._untried(action, replaced)

    def _acted(self, action: Action) -> Iterator[ObjectState]:
        result = self.results[action.key]
        error = error_of(result)
        if error is not None:
            state = SyncState.WAITING if isinstance(error, DependencyNotReadyError) else SyncState.FAILED
            yield self._state(action.key, state, error.reason, _failed(result, error.message), _differences(action))
        elif isinstance(result, Halfway):
            state = SyncState.CHANGED if result.done else SyncState.DESIRED_ONLY
            yield self._state(action.key, state, _PENDING, action.reason)
        elif isinstance(result, Resource) and not isinstance(action, Delete):
            yield self._applied(action, result)

    def _untried(self, action: Action, replaced: AbstractSet[ObjectKey]) -> ObjectState:
        if action.key in replaced:
            return self._state(action.key, SyncState.CHANGED, _PENDING, action.reason)
        match action:
            case Create():
                return self._state(action.key, SyncState.DESIRED_ONLY, _PENDING, action.reason)
            case Delete():
                return self._state(action.key, SyncState.PRUNE_PENDING, _PENDING, action.reason)
        return self._state(action.key, SyncState.CHANGED, _PENDING, action.reason, action.differences)

    def _applied(self, action: Apply, resource: Resource) -> ObjectState:
        """In sync is said of what the server answered, not of what was sent."""
        if resource.is_deleting:
            text = "the cluster began to delete it during the pass; it is created again when it is gone"
            return self._state(action.key, SyncState.WAITING, "Deleting", text)
        body = action.manifest.body(self.plan.fabric)
        found = differences(body, resource)
        if not found or not unexplained(found, stored_form(body, resource, resource.generation)):
            # To apply it once more would change nothing: what the server stores otherwise is its own form.
            return self._state(action.key, SyncState.IN_SYNC)
        text = "the server accepted the object and stored it differently, in fields that are not our apply's"
        return self._state(action.key, SyncState.CHANGED, "Rewritten", text, found)

    def _refused(self) -> Iterator[ObjectState]:
        """Documents that were refused and could be identified."""
        if self.desired is None:
            return
        for key in self.desired.refused - self.files.keys():
            yield self._state(key, SyncState.FAILED, "Refused", "its document was refused")
        for problem in self.desired.problems:
            if problem.is_refusal and problem.key is not None and problem.key not in self.files:
                place = f"line {problem.line}{f', {problem.field}' if problem.field else ''}"
                text = f"{place}: {problem.message}"
                yield ObjectState(problem.key, SyncState.FAILED, problem.file, problem.rule, text)


def _differences(action: Action) -> tuple[FieldDifference, ...]:
    return () if isinstance(action, Create | Delete) else action.differences


def _failed(result: Result, message: str) -> str:
    is_gone = isinstance(result, Halfway) and result.done is None
    return f"it was deleted to be made anew, and is not there now: {message}" if is_gone else message
