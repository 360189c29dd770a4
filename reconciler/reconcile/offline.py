"""What can be told of a fabric without its cluster: whether its documents hold, and what a first apply would make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError
from reconciler.model.kinds import DECLARABLE, OBSERVED
from reconciler.model.passes import Failure, Phase
from reconciler.plan.cluster import plan_cluster
from reconciler.plan.rules import broken_rules
from reconciler.reconcile.checking import check
from reconciler.reconcile.preview import Preview
from reconciler.reconcile.schemas import Inspector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.desired import Desired
    from reconciler.model.fabric import Fabric
    from reconciler.model.plan import ClusterPlan
    from reconciler.model.problems import Fault
    from reconciler.model.served import Served
    from reconciler.ports import DesiredSource
    from reconciler.reconcile.checking import Check


@dataclass(frozen=True, slots=True)
class Foresight:
    """What was found without a cluster, and sentences about what was not looked at. The preview's plan is that for a
    cluster which holds nothing; None where the fabric has no cluster, or its documents could not be read.
    """

    preview: Preview
    unchecked: tuple[str, ...]


def foresee_offline(fabric: Fabric, source: DesiredSource, served: Served) -> Foresight:
    """Fetch, read, check by the schemas of `served` and by the rules, and plan for a cluster that holds nothing.

    Whatever fails is in the preview.
    """
    try:
        desired = source.read(source.fetch())
        checks: list[Check] = [partial(Inspector().faults, fabric.name, served=served), _broken]
        desired = check(desired, checks, source)
    except ReconcilerError as error:
        failure = Failure(Phase.READ, "git", error.reason, error.message, is_whole=True)
        return Foresight(Preview(fabric, None, None, None, None, (failure,)), ())
    preview = Preview(fabric, desired, _first_plan(fabric, desired), None, None, ())
    return Foresight(preview, tuple(_unchecked(fabric, desired, served)))


def _broken(desired: Desired) -> Sequence[Fault]:
    return broken_rules(desired.manifests, {}, (), desired.refused, is_offline=True)


def _first_plan(fabric: Fabric, desired: Desired) -> ClusterPlan | None:
    """Also where something else applies what Git declares: what it would have to make."""
    if fabric.cluster is None:
        return None
    nothing = dict.fromkeys((kind.name for kind in OBSERVED), ())
    return plan_cluster(desired, nothing, {}, replace(fabric.cluster, is_observer=False), fabric.name)


def _unchecked(fabric: Fabric, desired: Desired, served: Served) -> Iterator[str]:
    if fabric.cluster is None:
        yield "the fabric has no cluster: nothing is applied"
    else:
        yield "no cluster was asked: nothing was compared, and its admission may refuse what is right here"
    declared = {key.kind for key in (*desired.manifests, *desired.refused)}
    for kind in (kind for kind in DECLARABLE if kind.name in declared):
        if others := served.others(kind):
            yield f"{kind.name}: the CRDs define it as {', '.join(others)}, and this version applies {kind.api_version}"
        elif served.schema(kind) is None:
            yield f"{kind.name}: the CRDs have no schema for it"
    if "Switch" in declared:
        yield "Switch: only the fabric's controller makes SwitchProfiles, so whether they exist is not known"
    if fabric.netbox is not None:
        yield "NetBox was not asked: what would be written there is not known"
