"""What was read last, for a pass that follows soon and need not read all of it again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from reconciler.targets.netbox.queries import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.changes import Mark

Entry: TypeAlias = "tuple[JSONObject, bool]"
"""A record as GraphQL answers it, and whether it carries our tag and key."""

Found: TypeAlias = dict[str, list[Entry]]

_CABLE = re.compile(r'"cable": {"id": "(\d+)"}')
_MOST = 50_000
"""Records that are kept; a fabric with more is read each time."""


class Recent:
    """The records of one fabric as they were last read, and where the log of changes stood then. Kept as text, which
    takes a quarter of the memory.
    """

    def __init__(self) -> None:
        self._fabric = ""
        self._site_id: int | None = None
        self._entries: dict[str, dict[int, tuple[str, bool]]] = {}
        self.mark: Mark | None = None

    def keep(self, fabric: str, site_id: int | None, found: Found, mark: Mark | None) -> None:
        """Keep what was read after `mark` was. Without one nothing is kept: nobody could tell what it misses."""
        self._fabric, self._site_id, self.mark = fabric, site_id, mark
        if mark is None or sum(map(len, found.values())) > _MOST:
            self.mark, self._entries = None, {}
        else:
            self._entries = {
                path: {int(raw["id"]): (json.dumps(raw), is_tagged) for raw, is_tagged in entries}
                for path, entries in found.items()
            }

    def holds(self, fabric: str, site_id: int | None) -> bool:
        """Not when the site was another one, or not there: what stands at it was not read then."""
        return self.mark is not None and (self._fabric, self._site_id) == (fabric, site_id)

    def found(self) -> Found:
        return {
            path: [(json.loads(text), is_tagged) for text, is_tagged in entries.values()]
            for path, entries in self._entries.items()
        }

    def cabled(self, cables: Iterable[int], path: str) -> set[int]:
        """The ids of the records of a model into which one of these cables was plugged."""
        wanted = {str(cable) for cable in cables}
        texts = ((record_id, _CABLE.search(text)) for record_id, (text, _) in self._entries.get(path, {}).items())
        return {record_id for record_id, match in texts if match and match[1] in wanted}

    def take(self, touched: Mapping[str, Iterable[int]], read: Found, mark: Mark) -> None:
        """Take in what was read of the touched records until `mark`, all at once: whoever is cut off while it reads has
        to begin again at the old mark. Those that are gone are forgotten; records of other fabrics, which were not here
        before, are not kept either.
        """
        for path, ids in touched.items():
            entries = self._entries.setdefault(path, {})
            known = {record_id: entries.pop(record_id, None) for record_id in ids}
            for raw, is_tagged in read[path]:
                record_id, key = int(raw["id"]), key_of(raw) or ""
                if known.get(record_id) or not key or key.startswith(f"{self._fabric}/"):
                    entries[record_id] = json.dumps(raw), is_tagged
        self.mark = mark
