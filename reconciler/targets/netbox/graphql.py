"""Reads by GraphQL: the quick way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import DEVICE_TYPES
from reconciler.targets.netbox.paging import read_pages, with_marks
from reconciler.targets.netbox.queries import (
    SHARED_LISTS,
    delete_query,
    ids_query,
    list_name,
    plugged_query,
    shared_key,
    tags_query,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient
    from reconciler.targets.netbox.recent import Entry, Found

_SLUGS = 40
"""Slugs in one filter, so that a query fits into a URL."""

_IDS = 40
"""Ids in one filter, likewise; a query has it three times."""

_CABLES = 100
"""Cables in one filter, which a query has once."""


class GraphQLReads:
    """Implements `Reads`. All methods raise NoGraphQLError beside the others."""

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client

    def relevant(self, paths: Sequence[str], fabric: str, site_id: int | None) -> Found:
        return read_pages(self._client, paths, fabric, site_id)

    def by_id(self, path: str, ids: Sequence[int], fabric: str) -> list[Entry]:
        found: list[Entry] = []
        for start in range(0, len(ids), _IDS):
            answer = self._client.query(ids_query(path, ids[start : start + _IDS], fabric))
            found += with_marks(path, iter(answer[list_name(path)]), answer)
        return found

    def plugged(self, path: str, cables: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for start in range(0, len(cables), _CABLES):
            answer = self._client.query(plugged_query(path, cables[start : start + _CABLES]))
            found |= {int(raw["id"]) for raw in answer[list_name(path)]}
        return found

    def shared(self, refs: Iterable[Ref]) -> list[tuple[Ref, int]]:
        lists = {name: path for path, name in SHARED_LISTS.items()}
        answer = self._client.query(*_shared_queries(set(refs)))
        return [(Ref(lists[name], shared_key(raw)), int(raw["id"])) for name, items in answer.items() for raw in items]

    def tags(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        return self._client.query(tags_query(path, ids))[list_name(path)]

    def doomed(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        return self._client.query(delete_query(path, ids))[list_name(path)]


def _shared_queries(wanted: set[Ref]) -> Iterator[str]:
    for path, name in SHARED_LISTS.items():
        slugs = sorted({ref.key.rpartition("/")[2] for ref in wanted if ref.model == path})
        extra = " manufacturer{slug}" if path == DEVICE_TYPES else ""
        for start in range(0, len(slugs), _SLUGS):
            some = json.dumps(slugs[start : start + _SLUGS])
            yield f"{name}(filters:{{slug:{{in_list:{some}}}}}){{id slug{extra}}}"
