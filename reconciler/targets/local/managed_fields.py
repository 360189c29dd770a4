"""Server-side apply as a Kubernetes API server does it, on plain JSON.

Functions take and return whole objects and change none in place. Without a schema, two things are decided by rule:
every list is one value, and which objects are maps (their entries are owned themselves) is known for the Hedgehog
kinds. An entry of a map that is null becomes `{}`, as the fabric controller's admission has it; other nulls are left
out.

Source: Kubernetes' description of server-side apply, and what a kube-apiserver answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.errors import ApplyConflictError
from reconciler.plan.canonical import is_same, rule_of
from reconciler.plan.fields import (
    SPEC,
    Path,
    build_fields,
    declared_leaves,
    expand_fields,
    is_declarable,
    leaves,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.plan.canonical import Rule


class Manager(NamedTuple):
    """Who owns fields, and by which operation: an apply declares, an update just writes."""

    name: str
    operation: str


_Owned = dict[Manager, frozenset[Path]]
_MISSING = object()


def apply(live: JSONObject | None, body: JSONObject, manager: str, *, force: bool = False) -> JSONObject:
    """`live` after an apply of `body`; None is an object that does not exist. Raises ApplyConflictError."""
    us = Manager(manager, "Apply")
    body = {**body, "spec": _without_nulls(body.get("spec") or {}, rule_of(body["kind"]))}
    declared = _declared(body)
    if live is None:
        return _with_owned(_new_object(body), {us: declared})
    owned = _owned(live)
    ours_before = owned.pop(us, frozenset())
    conflicts = _conflicts(live, body, owned)
    if conflicts and not force:
        raise _conflict_error(conflicts)
    owned = {other: paths - conflicts.get(other, frozenset()) for other, paths in owned.items()}
    merged = _merge(live, {"metadata": _declared_metadata(body), "spec": body["spec"]})
    foreign = frozenset().union(*owned.values())
    pruned = _prune(merged, ours_before - declared, declared, foreign)
    return _with_owned(pruned, {**owned, us: declared})


def edit(live: JSONObject, patch: JSONObject, manager: str) -> JSONObject:
    """`live` after a JSON merge patch by a manager that does not apply, as `kubectl edit` is one: it takes every field
    that it changes, without a conflict.
    """
    us = Manager(manager, "Update")
    edited = _merge(live, patch)
    before, after = dict(declared_leaves(live)), dict(declared_leaves(edited))
    changed = frozenset(path for path, value in after.items() if not is_same(before.get(path, _MISSING), value))
    present = {path[:depth] for path in after for depth in range(1, len(path) + 1)}
    owned = {other: (paths - changed) & present for other, paths in _owned(live).items()}
    owned[us] = owned.get(us, frozenset()) | changed
    return _with_owned(edited, owned)


def _declared(body: JSONObject) -> frozenset[Path]:
    """What an apply owns: its leaves, except objects without members, and the entries of maps whatever they hold."""
    entries = _map_entries(body["spec"], rule_of(body["kind"]), SPEC)
    return frozenset(path for path, value in declared_leaves(body) if value != {}) | frozenset(entries)


def _without_nulls(value: JSON, rule: Rule) -> JSON:
    if not isinstance(value, dict):
        return value
    kept = {name: {} if member is None and rule.is_map else member for name, member in value.items()}
    return {name: _without_nulls(member, rule.member(name)) for name, member in kept.items() if member is not None}


def _map_entries(value: JSON, rule: Rule, path: Path) -> Iterator[Path]:
    if not isinstance(value, dict):
        return
    for name, member in value.items():
        if rule.is_map:
            yield (*path, name)
        yield from _map_entries(member, rule.member(name), (*path, name))


def _owned(live: JSONObject) -> _Owned:
    return {
        Manager(entry["manager"], entry["operation"]): expand_fields(entry["fieldsV1"], live)
        for entry in live["metadata"].get("managedFields", ())
    }


def _with_owned(body: JSONObject, owned: _Owned) -> JSONObject:
    entries = [
        {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": body["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": build_fields(paths),
        }
        for manager, paths in sorted(owned.items())
        if paths
    ]
    return {**body, "metadata": {**body["metadata"], "managedFields": entries}}


def _conflicts(live: JSONObject, body: JSONObject, owned: _Owned) -> dict[Manager, frozenset[Path]]:
    """The fields of each other manager that the apply would change."""
    changed = frozenset(
        path for path, value in declared_leaves(body) if value != {} and not is_same(_value(live, path), value)
    )
    return {manager: paths & changed for manager, paths in owned.items() if paths & changed}


def _conflict_error(conflicts: Mapping[Manager, frozenset[Path]]) -> ApplyConflictError:
    fields = {render(path): manager.name for manager, paths in conflicts.items() for path in sorted(paths)}
    named = ", ".join(f"{path} ({manager})" for path, manager in sorted(fields.items()))
    return ApplyConflictError(f"other managers own fields that Git declares: {named}", fields)


def _value(value: JSON, path: Path) -> JSON:
    for name in path:
        value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
    return value


def _declared_metadata(body: JSONObject) -> JSONObject:
    return {name: body["metadata"][name] for name in ("labels", "annotations") if body["metadata"].get(name)}


def _merge(live: JSON, change: JSON) -> JSON:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    merged = dict(live) if isinstance(live, dict) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def _new_object(body: JSONObject) -> JSONObject:
    """An object with what `body` declares, and nothing else that stands in it."""
    metadata = {"name": body["metadata"]["name"], "namespace": body["metadata"]["namespace"]}
    metadata |= _declared_metadata(body)
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata, "spec": body["spec"]}


def _prune(merged: JSONObject, gone: Iterable[Path], declared: frozenset[Path], foreign: frozenset[Path]) -> JSONObject:
    """Without the fields that we applied before and no longer do, as far as nobody else owns them; an object that
    this leaves empty goes too, unless somebody owns it.
    """
    kept = declared | foreign
    holding = {path[:depth] for path in kept for depth in range(1, len(path) + 1)}
    for path in sorted(gone, key=len, reverse=True):
        while is_declarable(path) and path not in holding:
            merged = _without(merged, path)
            path = path[:-1]  # noqa: PLW2901 - the emptied object around it is the next candidate
            if _value(merged, path) != {}:
                break
    return merged


def _without(value: JSONObject, path: Path) -> JSONObject:
    """A copy without the member at a path; the objects along the path are copied, the rest is shared."""
    name, *rest = path
    if name not in value:
        return value
    if not rest:
        return {other: member for other, member in value.items() if other != name}
    member = value[name]
    return {**value, name: _without(member, tuple(rest))} if isinstance(member, dict) else value


def same_object(left: JSONObject, right: JSONObject) -> bool:
    """Whether two states of an object are equal, ownership included: then nothing is written."""
    return is_same(left, right)


def same_spec(left: JSONObject, right: JSONObject) -> bool:
    """Whether the generation stays."""
    return is_same(dict(leaves(left.get("spec"))), dict(leaves(right.get("spec"))))
