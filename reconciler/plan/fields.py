"""Field paths of Kubernetes objects, and who owns each field.

A path is a tuple of member names, because a name may hold dots (a subnet called `b.c`, every annotation); text is
made from it only to be shown or to be held against the text of the API. Lists have no paths inside: the CRDs of the
Hedgehog groups carry no list-type markers, so server-side apply treats each list as one value.

Source: fieldsV1 and the causes of a 409, as a kube-apiserver answers them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.objects import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Resource

Path: TypeAlias = tuple[str, ...]
"""Member names from the root of an object: `("spec", "subnets", "b.c", "vlan")`."""

SPEC: Path = ("spec",)
LABELS: Path = ("metadata", "labels")
ANNOTATIONS: Path = ("metadata", "annotations")

_MEMBER = "f:"
_ITSELF = "."


def render(path: Path) -> str:
    """The path as the API spells it in conflicts: `.spec.subnets.b.c.vlan`."""
    return "".join(f".{name}" for name in path)


def leaves(value: JSON, path: Path = ()) -> Iterator[tuple[Path, JSON]]:
    """Every value below `value` that server-side apply owns as one: scalars, lists, and objects without members."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    else:
        yield path, value


def declared_leaves(body: JSONObject) -> Iterator[tuple[Path, JSON]]:
    """The leaves of an apply's body that it declares, in spec, labels and annotations. Null declares nothing."""
    for path, section in sections(body):
        if section:
            yield from ((leaf, value) for leaf, value in leaves(section, path) if value is not None)


def sections(body: JSONObject) -> tuple[tuple[Path, JSON], ...]:
    """The parts of an apply's body in which it declares fields, with their paths."""
    metadata = body.get("metadata") or {}
    return (SPEC, body.get("spec")), (LABELS, metadata.get("labels")), (ANNOTATIONS, metadata.get("annotations"))


def _nodes(value: JSON, path: Path) -> Iterator[Path]:
    if value is not None:
        yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _nodes(member, (*path, name))


def declared_paths(body: JSONObject) -> frozenset[str]:
    """The rendered leaf paths that an apply of `body` declares."""
    return frozenset(render(path) for path, _ in declared_leaves(body))


def parse_fields(fields: JSONObject, path: Path = ()) -> Iterator[Path]:
    """The paths that a fieldsV1 owns. An object is among them when it is owned itself (`.`), and a list of which
    only items are owned stands for those items.
    """
    for name, below in fields.items():
        if not name.startswith(_MEMBER):
            yield path
            continue
        member = (*path, name[len(_MEMBER) :])
        if below:
            yield from parse_fields(below, member)
        else:
            yield member


def build_fields(paths: Iterable[Path]) -> JSONObject:
    """The fieldsV1 that owns exactly `paths`: the inverse of `parse_fields`."""
    fields: JSONObject = {}
    owned = set(paths)
    for path in sorted(owned):
        node = fields
        for depth, name in enumerate(path, start=1):
            node = node.setdefault(_MEMBER + name, {})
            if path[:depth] in owned and depth < len(path):
                node.setdefault(_ITSELF, {})
    return fields


def is_declarable(path: Path) -> bool:
    """Whether Git may declare the field: below spec, labels or annotations."""
    return (path[:1] == SPEC and len(path) > 1) or (path[:2] in {LABELS, ANNOTATIONS} and len(path) > 2)  # noqa: PLR2004 - a member below the two names


def our_paths(resource: Resource) -> frozenset[Path]:
    """The declarable fields that our managedFields entry owns; none when we never applied the object."""
    return frozenset(path for path in parse_fields(resource.our_fields() or {}) if is_declarable(path))


def applied_paths(resource: Resource) -> frozenset[str]:
    """The rendered paths of all that our applies own, also what others put into an object that we own as a whole."""
    return frozenset(map(render, expand_fields(resource.our_fields() or {}, _content(resource))))


def owned_paths(resource: Resource) -> frozenset[str]:
    """`our_paths`, rendered."""
    return frozenset(render(path) for path in our_paths(resource))


def expand_fields(fields: JSONObject, value: JSON) -> frozenset[Path]:
    """The paths that a fieldsV1 owns of an object whose content is `value`. API servers take an object that is owned
    without any of its members for owned with all that it holds by now.
    """
    owned = frozenset(parse_fields(fields))
    around = {path[:depth] for path in owned for depth in range(1, len(path))}
    below = (node for path in owned - around for node in _nodes(value_at(value, path), path))
    return owned.union(below)


def owners(resource: Resource) -> Mapping[str, str]:
    """The manager of every owned field, by rendered path. Of several owners a foreign one is named: it is the one
    that an apply of ours meets.
    """
    found: dict[str, str] = {}
    content = _content(resource)
    for entry in resource.managed_fields:
        manager = entry.get("manager") or ""
        for path in expand_fields(entry.get("fieldsV1") or {}, content):
            text = render(path)
            if found.get(text) in {None, FIELD_MANAGER}:
                found[text] = manager
    return found


def owner_of(resource: Resource, path: str) -> str | None:
    """The manager that owns the field of this rendered path; None when nobody does."""
    return owners(resource).get(path)


def observed_value(resource: Resource, path: Path) -> JSON:
    """The value at a declarable path; None where there is none."""
    return value_at(_content(resource), path)


def _content(resource: Resource) -> JSONObject:
    return {"spec": resource.spec, "metadata": {"labels": resource.labels, "annotations": resource.annotations}}


def value_at(value: JSON, path: Path) -> JSON:
    """The value at a path within `value`; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def foreign_fields(body: JSONObject, resource: Resource) -> dict[str, str]:
    """The fields that an apply of `body` would change and that another manager owns, with that manager, by rendered
    path: what the API calls conflicts.
    """
    managers = owners(resource)
    changed = (render(path) for path, value in declared_leaves(body) if observed_value(resource, path) != value != {})
    return {path: managers[path] for path in changed if managers.get(path, FIELD_MANAGER) != FIELD_MANAGER}
