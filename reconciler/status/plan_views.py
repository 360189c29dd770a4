"""A plan as the JSON of the API. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.model.plan import Create, Delete, Update
from reconciler.plan.approval import verb
from reconciler.plan.fields import declared_paths
from reconciler.plan.netbox_claims import describe
from reconciler.plan.netbox_drift import drift_differences, drift_message, drift_name
from reconciler.status.times import rfc3339
from reconciler.status.views import MAX_PROBLEMS, field_views, problem_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox_plan import NetBoxPlan, RecordDrift
    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Action, ClusterPlan, Drift, Finding
    from reconciler.reconcile import Foresight, Preview

_NO_PLAN: JSONObject = {
    "hash": None,
    "blocks": [],
    "unknown": [],
    "actions": [],
    "drifted": [],
    "findings": {"waiting": [], "conflicts": [], "fighting": [], "pending": [], "prune_pending": []},
}


def plan_view(preview: Preview) -> JSONObject:
    """What a pass would do. `errors` holds what could not be read; a plan beside it is one of what could."""
    fabric, desired, plan = preview.fabric, preview.desired, preview.plan
    files = {key: one.source.file for key, one in desired.manifests.items()} if desired else {}
    policy = fabric.cluster
    problems = desired.problems if desired else ()
    return {
        "fabric": fabric.name,
        "revision": str(desired.revision) if desired else None,
        "mode": None if policy is None else "observe" if policy.is_observer else "apply",
        "simulated": list(fabric.simulated),
        **(_NO_PLAN if plan is None else _cluster_view(plan, files)),
        "approval": _approval_view(preview),
        "counts": _counts(plan),
        "netbox": None if preview.netbox is None else _netbox_view(preview.netbox),
        "problems": [problem_view(problem) for problem in problems[:MAX_PROBLEMS]],
        "problems_total": len(problems),
        "refused": sum(problem.is_refusal for problem in problems),
        "errors": [
            {"phase": one.phase.value, "subject": one.subject, "reason": one.reason, "message": one.message}
            for one in preview.failures
        ],
    }


def offline_view(found: Foresight, crds: str, directory: str | None) -> JSONObject:
    """The same of what was found without a cluster, with all problems, and under `offline` what a first apply would
    create by wave and kind, and what was not checked. What lies in a `directory` has no revision.
    """
    view = plan_view(found.preview)
    desired = found.preview.desired
    made = Counter((action["wave"], action["kind"]) for action in view["actions"])
    offline = {
        "crds": crds,
        "directory": directory,
        "creates": [{"wave": wave, "kind": kind, "count": count} for (wave, kind), count in made.items()],
        "not_checked": list(found.unchecked),
    }
    problems = [problem_view(problem) for problem in desired.problems] if desired else []
    revision = view["revision"] if directory is None else None
    return {**view, "revision": revision, "problems": problems, "offline": offline}


def _cluster_view(plan: ClusterPlan, files: Mapping[ObjectKey, str]) -> JSONObject:
    return {
        "hash": plan.hash,
        "blocks": [{"reason": block.reason, "message": block.message} for block in plan.blocks],
        "unknown": list(plan.unknown),
        "actions": list(_actions(plan, files)),
        "drifted": [_drift_view(drift, files) for drift in _left_alone(plan)],
        "findings": {
            "waiting": _finding_views(plan.waiting, files),
            "conflicts": _finding_views(plan.conflicts, files),
            "fighting": _finding_views(plan.fighting, files),
            "pending": _finding_views(plan.pending, files),
            "prune_pending": _finding_views(plan.prune_pending, files),
        },
    }


def _actions(plan: ClusterPlan, files: Mapping[ObjectKey, str]) -> Iterable[JSONObject]:
    """Those that would run, then those that wait for approval, each part in its order."""
    held = frozenset(action.key for action in plan.held)
    for number, wave in enumerate(plan.all_waves, 1):
        for action in wave:
            reason = plan.held_by.reason if plan.held_by and action.key in held else None
            yield {"wave": number, **_action_view(action, files), "held": reason}


def _action_view(action: Action, files: Mapping[ObjectKey, str]) -> JSONObject:
    fields = action.differences if isinstance(action, Update) else ()
    return {
        "action": verb(action),
        **_key_view(action.key, files),
        "reason": action.reason,
        "fields": field_views(fields),
        "field_count": len(fields) if isinstance(action, Update | Delete) else _declared(action),
    }


def _declared(action: Create) -> int:
    """How many fields Git declares of a new object: their values are in Git, for those who may read it."""
    manifest = action.manifest
    metadata = {"labels": manifest.labels, "annotations": manifest.annotations}
    return len(declared_paths({"metadata": metadata, "spec": manifest.spec}))


def _key_view(key: ObjectKey, files: Mapping[ObjectKey, str]) -> JSONObject:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name, "file": files.get(key)}


def _left_alone(plan: ClusterPlan) -> list[Drift]:
    """The drift that is only reported."""
    acted_on = {action.key for action in (*plan.actions, *plan.held)}
    return [drift for drift in plan.drifted if drift.key not in acted_on]


def _drift_view(drift: Drift, files: Mapping[ObjectKey, str]) -> JSONObject:
    state = "desired_only" if drift.resource is None else "changed"
    said = {"state": state, "message": drift.message, "fields": field_views(drift.differences)}
    return _key_view(drift.key, files) | said


def _finding_views(findings: Iterable[Finding], files: Mapping[ObjectKey, str]) -> list[JSONObject]:
    return [_key_view(one.key, files) | {"reason": one.reason, "message": one.message} for one in findings]


def _approval_view(preview: Preview) -> JSONObject:
    """`required`: by the policy; `needed`: something of this plan waits for it, under the name `hash`; `approved`: this
    very plan is.
    """
    plan, policy, approval = preview.plan, preview.fabric.cluster, preview.approval
    is_approved = plan is not None and plan.is_approved
    return {
        "required": policy is not None and policy.needs_approval,
        "needed": plan is not None and bool(plan.held),
        "hash": plan.held_hash if plan is not None and plan.held else None,
        "approved": is_approved,
        "by": approval.by if approval and is_approved else None,
        "since": rfc3339(approval.since) if approval and is_approved else None,
    }


def _counts(plan: ClusterPlan | None) -> dict[str, int]:
    plan_actions = () if plan is None else (*plan.actions, *plan.held)
    verbs = [verb(action) for action in plan_actions]
    counts = {name: verbs.count(name) for name in ("create", "update", "delete")}
    standing: dict[str, Sequence[object]] = {
        "held": () if plan is None else plan.held,
        "unchanged": () if plan is None else plan.unchanged,
        "drifted": () if plan is None else plan.drifted,
        "waiting": () if plan is None else plan.waiting,
        "conflicts": () if plan is None else plan.conflicts,
        "fighting": () if plan is None else plan.fighting,
        "pending": () if plan is None else plan.pending,
        "prune_pending": () if plan is None else plan.prune_pending,
    }
    return counts | {name: len(found) for name, found in standing.items()}


def _netbox_view(plan: NetBoxPlan) -> JSONObject:
    return {
        "create": len(plan.creates),
        "update": len(plan.updates),
        "delete": len(plan.deletes) + len(plan.remade),
        "retained": len(plan.retained),
        "remade": [describe(existing) for existing in plan.remade],
        "take_over": [describe(change.existing) for change in plan.taken],
        "conflicts": [f"{refusal.ref.key}: {refusal.message}" for refusal in plan.refusals if refusal.is_conflict],
        "drifted": [_record_drift_view(drift) for drift in plan.drifted],
        "blocks": [{"reason": block.reason, "message": block.message} for block in plan.blocks],
    }


def _record_drift_view(drift: RecordDrift) -> JSONObject:
    return {
        "model": drift.ref.model,
        "key": drift.ref.key,
        "record": drift_name(drift),
        "state": "desired_only" if drift.existing is None else "changed",
        "message": drift_message(drift),
        "fields": field_views(drift_differences(drift)),
    }
