"""Carry out a plan: wave by wave, a bounded number of requests at a time, a result for every object."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import structlog

from reconciler.errors import (
    ApplyConflictError,
    ClusterUnreachableError,
    ReconcilerError,
    RetryableError,
    StoppedError,
)
from reconciler.model.plan import Create, Delete, Halfway
from reconciler.plan.ownership import may_force, were_shown
from reconciler.plan.results import blocked_by, combine, error_of
from reconciler.threads import ContextPool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import Action, Apply, ClusterPlan, Result
    from reconciler.ports import Cluster
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("apply")

CONCURRENCY = 8
"""Requests to one cluster at a time: more gain little, because the server's own CPU is the limit."""

MAX_UNAVAILABLE = 3
"""After so many unanswered requests of one pass the others are not tried: a cluster that is away would cost a
time-out for each object.
"""


class Applier:
    """Applies the actions of one plan to one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        attempt: Attempt,
        policy: ClusterPolicy,
        inventory: Mapping[ObjectKey, InventoryEntry],
    ) -> None:
        self._cluster = cluster
        self._fabric = attempt.fabric
        self._policy = policy
        self._inventory = inventory
        self._attempt = attempt
        self._was_approved: Callable[[ObjectKey], bool] = lambda _: False
        """Whether a person saw what is done to an object, and said yes to it."""
        self._replaced: AbstractSet[ObjectKey] = frozenset()
        self._lock = Lock()
        self._unavailable: ClusterUnreachableError | None = None
        self._unanswered = 0
        self.results: dict[ObjectKey, Result] = {}
        """By object; holds an entry for every action that was reached."""

    def run(self, plan: ClusterPlan) -> None:
        """Carry out the plan's actions in their order; those of one wave at the same time.

        Raises StoppedError between two objects when the service stops.
        """
        twice = plan.twice
        with ContextPool(CONCURRENCY) as pool:
            self._was_approved = plan.was_approved
            self._replaced = plan.replaced
            for wave in plan.waves:
                for action, result in zip(wave, pool.map(self._one, wave), strict=True):
                    self.results[action.key] = combine(self.results, action.key, result, twice)

    def _one(self, action: Action) -> Resource | ReconcilerError | None:
        try:
            self._attempt.check_write()
            self._check_reachable()
            # Earlier waves are over: what failed there is known, and what refers to it would be refused. An object of
            # which the first action failed is left as it is.
            error = error_of(self.results.get(action.key)) or blocked_by(action, self.results, self._replaced)
            if error is not None:
                return error
            if not isinstance(action, Delete):
                return self._apply(action)
            self._cluster.delete(action.resource)
            self._count("deleted")
        except StoppedError:
            raise
        except ClusterUnreachableError as error:
            self._count_unanswered(error)
            return error
        except ReconcilerError as error:
            return error
        return None

    def _check_reachable(self) -> None:
        with self._lock:
            if self._unanswered >= MAX_UNAVAILABLE and self._unavailable is not None:
                raise RetryableError(f"not tried: {self._unavailable.message}", reason="ClusterUnavailable")

    def _count_unanswered(self, error: ClusterUnreachableError) -> None:
        with self._lock:
            self._unanswered += 1
            self._unavailable = error

    def _apply(self, action: Apply) -> Resource:
        body = action.manifest.body(self._fabric)
        try:
            applied = self._cluster.apply(body)
        except ApplyConflictError as conflict:
            if not self._may_force(action, conflict.conflicts):
                raise
            log.warning("taking fields back", fabric=self._fabric, object=str(action.key), fields=conflict.conflicts)
            applied = self._cluster.apply(body, force=True)
        if isinstance(action, Create):
            self._count("created")
        elif not isinstance(self.results.get(action.key), Halfway):
            # An object that is updated in two steps is one that was updated.
            self._count("updated")
        return applied

    def _may_force(self, action: Apply, conflicts: Mapping[str, str]) -> bool:
        if isinstance(action, Create):
            return may_force(conflicts, self._inventory.get(action.key), None, self._policy)
        is_seen = self._was_approved(action.key) and were_shown(conflicts, action.differences)
        return is_seen or may_force(conflicts, self._inventory.get(action.key), action.resource, self._policy)

    def _count(self, what: str) -> None:
        with self._lock:
            self._attempt.counts[what] += 1
