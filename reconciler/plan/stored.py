"""What the server makes of our own apply: fields in which it stores another value than Git declares.

Mutating admission may write a value in a form that no rule of `canonical` knows. It runs once ownership is settled, so
the field stays that of our apply; anybody else who changes a value takes the field out of our apply's managedFields,
under our name too, unless he applies. So a differing field that is our apply's is either such a form or drift, and the
server alone can tell which: by the answer to an apply, or to a dry run of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.objects import digest
from reconciler.model.passes import StoredForm
from reconciler.plan.comparison import differences
from reconciler.plan.fields import applied_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, ObjectKey, Resource
    from reconciler.model.passes import FieldDifference, InventoryEntry


def stored_form(body: JSONObject, answer: Resource, generation: int) -> StoredForm:
    """What the server makes of `body`, by its `answer` to an apply of it, or to a dry run, in this `generation`."""
    found = differences(body, answer)
    ours = applied_paths(answer) if found else frozenset()
    return StoredForm(generation, frozenset(_mark(one) for one in found if one.path in ours))


def _mark(difference: FieldDifference) -> str:
    return digest({difference.path: difference.observed})


def unexplained(found: tuple[FieldDifference, ...], form: StoredForm | None) -> tuple[FieldDifference, ...]:
    """The differences that are not of the server's own making, by what it said of the very body."""
    if form is None or not form.marks:
        return found
    return tuple(one for one in found if _mark(one) not in form.marks)


def is_answered(resource: Resource, form: StoredForm | None) -> bool:
    """Whether the server's word is about the object as it is."""
    return form is not None and form.generation == resource.generation


def are_applied(found: Iterable[FieldDifference], resource: Resource) -> bool:
    """Whether our apply still owns every one of these fields."""
    ours = applied_paths(resource)
    return all(one.path in ours for one in found)


def stands(found: tuple[FieldDifference, ...], resource: Resource, form: StoredForm | None) -> bool:
    """Whether an object with these differences is as it should be, and need not be asked about."""
    return not found or (is_answered(resource, form) and not unexplained(found, form))


def forms_of(
    manifests: Mapping[ObjectKey, Manifest], inventory: Mapping[ObjectKey, InventoryEntry], fabric: str
) -> dict[ObjectKey, StoredForm]:
    """What the server said of documents, as far as Git still has them so."""
    found = {}
    for key, entry in inventory.items():
        manifest = manifests.get(key) if entry.stored is not None else None
        if entry.stored is not None and manifest is not None and digest(manifest.body(fabric)) == entry.digest:
            found[key] = entry.stored
    return found
