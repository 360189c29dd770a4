"""Observe, plan and apply: bring the cluster in line with the desired state."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from reconciler.errors import ClusterAccessError, ClusterUnavailableError, KindNotServedError, ReconcilerError
from reconciler.model.kinds import OBSERVED, Kind
from reconciler.model.passes import Phase

if TYPE_CHECKING:
    from reconciler.model.objects import Resource
    from reconciler.ports import Cluster
    from reconciler.reconcile.attempt import Attempt

CONCURRENCY = 8
"""Requests to one cluster at a time: more gain little, because the server's own CPU is the limit."""

Observed = Mapping[str, "tuple[Resource, ...] | None"]
"""Objects by the name of their kind; None: the kind could not be read, and nothing is known of it."""


def observe(cluster: Cluster, attempt: Attempt) -> Observed:
    """Every kind that a pass reads. One that cannot be read is unknown and fails the pass; one that the cluster does
    not serve has no objects.
    """
    first, *others = OBSERVED
    with attempt.phase(Phase.OBSERVE, "cluster"):
        try:
            # Alone, so that a cluster that is away costs one time-out and not one a kind.
            found: dict[str, tuple[Resource, ...] | None] = {first.name: _list(cluster, first)}
        except (ClusterUnavailableError, ClusterAccessError) as error:
            attempt.lost("cluster", error)
            raise
        attempt.reached("cluster")
        attempt.check_stop()
        with ThreadPoolExecutor(CONCURRENCY) as pool:
            answers = pool.map(lambda kind: _list_or_error(cluster, kind), others)
            for kind, answer in zip(others, answers, strict=True):
                found[kind.name] = _known(kind, answer, attempt)
        return found
    return {kind.name: None for kind in OBSERVED}


def _list(cluster: Cluster, kind: Kind) -> tuple[Resource, ...]:
    try:
        return cluster.list(kind)
    except KindNotServedError:
        return ()


def _list_or_error(cluster: Cluster, kind: Kind) -> tuple[Resource, ...] | ReconcilerError:
    try:
        return _list(cluster, kind)
    except ReconcilerError as error:
        return error


def _known(kind: Kind, answer: tuple[Resource, ...] | ReconcilerError, attempt: Attempt) -> tuple[Resource, ...] | None:
    if not isinstance(answer, ReconcilerError):
        return answer
    if isinstance(answer, ClusterUnavailableError | ClusterAccessError):
        attempt.lost("cluster", answer)
    attempt.fail(Phase.OBSERVE, f"kind {kind.name}", answer, is_whole=True)
    return None
