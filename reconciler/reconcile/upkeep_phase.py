"""Keep the fabric's directory in order: its structure, and what people dropped into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ReconcilerError, StalledError, StoppedError
from reconciler.model.ingestion import How
from reconciler.model.passes import Phase
from reconciler.model.structure import StructureState
from reconciler.plan.conditions import NOT_PUSHED
from reconciler.plan.upkeep import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.fabric import StructurePolicy
    from reconciler.model.objects import Manifest
    from reconciler.model.problems import Fault
    from reconciler.model.revision import Revision
    from reconciler.model.structure import UpkeepPlan
    from reconciler.ports import Check, Cluster, Upkeep
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("pass")

SUBJECT = "structure"


MOST_COMMITS = 50
"""Of one pass. Each takes in what one can: more than people ever dropped at once."""


def keep_in_order(
    upkeep: Upkeep,
    policy: StructurePolicy,
    fetched: Revision,
    cluster: Cluster | None,
    requests: Sequence[str],
    attempt: Attempt,
) -> Revision:
    """Bring the directory in order by one commit, where that is needed, and by more where it is too much for one; the
    branch's tip afterwards. What cannot be done is told, and the pass goes on with what is managed already.

    Raises StoppedError when the service is stopping.
    """
    check, tip = _Schemas(cluster, attempt), fetched
    with attempt.phase(Phase.STRUCTURE, SUBJECT):
        try:
            found = upkeep.look(fetched, check)
            for _ in range(MOST_COMMITS):
                if not (found.changes and policy.is_pushing):
                    break
                attempt.check_write()
                found = upkeep.keep(check, requests)
                if found.published is None:
                    break
                tip = found.published.tip
                _count(found, attempt)
                if not found.is_waiting:
                    break
        except StoppedError:
            raise
        except ReconcilerError as error:
            attempt.fail(Phase.STRUCTURE, SUBJECT, error)
            return tip
        _note(found, policy, attempt)
    return tip


class _Schemas:
    """Checks documents by the schemas of the cluster as they are now, which are asked for when there is a document."""

    def __init__(self, cluster: Cluster | None, attempt: Attempt) -> None:
        self._cluster = cluster
        self._attempt = attempt
        self._check: Check | None = None

    def __call__(self, manifest: Manifest) -> Sequence[Fault]:
        if self._cluster is None:
            return ()
        if self._check is None:
            self._learn(self._cluster)
            self._check = self._attempt.inspector.check(self._cluster)
        return self._check(manifest)

    def _learn(self, cluster: Cluster) -> None:
        attempt = self._attempt
        try:
            with attempt.contact("cluster", cluster.version):
                attempt.inspector.learn(cluster, attempt.fabric)
        except StoppedError:
            raise
        except ReconcilerError as error:
            # What was known before counts, and where nothing was, what the loader says.
            log.warning("dropped documents are not held against schemas", fabric=attempt.fabric, error=error.message)


def _count(found: UpkeepPlan, attempt: Attempt) -> None:
    revision = str(found.published.revision) if found.published else None
    log.info("committed", fabric=attempt.fabric, revision=revision, files=len(found.changes))
    for one in found.routed:
        log.info("taken in", fabric=attempt.fabric, what=told(one))
    aside = sum(one.how is How.UNMANAGED for one in found.routed)
    attempt.counts["ingested"] += len(found.routed) - aside
    attempt.counts["put_aside"] += aside


def _note(found: UpkeepPlan, policy: StructurePolicy, attempt: Attempt) -> None:
    """What stays as it is, and why."""
    is_failed = found.state is StructureState.FAILED
    for problem in found.problems if is_failed else found.remarks:
        where = {"fabric": attempt.fabric, "file": problem.file, "line": problem.line}
        log.warning("problem of a dropped file", **where, rule=problem.rule, message=problem.message)
        if is_failed or problem.is_refusal:
            attempt.fail(Phase.STRUCTURE, problem.file, StalledError(problem.message, reason=problem.rule))
    if found.changes and not policy.is_pushing:
        message = f"{len(found.changes)} file(s) would be committed, and structure.push is false"
        attempt.blocks.append((NOT_PUSHED, message))
