"""Keep the fabric's directory in order: its structure, and what people dropped into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from reconciler.errors import ClusterUnavailableError, ReconcilerError, StalledError, StoppedError
from reconciler.model.ingestion import How
from reconciler.model.passes import Phase
from reconciler.model.structure import StructureState
from reconciler.plan.conditions import NOT_PUSHED
from reconciler.plan.upkeep import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.fabric import StructurePolicy
    from reconciler.model.revision import Revision
    from reconciler.model.structure import UpkeepPlan
    from reconciler.ports import Check, Cluster, Upkeep
    from reconciler.reconcile.attempt import Attempt

log = structlog.get_logger("pass")

SUBJECT = "structure"


def keep_in_order(
    upkeep: Upkeep,
    policy: StructurePolicy,
    fetched: Revision,
    cluster: Cluster | None,
    requests: Sequence[str],
    attempt: Attempt,
) -> Revision:
    """Bring the directory in order by one commit, where that is needed; the branch's tip afterwards. What cannot be
    done is told, and the pass goes on with what is managed already.

    Raises StoppedError when the service is stopping.
    """
    with attempt.phase(Phase.STRUCTURE, SUBJECT):
        check = _check(cluster, attempt)
        try:
            found = upkeep.look(fetched, check)
            if found.changes and policy.is_pushing:
                found = upkeep.keep(check, requests)
        except StoppedError:
            raise
        except ReconcilerError as error:
            attempt.fail(Phase.STRUCTURE, SUBJECT, error)
            return fetched
        _note(found, policy, attempt)
        return found.published.tip if found.published else fetched
    return fetched


def _check(cluster: Cluster | None, attempt: Attempt) -> Check:
    """By the schemas of the cluster, as far as they are known."""
    if cluster is None:
        return lambda _: ()
    try:
        attempt.inspector.learn(cluster, attempt.fabric, is_full=False)
    except ClusterUnavailableError as error:
        log.warning("dropped documents are not held against schemas", fabric=attempt.fabric, error=error.message)
    return attempt.inspector.check(cluster)


def _note(found: UpkeepPlan, policy: StructurePolicy, attempt: Attempt) -> None:
    for problem in found.problems if found.state is StructureState.FAILED else found.remarks:
        where = {"fabric": attempt.fabric, "file": problem.file, "line": problem.line}
        log.warning("problem of a dropped file", **where, rule=problem.rule, message=problem.message)
        if found.state is StructureState.FAILED:
            attempt.fail(Phase.STRUCTURE, problem.file, StalledError(problem.message, reason=problem.rule))
    if found.changes and not policy.is_pushing:
        message = f"{len(found.changes)} file(s) would be committed, and structure.push is false"
        attempt.blocks.append((NOT_PUSHED, message))
    if found.published is None:
        return
    revision = str(found.published.revision)
    log.info("committed", fabric=attempt.fabric, revision=revision, files=len(found.changes))
    for one in found.routed:
        log.info("taken in", fabric=attempt.fabric, what=told(one))
    aside = sum(one.how is How.UNMANAGED for one in found.routed)
    attempt.counts["ingested"] = len(found.routed) - aside
    attempt.counts["put_aside"] = aside
