"""What differs between an object as Git declares it and as the cluster holds it.

Only fields that Git declares are compared, and fields that we applied before and Git declares no longer. What the
server added, recomputed or wrote in another form is no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.passes import FieldDifference
from reconciler.plan.canonical import PLAIN, RECOMPUTED_LABEL, Rule, is_empty, is_same, rule_of, stored_spec
from reconciler.plan.fields import (
    ANNOTATIONS,
    LABELS,
    SPEC,
    Path,
    observed_value,
    our_paths,
    owners,
    render,
    sections,
    value_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Resource

_Found = tuple[Path, "JSON", "JSON"]
"""Path, desired value, observed value."""


def differences(body: JSONObject, resource: Resource) -> tuple[FieldDifference, ...]:
    """The fields in which `resource` is not what an apply of `body` asks for, by path.

    A field that we own and `body` no longer declares is among them, with None as desired value; one that meanwhile
    belongs to another manager alone is not: letting go of it needs no write.
    """
    found = [*_changed(body, resource), *_left_over(body, resource)]
    if not found:
        return ()
    managers = owners(resource)
    shown = ((render(path), desired, observed) for path, desired, observed in found)
    return tuple(
        FieldDifference(path, desired, observed, managers.get(path))
        for path, desired, observed in sorted(shown, key=lambda one: one[0])
    )


def _changed(body: JSONObject, resource: Resource) -> Iterator[_Found]:
    metadata = body["metadata"]
    kind = resource.key.kind
    stored = stored_spec(kind, body.get("spec") or {})
    found = _compare(stored, resource.spec, rule_of(kind), SPEC)
    yield from (one for one in found if not _is_as_applied(one[0], body, resource))
    yield from _compare(_kept(metadata.get("labels")), resource.labels, PLAIN, LABELS)
    yield from _compare(metadata.get("annotations") or {}, resource.annotations, PLAIN, ANNOTATIONS)


def _is_as_applied(path: Path, body: JSONObject, resource: Resource) -> bool:
    """Whether a field of ours holds just what Git declares, though another form of it was expected: where admission
    does not rewrite objects, an apply would change nothing, again and again.
    """
    observed = observed_value(resource, path)
    return observed is not None and is_same(value_at(body, path), observed) and path in our_paths(resource)


def _kept(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (labels or {}).items() if RECOMPUTED_LABEL not in name}


def _compare(desired: JSON, observed: JSON, rule: Rule, path: Path) -> Iterator[_Found]:
    if isinstance(desired, dict) and desired:
        yield from _compare_members(desired, observed, rule, path)
    elif not _is_stored(desired, observed, rule):
        yield path, desired, observed


def _is_stored(desired: JSON, observed: JSON, rule: Rule) -> bool:
    """Whether a leaf is as it should be. Null declares nothing, `{}` an object and nothing in it."""
    if desired is None or (rule.is_defaulted and not desired) or (is_empty(desired) and is_empty(observed)):
        return True
    if isinstance(desired, dict) and isinstance(observed, dict):
        return True
    return is_same(rule.form(desired), rule.form(observed))


def _compare_members(desired: JSONObject, observed: JSON, rule: Rule, path: Path) -> Iterator[_Found]:
    members = _members(observed, rule)
    dropped = rule.dropped(desired)
    for name, value in desired.items():
        here = (*path, name)
        stored = rule.name(name) if rule.is_map else name
        if name in dropped:
            continue
        if rule.is_map and is_empty(value) and stored not in members:
            yield here, value, None
        else:
            yield from _compare(value, members.get(stored), rule.member(name), here)


def _members(observed: JSON, rule: Rule) -> JSONObject:
    if not isinstance(observed, dict):
        return {}
    return {rule.name(name): value for name, value in observed.items()} if rule.is_map else observed


def _left_over(body: JSONObject, resource: Resource) -> Iterator[_Found]:
    """Fields of ours that are still there and no longer declared: of several on one branch, the topmost."""
    rules = {SPEC: rule_of(resource.key.kind)}
    parts = ((path, part, rules.get(path, PLAIN)) for path, part in sections(body))
    declared = {path for start, part, rule in parts for path in _declared(part, rule, start)}
    for path in _topmost(path for path in our_paths(resource) if path not in declared):
        observed = observed_value(resource, path)
        if not is_empty(observed) and not (path[:-1] == LABELS and RECOMPUTED_LABEL in path[-1]):
            yield path, None, observed


def _declared(value: JSON, rule: Rule, path: Path) -> Iterator[Path]:
    """The path of a declared value and of all that is declared in it. Null declares nothing, except that an entry of a
    map is there.
    """
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            if member is not None or rule.is_map:
                yield from _declared(member, rule.member(name), (*path, name))


def _topmost(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in sorted(paths):
        if not found or path[: len(found[-1])] != found[-1]:
            found.append(path)
    return found
