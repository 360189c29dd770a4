"""`reconciler init` and `ingest`: bring a fabric's directory in order, whether or not the service runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.app.directories import Configured, mirrored
from reconciler.app.subjects import build_cluster, build_upkeep
from reconciler.app.telling import silent
from reconciler.errors import BranchNotFoundError, ReconcilerError
from reconciler.reconcile import Inspector
from reconciler.targets.local.memory import MemoryDocuments

if TYPE_CHECKING:
    from reconciler.app.telling import Tell
    from reconciler.model.revision import Revision
    from reconciler.model.structure import UpkeepPlan
    from reconciler.ports import Check
    from reconciler.settings import FabricSettings, Settings


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, or would be; `revision` is what it was found for (None: there is no such branch), and `doubt` why
    documents were not held against the schemas of the cluster.
    """

    revision: Revision | None
    plan: UpkeepPlan
    doubt: str | None


def keep(
    settings: Settings,
    fabric: str,
    *,
    is_first: bool = False,
    makes_branch: bool = True,
    is_dry_run: bool = False,
    tell: Tell = silent,
) -> Done:
    """Take in what lies in `raw/` of a fabric, and see to its structure. `is_first`: make what is missing, up to the
    branch (`makes_branch`), and take in what lies in another order.

    Raises UnknownFabricError, ConfigurationError, and as `ports.Upkeep`.
    """
    found = Configured.of(settings, fabric)
    with mirrored(found) as (mirror, source):
        upkeep = build_upkeep(found.value, found.repository, source, mirror, threading.Event())
        tell(f"{fabric}: reading the schemas of its cluster")
        check, doubt = _check(found.settings)
        tell(f"{fabric}: fetching repository {found.repository.name}")
        try:
            revision = mirror.fetch()
        except BranchNotFoundError as error:
            if not (is_first and makes_branch):
                raise BranchNotFoundError(f"{error.message}; reconciler init {fabric} makes it") from None
            revision = None
        tell(f"{fabric}: reading its directory{'' if is_dry_run else ', committing and pushing'}")
        if is_dry_run:
            plan = upkeep.first(check) if revision is None else upkeep.look(revision, check, is_first=is_first)
        else:
            plan = upkeep.keep(check, is_first=is_first)
        return Done(revision, plan, doubt)


def _check(fabric: FabricSettings) -> tuple[Check, str | None]:
    """By the schemas of the fabric's cluster; and why not, where they cannot be had."""
    if fabric.cluster is None or fabric.cluster.local:
        return (lambda _: ()), None
    inspector = Inspector()
    try:
        cluster = build_cluster(fabric, MemoryDocuments())
        if cluster is None:
            return (lambda _: ()), None
        inspector.learn(cluster, fabric.name)
    except ReconcilerError as error:
        return (lambda _: ()), f"{error.reason}: {error.message}"
    return inspector.check(cluster), None
