"""Which change in a cluster is worth a pass: drift and what is not ours; not what leaves everything as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.kinds import AGENT
from reconciler.plan.canonical import RECOMPUTED_LABEL, canonical, is_empty, is_same, rule_of
from reconciler.plan.comparison import differences
from reconciler.plan.lenient import mapping
from reconciler.plan.observing import observed_differences
from reconciler.plan.stored import stands

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.known import Known
    from reconciler.model.objects import Manifest, Resource
    from reconciler.plan.canonical import Rule


def is_worth_a_pass(before: Resource | None, after: Resource | None, known: Known) -> bool:
    """Whether a pass would find something to do, or to say, about an object that was `before` and is `after`.

    That the change is not our own write is for the caller to know.
    """
    if not _is_touched(before, after):
        return False
    if after is None or (before is not None and before.uid != after.uid):
        return True
    if after.key.resource_kind.group == AGENT and not known.has_netbox:
        # Numbers that a controller gave: they are shown in NetBox, and nothing else depends on them.
        return False
    manifest = known.manifests.get(after.key)
    if manifest is None or after.key in known.unsettled or not _stands(manifest, after, known):
        return True
    return known.has_netbox and _shows_more(before, after, manifest)


def _is_touched(before: Resource | None, after: Resource | None) -> bool:
    """Whether existence, spec, labels that count, annotations or the deletion's mark changed."""
    if before is None or after is None:
        return before is not after
    is_same_object = before.uid == after.uid and before.is_deleting == after.is_deleting
    return not (
        is_same_object
        and is_same(before.spec, after.spec)
        and _labels(before) == _labels(after)
        and before.annotations == after.annotations
    )


def _labels(resource: Resource) -> dict[str, str]:
    return {name: value for name, value in resource.labels.items() if RECOMPUTED_LABEL not in name}


def _stands(manifest: Manifest, after: Resource, known: Known) -> bool:
    """Whether an object stands as Git declares it, by our apply where it is we who apply."""
    if after.is_deleting:
        return False
    if known.is_observer:
        return not observed_differences(manifest, after, known.fabric)
    found = differences(manifest.body(known.fabric), after)
    return after.our_fields() is not None and stands(found, after, known.forms.get(after.key))


def _shows_more(before: Resource | None, after: Resource, manifest: Manifest) -> bool:
    """Whether the spec changed where Git declares nothing: NetBox shows what the cluster holds."""
    rule = rule_of(after.key.kind)
    old = before.spec if before is not None else {}
    return not is_same(_undeclared(old, manifest.spec, rule), _undeclared(after.spec, manifest.spec, rule))


def _undeclared(observed: JSONObject, declared: JSONObject, rule: Rule) -> JSONObject:
    """The members of an observed object that Git does not declare, at any depth."""
    names = {rule.name(name): value for name, value in declared.items()} if rule.is_map else declared
    found: JSONObject = {}
    for name, value in observed.items():
        stored = rule.name(name) if rule.is_map else name
        below = rule.member(name)
        if _is_declared(names.get(stored), below):
            left = _undeclared(mapping(value), mapping(names[stored]), below)
            is_said = bool(left)
        else:
            left = canonical(value)
            # The name of a map's entry says something, whatever the entry holds.
            is_said = rule.is_map or not is_empty(left)
        if is_said:
            found[stored] = left
    return found


def _is_declared(value: JSON, rule: Rule) -> bool:
    """Whether Git says what a field holds. Where it leaves the choice to the server it does not."""
    return not is_empty(value) and bool(value or not rule.is_defaulted)
