"""Carry out a plan: wave by wave, a bounded number of requests at a time, a result for every object."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

import structlog

from reconciler.errors import (
    ApplyConflictError,
    ClusterUnavailableError,
    DependencyNotReadyError,
    ReconcilerError,
    RetryableError,
    StaleObjectError,
)
from reconciler.model.plan import Create, Delete, Update
from reconciler.plan.cluster import may_force
from reconciler.plan.waves import dependencies_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import ObjectKey, Resource
    from reconciler.model.passes import InventoryEntry
    from reconciler.model.plan import Action
    from reconciler.ports import Cluster
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("apply")

CONCURRENCY = 8
"""Requests to one cluster at a time: more gain little, because the server's own CPU is the limit."""

MAX_UNAVAILABLE = 3
"""After so many unanswered requests of one pass the others are not tried: a cluster that is away would cost a
time-out for each object.
"""

Result: TypeAlias = "Resource | ReconcilerError | None"
"""The object as it now stands, the error, or None for an object that was deleted."""


class Applier:
    """Applies the actions of one plan to one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        fabric: str,
        policy: ClusterPolicy,
        inventory: Mapping[ObjectKey, InventoryEntry],
        attempt: Attempt,
    ) -> None:
        self._cluster = cluster
        self._fabric = fabric
        self._policy = policy
        self._inventory = inventory
        self._attempt = attempt
        self._lock = Lock()
        self._unavailable: ClusterUnavailableError | None = None
        self._unanswered = 0
        self.results: dict[ObjectKey, Result] = {}
        """By object; holds an entry for every action that was reached."""

    def run(self, actions: Sequence[Action]) -> None:
        """Carry out the actions in their order; those of one wave at the same time.

        Raises StoppedError between two objects when the service stops.
        """
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            for _, wave in groupby(actions, key=lambda action: (isinstance(action, Delete), action.wave)):
                batch = list(wave)
                for action, result in zip(batch, pool.map(self._one, batch), strict=True):
                    self.results[action.key] = result
                self._attempt.check_stop()

    def _one(self, action: Action) -> Result:
        try:
            self._attempt.check_stop()
            self._check_reachable()
            if isinstance(action, Delete):
                return self._delete(action)
            self._check_dependencies(action)
            return self._apply(action)
        except ClusterUnavailableError as error:
            self._count_unanswered(error)
            return error
        except ReconcilerError as error:
            return error

    def _check_reachable(self) -> None:
        with self._lock:
            if self._unanswered >= MAX_UNAVAILABLE and self._unavailable is not None:
                raise RetryableError(f"not tried: {self._unavailable.message}", reason="ClusterUnavailable")

    def _count_unanswered(self, error: ClusterUnavailableError) -> None:
        with self._lock:
            self._unanswered += 1
            self._unavailable = error

    def _check_dependencies(self, action: Create | Update) -> None:
        """Earlier waves are over: what failed there is known, and what refers to it would be refused."""
        failed = sorted(
            str(key)
            for key in dependencies_of(action.manifest)
            if isinstance(self.results.get(key), ReconcilerError)
        )
        if failed:
            raise DependencyNotReadyError(f"waits for {', '.join(failed)}", reason="DependencyNotReady")

    def _apply(self, action: Create | Update) -> Resource:
        body = action.manifest.body(self._fabric)
        try:
            applied = self._cluster.apply(body)
        except ApplyConflictError as conflict:
            resource = action.resource if isinstance(action, Update) else None
            if not may_force(conflict.conflicts, self._inventory.get(action.key), resource, self._policy):
                raise
            log.warning("taking fields back", fabric=self._fabric, object=str(action.key), fields=conflict.conflicts)
            applied = self._cluster.apply(body, force=True)
        self._count("created" if isinstance(action, Create) else "updated")
        return applied

    def _delete(self, action: Delete) -> None:
        self._cluster.delete(action.resource)
        self._count("deleted")

    def _count(self, what: str) -> None:
        with self._lock:
            self._attempt.counts[what] += 1


def is_waiting(error: ReconcilerError) -> bool:
    """Whether an object's error says that something else must come first."""
    return isinstance(error, DependencyNotReadyError | StaleObjectError)
