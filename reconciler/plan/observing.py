"""A cluster to which something else applies what Git declares: what differs is reported, and nothing is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.objects import FABRIC_ANNOTATION, MANAGED_BY_ANNOTATION
from reconciler.model.plan import ClusterPlan, Drift
from reconciler.plan.comparison import differences
from reconciler.plan.fields import ANNOTATIONS, render

if TYPE_CHECKING:
    from reconciler.model.desired import Desired
    from reconciler.model.objects import Manifest, Resource
    from reconciler.model.passes import FieldDifference
    from reconciler.plan.situation import Situation

_MARKS = frozenset(render((*ANNOTATIONS, name)) for name in (MANAGED_BY_ANNOTATION, FABRIC_ANNOTATION))


def observed_differences(manifest: Manifest, resource: Resource, fabric: str) -> tuple[FieldDifference, ...]:
    """The fields in which an object is not what Git declares. Whose it is does not count: nobody else would mark it as
    ours, and marks that an earlier apply of ours left there are no difference either.
    """
    return tuple(one for one in differences(manifest.body(fabric), resource) if one.path not in _MARKS)


def compare_only(desired: Desired, situation: Situation) -> ClusterPlan:
    """A plan without actions. What we own, from a time when we applied, stays as it is."""
    unchanged, drifted = [], []
    for key in sorted(desired.manifests):
        if not (situation.is_known(key.kind) and situation.is_in_scope(key)):
            continue
        drift = _drift(desired.manifests[key], situation.live.get(key), situation.fabric)
        if drift is None:
            unchanged.append(key)
        else:
            drifted.append(drift)
    return ClusterPlan(situation.fabric, unchanged=tuple(unchanged), drifted=tuple(drifted), unknown=situation.unknown)


def _drift(manifest: Manifest, resource: Resource | None, fabric: str) -> Drift | None:
    if resource is None:
        return Drift(manifest, None, "the cluster does not have it")
    found = observed_differences(manifest, resource, fabric)
    if resource.is_deleting:
        return Drift(manifest, resource, "the cluster is deleting it", found)
    return Drift(manifest, resource, "the cluster differs from Git", found) if found else None
