"""What came of actions, put together by object."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from reconciler.errors import ClusterUnavailableError, DependencyNotReadyError, ReconcilerError
from reconciler.model.objects import Resource
from reconciler.model.plan import Create, Delete, Halfway
from reconciler.plan.references import dependencies_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Action, ClusterPlan, Result

    Single: TypeAlias = Resource | ReconcilerError | None


def error_of(result: Result) -> ReconcilerError | None:
    """What an action failed with."""
    found = result.error if isinstance(result, Halfway) else result
    return found if isinstance(found, ReconcilerError) else None


def blocked_by(
    action: Action, results: Mapping[ObjectKey, Result], replaced: AbstractSet[ObjectKey] = frozenset()
) -> DependencyNotReadyError | None:
    """The error of an action that must not be tried, because something that it needs failed in this pass. `replaced`
    are the objects that the plan deletes and creates again.
    """
    failed = {key for key in action.after if error_of(results.get(key)) is not None}
    if isinstance(action, Create) and isinstance(results.get(action.key), Halfway):
        # It was deleted for the sake of what it refers to, and that is still there.
        stayed = {key for key in failed & replaced if _is_untouched(results[key])}
        failed -= stayed & dependencies_of(action.manifest)
    if not failed:
        return None
    return DependencyNotReadyError(f"waits for {', '.join(map(str, sorted(failed)))}")


def _is_untouched(result: Result) -> bool:
    """Whether an object with this result was certainly not deleted: of an unanswered delete nobody knows."""
    return isinstance(result, ReconcilerError) and not isinstance(result, ClusterUnavailableError)


def combine(
    results: Mapping[ObjectKey, Result], key: ObjectKey, result: Single, twice: AbstractSet[ObjectKey]
) -> Result:
    """The result for an object, after one more of its actions had `result`. `twice` are the objects with two."""
    before = results.get(key)
    if isinstance(before, Halfway) and isinstance(result, ReconcilerError):
        return Halfway(before.done, result)
    is_first = key in twice and key not in results
    return Halfway(result) if is_first and not isinstance(result, ReconcilerError) else result


def by_action(plan: ClusterPlan, results: Mapping[ObjectKey, Result]) -> Iterator[tuple[Action, Single]]:
    """What came of each action that was reached, in their order."""
    begun: set[ObjectKey] = set()
    twice = plan.twice
    for action in plan.actions:
        if action.key not in results:
            continue
        is_first = action.key in twice and action.key not in begun
        begun.add(action.key)
        result = results[action.key]
        if not isinstance(result, Halfway):
            is_done = is_first and isinstance(action, Delete) and isinstance(result, Resource)
            yield action, None if is_done else result
        elif is_first:
            yield action, result.done
        elif result.error is not None:
            yield action, result.error
