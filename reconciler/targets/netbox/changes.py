"""What was written in NetBox lately, by its own log of changes (`core/object-changes`).

The log gives out its numbers when a request begins to write, and shows them when it ends: of two changes the later
number may be seen first. So a look at what is new overlaps with the one before it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.errors import NetBoxAccessError
from reconciler.model.netbox_schema import OWNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient

LOG = "core/object-changes"
OVERLAP = timedelta(seconds=60)
_PAGE = "1000"

_PATHS = {model.content_type: model.path for model in OWNED}
_SHARED = frozenset({"extras.tag", "extras.customfield"})
"""What changes of these do to records is not in the log."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest change at some time; `seen` are the numbers of the changes around it that were seen by then."""

    id: int
    time: datetime
    seen: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Changes:
    """The ids of the records that were written since a mark, by model, and where the log stands now."""

    mark: Mark
    touched: Mapping[str, AbstractSet[int]]


def newest(client: NetBoxClient) -> Mark | None:
    """Where the log stands; None where it is empty, or not ours to see. Raises NetBoxUnavailableError."""
    try:
        found, _ = client.page(LOG, {"ordering": "-id", "limit": _PAGE, "fields": "id,time"})
    except NetBoxAccessError:
        # A token that writes does not need to see the log; without it everything is read each time.
        return None
    return _mark(found) if found else None


def since(client: NetBoxClient, mark: Mark) -> Changes | None:
    """What was written since `mark`. None where the log cannot tell: it was cut off or set back, holds more than fits
    on a page, or tells of something that reaches further. Raises NetBoxUnavailableError.
    """
    fields = "id,time,changed_object_type,changed_object_id"
    after = (mark.time - OVERLAP).isoformat()
    try:
        found, is_cut = client.page(LOG, {"time_after": after, "ordering": "-id", "limit": _PAGE, "fields": fields})
    except NetBoxAccessError:
        return None
    fresh = [raw for raw in found if raw["id"] not in mark.seen]
    types = {raw["changed_object_type"] for raw in fresh}
    if is_cut or mark not in {Mark(raw["id"], datetime.fromisoformat(raw["time"])) for raw in found}:
        return None  # also where the number was given out a second time, after the database was set back
    if not types.isdisjoint(_SHARED):
        return None
    touched: defaultdict[str, set[int]] = defaultdict(set)
    for raw in fresh:
        if path := _PATHS.get(raw["changed_object_type"]):
            touched[path].add(int(raw["changed_object_id"]))
    return Changes(_mark(found), touched)


def _mark(found: Sequence[JSONObject]) -> Mark:
    ids = frozenset(int(raw["id"]) for raw in found)
    return Mark(max(ids), datetime.fromisoformat(found[0]["time"]), ids)
