"""What a watch of a cluster tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.objects import ObjectKey, Resource


class EventType(StrEnum):
    """As the Kubernetes API spells it, but for ERROR, which the port raises as an error."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event. `version` is the resourceVersion to resume from; a bookmark has nothing else. Of a deletion,
    `resource` is the object as it was last.
    """

    type: EventType
    version: str
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind at one moment. `version` is the resourceVersion to watch from."""

    resources: tuple[Resource, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object: how it was known before, and how it stands now. None: it was not there, it is gone.

    `is_first`: the object was there when its kind was listed for the first time, so nothing need have happened to it.
    """

    key: ObjectKey
    before: Resource | None
    after: Resource | None
    is_first: bool = False
