"""Which objects that only the cluster has get a file, which file, and what the commit says. Pure.

Nothing is overwritten but a file in `unmanaged/` that declares the very object.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.adoption import Adopted, Adoption, Outcome
from reconciler.model.changes import FileChange
from reconciler.model.kinds import DECLARABLE
from reconciler.plan.ingestion import combined, content_of
from reconciler.plan.layout import MANAGED, UNMANAGED, managed_path
from reconciler.plan.ownership import other_fabric
from reconciler.plan.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.model.adoption import Draft
    from reconciler.model.ingestion import Ground
    from reconciler.model.objects import Manifest, ObjectKey, Resource

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""What the API lets an object be called. Whatever else a server answers becomes no path."""

_HAS_FILE = (Outcome.CREATED, Outcome.UPDATED)
_MOST_BLOCKED = 80
"""Blocked objects that a message names, so that there is room for others."""


class Choice(NamedTuple):
    """Objects that are to have a file, and those that are left alone, with the reason; each by key."""

    objects: tuple[Resource, ...]
    left: tuple[Adopted, ...]


def choose(observed: Iterable[Resource], declared: AbstractSet[ObjectKey], fabric: str) -> Choice:
    """Choose among all objects of the cluster. `declared` has every identity that a document claims."""
    objects, left = [], []
    for resource in sorted(observed, key=lambda one: one.key):
        if resource.key in declared:
            continue
        reason = _reason(resource, fabric)
        if reason is None:
            objects.append(resource)
        else:
            left.append(Adopted(resource.key, Outcome.LEFT, "", *reason))
    return Choice(tuple(objects), tuple(left))


def _reason(resource: Resource, fabric: str) -> tuple[str, str] | None:
    """Why an object is not to be adopted, as rule and message."""
    other = other_fabric(resource, fabric)
    reasons = {
        ("InvalidName", "no object can have this name"): not _NAME.fullmatch(resource.key.name),
        ("Deleting", "the cluster is deleting it"): resource.is_deleting,
        ("Owned", "another object of the cluster owns it"): resource.has_owner,
        ("OtherFabric", f"it belongs to the fabric {other}"): other is not None,
        ("Ours", "it was applied from Git, which no longer declares it"): resource.is_marked(fabric),
        ("MadeByController", "the controller makes it by itself"): _is_made_by_controller(resource),
    }
    return next((reason for reason, is_so in reasons.items() if is_so), None)


def _is_made_by_controller(resource: Resource) -> bool:
    return (resource.key.kind, resource.key.name) == ("GatewayGroup", "default") and not resource.spec


def path_of(key: ObjectKey, *, is_managed: bool) -> str:
    """The file of an object, relative to the fabric's directory: in `unmanaged/` it is called as in `managed/`, so that
    it can be moved there.
    """
    path = managed_path(key)
    return path if is_managed else f"{UNMANAGED}{path.removeprefix(MANAGED)}"


def route(
    ground: Ground, drafts: Iterable[Draft], standing: Mapping[str, Manifest | None], *, is_managed: bool
) -> Adoption:
    """Give each object its file. `standing` has, for the paths that files stand at already, the one object that each
    declares; None: something else.
    """
    router = _Router(ground, standing, is_managed=is_managed)
    objects = tuple(map(router.place, drafts))
    return Adoption(combined(router.changes), objects)


class _Router:
    def __init__(self, ground: Ground, standing: Mapping[str, Manifest | None], *, is_managed: bool) -> None:
        self._places = Places(ground.directory, ground.listing)
        self._standing = standing
        self._is_managed = is_managed
        self.changes: list[FileChange] = []

    def place(self, draft: Draft) -> Adopted:
        key = draft.manifest.key
        path = path_of(key, is_managed=self._is_managed)
        obstacle = self._places.obstacle(path)
        if draft.rule:
            return Adopted(key, Outcome.BLOCKED, "", draft.rule, draft.message)
        if obstacle is not None:
            return Adopted(key, Outcome.BLOCKED, "", "PlaceTaken", obstacle.message)
        if self._places.entry(path) is not None:
            return self._again(draft, path)
        self._write(path, draft)
        return Adopted(key, Outcome.CREATED, path)

    def _again(self, draft: Draft, path: str) -> Adopted:
        """What becomes of an object whose file is there."""
        key, stands = draft.manifest.key, self._standing.get(path)
        if self._is_managed or stands is None or stands.key != key:
            message = f"{self._places.absolute(path)} is there and is not the file of {key}: it is not overwritten"
            return Adopted(key, Outcome.BLOCKED, "", "PlaceTaken", message)
        if content_of(stands) == content_of(draft.manifest):
            return Adopted(key, Outcome.UNCHANGED, path)
        self._write(path, draft)
        return Adopted(key, Outcome.UPDATED, path)

    def _write(self, path: str, draft: Draft) -> None:
        self._places.add(path)
        self.changes.append(FileChange(self._places.absolute(path), draft.content))
        aside = path_of(draft.manifest.key, is_managed=False)
        if self._is_managed and self._places.holds(aside, draft.aside):
            # As an earlier adoption put it there: it moves. One that somebody edited stays.
            self.changes.append(FileChange(self._places.absolute(aside), None))


# What the commit says


def subject_of(fabric: str, found: Adoption) -> str:
    written = sum(one.outcome in _HAS_FILE for one in found.objects)
    return f"Adopt {_counted(written)} from the cluster of fabric {fabric}"


def review_of(found: Adoption, *, is_managed: bool) -> list[str]:
    """What a reviewer should know, in lines."""
    written = [one for one in found.objects if one.outcome in _HAS_FILE]
    blocked = [one for one in found.objects if one.outcome is Outcome.BLOCKED]
    place = MANAGED if is_managed else UNMANAGED
    return [
        f"Nothing in Git declared them: {kinds_text(written)}. They are in {place}/ now, one file each.",
        "Left out is what the server fills in by itself: status, its own metadata and labels, and defaults.",
        "Look at names, addresses and VLANs: is each object meant to be there, and as it is?",
        *(_MANAGED_NEXT if is_managed else _UNMANAGED_NEXT),
        *(f"{one.key} could not be adopted: {one.message}" for one in blocked[:_MOST_BLOCKED]),
        *(f"{one.key}: {one.path}{' (changed)' if one.outcome is Outcome.UPDATED else ''}" for one in written),
    ]


_MANAGED_NEXT = (
    "From the next pass on they are applied: what somebody changes in the cluster is changed back.",
    "To let go of one, remove its file before that pass; after it, that deletes the object where prune is on.",
)
_UNMANAGED_NEXT = (
    "Nothing applies them here. To have one managed, move its file to raw/, or to the same place below managed/.",
    "A file that is deleted here comes back when adopted again, as long as the cluster has the object.",
)


def kinds_text(objects: Iterable[Adopted]) -> str:
    """How many of which kind, in the order in which kinds are applied."""
    counts = Counter(one.key.kind for one in objects)
    return ", ".join(f"{counts[kind.name]:,} {kind.name}" for kind in DECLARABLE if counts[kind.name])


def _counted(number: int) -> str:
    return "1 object" if number == 1 else f"{number:,} objects"
