"""Whose an object is, and whose a field: what may be overwritten, and what enters the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.objects import FABRIC_ANNOTATION, FIELD_MANAGER, MANAGED_BY_ANNOTATION
from reconciler.model.passes import InventoryEntry
from reconciler.plan.fields import owned_paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.fabric import ClusterPolicy
    from reconciler.model.objects import Resource
    from reconciler.model.passes import FieldDifference, StoredForm


def may_force(
    conflicts: Iterable[str],
    entry: InventoryEntry | None,
    resource: Resource | None,
    policy: ClusterPolicy,
) -> bool:
    """Whether a conflict about the fields `conflicts` (rendered paths) may be forced.

    Only with `self_heal`; and only with `take_over`, or when we applied each of them before: to this very object, as
    its managedFields say or the inventory remembers. `resource` is the object as observed, None when it was absent.
    """
    if not policy.self_heal:
        return False
    if policy.take_over:
        return True
    ours = _applied_before(entry, resource)
    return all(_is_among(path, ours) for path in conflicts)


def _applied_before(entry: InventoryEntry | None, resource: Resource | None) -> frozenset[str]:
    if resource is None:
        return frozenset()
    remembered = entry.paths if entry is not None and entry.uid == resource.uid else frozenset()
    return remembered | owned_paths(resource)


def _is_among(path: str, ours: frozenset[str]) -> bool:
    """Whether the field or something in it is one of ours: the API may name an object around the field at issue too.

    Not so for labels and annotations: their names hold dots, and `app` is not around `app.kubernetes.io/name`.
    """
    if path.startswith(".metadata."):
        return path in ours
    return path in ours or any(one.startswith(f"{path}.") for one in ours)


def were_shown(conflicts: Iterable[str], differences: Iterable[FieldDifference]) -> bool:
    """Whether each conflicting field (rendered path) is among differences that a person saw and approved."""
    shown = frozenset(one.path for one in differences)
    return all(_is_among(path, shown) for path in conflicts)


def contested(differences: Iterable[FieldDifference]) -> dict[str, str]:
    """The differing fields that belong to another manager now, with that manager: it loses them if we apply."""
    return {one.path: one.manager for one in differences if one.manager not in {None, FIELD_MANAGER} and one.manager}


def other_fabric(resource: Resource, fabric: str) -> str | None:
    """The fabric that an object belongs to when that is not `fabric`; None for ours and for what nobody marked."""
    name = resource.annotations.get(FABRIC_ANNOTATION)
    is_marked = resource.annotations.get(MANAGED_BY_ANNOTATION) == FIELD_MANAGER and resource.our_fields() is not None
    return name if is_marked and name != fabric else None


def adopt(resource: Resource, digest: str | None = None, stored: StoredForm | None = None) -> InventoryEntry:
    """The inventory's entry for an object that is known by its marks. `digest` is that of the body, when equal; then
    `stored` is what the server makes of it.
    """
    return InventoryEntry(resource.key, resource.uid, digest, owned_paths(resource), stored=stored)
