"""Reads over REST: for a NetBox that does not offer the quick way. A filter only spares work: NetBox passes over one
that it does not know, so each record is judged by what it says itself.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.netbox import KEY_FIELD, Ref
from reconciler.model.netbox_schema import (
    CABLES,
    CONTENT_TYPES,
    CUSTOM_FIELDS,
    DEVICE_TYPES,
    DEVICES,
    MODELS,
    ROUTE_TARGETS,
    SITES,
    VLAN_GROUPS,
)
from reconciler.targets.netbox.client import RefusedReadError
from reconciler.targets.netbox.dependents import with_dependents
from reconciler.targets.netbox.paging import IDS, read_ids, read_list
from reconciler.targets.netbox.queries import NAMED, SHARED_LISTS, TYPES, WITHIN, is_keyed, shared_key
from reconciler.targets.netbox.rest_records import needed_fields, to_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSONObject
    from reconciler.targets.netbox.client import NetBoxClient, Params
    from reconciler.targets.netbox.recent import Entry, Found

_SLUGS = 50
_KEY_FILTERS = {"exact": f"cf_{KEY_FIELD}__isw", "loose": f"cf_{KEY_FIELD}"}
"""The filter that finds keys by how they begin, by the logic of the custom field; the second finds more."""

_BAD_REQUEST = 400


class RestReads:
    """Implements `Reads`."""

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client

    def relevant(self, paths: Sequence[str], fabric: str, site_id: int | None) -> Found:
        parents = {_parent(path) for path in paths if path in WITHIN}
        keyed = self._keyed([*paths, *sorted(parents.difference(paths))], fabric)
        places = _Places(fabric, site_id, {path: _ids(entries) for path, entries in keyed.items()})
        asked = [(path, params) for path in paths for params in places.filters(path)]
        others: defaultdict[str, set[int]] = defaultdict(set)
        for (path, _), ids in zip(asked, self._client.at_once(lambda one: self._candidates(*one), asked), strict=True):
            others[path] |= ids.difference(_ids(keyed[path]))
        found = {path: list(keyed[path]) for path in paths}
        for path, ids in others.items():
            entries = self.by_id(path, sorted(ids), fabric)
            found[path] += [entry for entry in entries if places.hold(path, entry[0])]
        return found

    def by_id(self, path: str, ids: Sequence[int], fabric: str) -> list[Entry]:
        return [to_entry(path, raw, fabric) for raw in read_ids(self._client, path, ids, needed_fields(path))]

    def plugged(self, path: str, cables: Sequence[int]) -> set[int]:
        found: set[int] = set()
        for raw in read_ids(self._client, CABLES, cables, "id,a_terminations,b_terminations"):
            ends = [*raw["a_terminations"], *raw["b_terminations"]]
            found |= {int(end["object_id"]) for end in ends if end["object_type"] == CONTENT_TYPES[path]}
        return found

    def shared(self, refs: Iterable[Ref]) -> list[tuple[Ref, int]]:
        slugs: defaultdict[str, set[str]] = defaultdict(set)
        for ref in refs:
            if ref.model in SHARED_LISTS:
                slugs[ref.model].add(ref.key.rpartition("/")[2])
        asked = [
            (path, wanted[start : start + _SLUGS])
            for path, wanted in ((path, sorted(wanted)) for path, wanted in slugs.items())
            for start in range(0, len(wanted), _SLUGS)
        ]
        answers = self._client.at_once(lambda one: self._by_slug(*one), asked)
        return [one for answer in answers for one in answer]

    def tags(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        return read_ids(self._client, path, ids, "id,tags")

    def doomed(self, path: str, ids: Sequence[int]) -> list[JSONObject]:
        try:
            return with_dependents(self._client, path, ids)
        except RefusedReadError as error:
            raise _passing(error) from None

    def _keyed(self, paths: Sequence[str], fabric: str) -> Found:
        """The records of these models that carry a key of the fabric."""
        fields = "id,name,filter_logic,object_types"
        answer = self._client.listing(CUSTOM_FIELDS, {"name": KEY_FIELD, "fields": fields})
        key_field = next((raw for raw in answer if raw.get("name") == KEY_FIELD), None)
        if key_field is None:  # then nothing carries a key, and NetBox would pass over the filter
            return {path: [] for path in paths}
        name = _KEY_FILTERS.get((key_field.get("filter_logic") or {}).get("value", ""))
        params = {name: f"{fabric}/"} if name else {}

        def read(path: str) -> list[Entry]:
            if CONTENT_TYPES[path] not in key_field["object_types"]:
                return []
            raws = read_list(self._client, path, {**params, "fields": needed_fields(path)})
            return [to_entry(path, raw, fabric) for raw in raws if is_keyed(raw, fabric)]

        return dict(zip(paths, self._client.at_once(read, paths), strict=True))

    def _candidates(self, path: str, params: Params) -> set[int]:
        """The ids of records that may stand in one of our places."""
        try:
            return {int(raw["id"]) for raw in read_list(self._client, path, {**params, "fields": "id"})}
        except RefusedReadError as error:
            raise _passing(error) from None

    def _by_slug(self, path: str, slugs: Sequence[str]) -> list[tuple[Ref, int]]:
        fields = "id,slug,manufacturer" if path == DEVICE_TYPES else "id,slug"
        raws = read_list(self._client, path, {"slug": slugs, "fields": fields})
        return [(Ref(path, shared_key(raw)), int(raw["id"])) for raw in raws if raw["slug"] in slugs]


class _Places:
    """Where a record of somebody else would stand in the way of one of ours. `keyed` are the ids of the records with
    our key, by model.
    """

    def __init__(self, fabric: str, site_id: int | None, keyed: Mapping[str, AbstractSet[int]]) -> None:
        self._names = {ROUTE_TARGETS: f"{fabric}:", **dict.fromkeys(NAMED, f"{fabric}/")}
        self._site_id = str(site_id) if site_id is not None else None
        self._keyed = keyed

    def filters(self, path: str) -> Iterator[Params]:
        """What to ask for, which may find more."""
        if path in self._names:
            yield {"name__isw": self._names[path]}
        elif path == DEVICES and self._site_id:
            yield {"site_id": self._site_id}
        elif path == VLAN_GROUPS and self._site_id:
            yield {"scope_type": CONTENT_TYPES[SITES], "scope_id": self._site_id}
        elif path in WITHIN:
            ids = sorted(self._keyed[_parent(path)])
            for start in range(0, len(ids), IDS):
                yield {f"{WITHIN[path]}_id": [str(record_id) for record_id in ids[start : start + IDS]]}

    def hold(self, path: str, raw: JSONObject) -> bool:
        """Whether a record stands in such a place."""
        if path in self._names:
            return str(raw["name"]).startswith(self._names[path])
        if path == DEVICES:
            return bool(raw["site"] == {"id": self._site_id})
        if path == VLAN_GROUPS:
            return bool(raw["scope"] == {"__typename": TYPES[SITES], "id": self._site_id})
        within = raw[WITHIN[path]]
        return within is not None and int(within["id"]) in self._keyed[_parent(path)]


def _parent(path: str) -> str:
    return MODELS[path].fields[WITHIN[path]].targets[0]


def _ids(entries: Iterable[Entry]) -> set[int]:
    return {int(raw["id"]) for raw, _ in entries}


def _passing(error: RefusedReadError) -> NetBoxUnavailableError | RefusedReadError:
    """NetBox answers 400 to a filter that names a record that is gone: one was deleted between two requests."""
    return NetBoxUnavailableError(error.message) if error.status == _BAD_REQUEST else error
