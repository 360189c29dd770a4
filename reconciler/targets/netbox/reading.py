"""What NetBox holds, in a few large reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.model.netbox import Observation, Ref
from reconciler.model.netbox_schema import (
    CUSTOM_FIELDS,
    DEVICE_ROLES,
    DEVICE_TYPES,
    MANUFACTURERS,
    OWNED,
    SITES,
    TAGS,
)
from reconciler.targets.netbox.queries import key_of, list_name, page_query, relevant, to_existing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import ExistingRecord, SharedRecord
    from reconciler.targets.netbox.client import NetBoxClient

_SHARED_LISTS = {
    TAGS: "tag_list",
    SITES: "site_list",
    MANUFACTURERS: "manufacturer_list",
    DEVICE_TYPES: "device_type_list",
    DEVICE_ROLES: "device_role_list",
}
_SLUGS = 40
"""Slugs in one filter, so that a query fits into a URL."""


class Reader:
    """Reads for one fabric. `ids` are the ids of all records that were read or written, by reference; `versions` their
    `last_updated` where we wrote them since, by model and id.
    """

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client
        self._names: dict[tuple[str, int], Ref] = {}
        self._largest_page = 0
        self._fabric = ""
        self._site: Ref | None = None
        self.ids: dict[Ref, int] = {}
        self.versions: dict[tuple[str, int], str] = {}

    @property
    def fabric(self) -> str:
        """The fabric of the last observation."""
        return self._fabric

    def observe(self, fabric: str, shared: Sequence[SharedRecord]) -> Observation:
        """As the port."""
        self._fabric = fabric
        self._site = next((record.ref for record in shared if record.ref.model == SITES), None)
        self._names.clear()
        self.ids.clear()
        self.versions.clear()
        present = self.shared(shared)
        faults = tuple(self._custom_field_faults(shared, present))
        records = tuple(record for model in OWNED for record in self._certain(model.path))
        return Observation(records, frozenset(present), faults)

    def _certain(self, path: str) -> list[ExistingRecord]:
        """The records of a model; none of ours among them only where we may see them, and there are none."""
        records = self.records(path)
        if not any(record.is_keyed_by(self._fabric) for record in records):
            self._client.look(path)
        return records

    def remember(self, ref: Ref, raw: JSONObject) -> None:
        """Take in a record that was written, as NetBox answered it."""
        record_id = int(raw["id"])
        self.ids[ref] = record_id
        self._names[ref.model, record_id] = ref
        if raw.get("last_updated"):
            self.versions[ref.model, record_id] = raw["last_updated"]

    def shared(self, records: Iterable[SharedRecord]) -> set[Ref]:
        """Those of the prerequisites that exist, custom fields aside."""
        found: set[Ref] = set()
        parts = list(_shared_queries({record.ref for record in records}))
        lists = {name: path for path, name in _SHARED_LISTS.items()}
        for name, items in self._client.query(*parts).items():
            for raw in items:
                ref = Ref(lists[name], _shared_key(raw))
                self.ids[ref] = int(raw["id"])
                self._names[ref.model, int(raw["id"])] = ref
                found.add(ref)
        return found

    def records(self, path: str) -> list[ExistingRecord]:
        """The records of an owned model that are ours or that could clash with ours."""
        site_id = self.ids.get(self._site) if self._site else None
        pages = list(self._pages(path, relevant(path, self._fabric, site_id)))
        for raw, is_tagged in sorted(pages, key=lambda page: (page[1], -int(page[0]["id"]))):
            self._name(path, raw, is_tagged=is_tagged)
        return [to_existing(path, raw, self._names, is_tagged=is_tagged) for raw, is_tagged in pages]

    def _pages(self, path: str, condition: str) -> Iterator[tuple[JSONObject, bool]]:
        start, is_last = 0, False
        while not is_last:
            answer = self._client.query(page_query(path, condition, self._fabric, start))
            page, tagged = answer[list_name(path)], {raw["id"] for raw in answer["tagged"]}
            yield from ((raw, raw["id"] in tagged) for raw in page)
            # NetBox cuts pages to a size that it does not tell; one that is shorter than another one was is the last.
            is_last = not page or len(page) < self._largest_page
            self._largest_page = max(self._largest_page, len(page))
            start = int(page[-1]["id"]) + 1 if page else 0

    def _name(self, path: str, raw: JSONObject, *, is_tagged: bool) -> None:
        """Give a record its reference. Of several with one key the oldest that is tagged comes last and counts."""
        record_id, key = int(raw["id"]), key_of(raw)
        if key is not None and key.startswith(f"{self._fabric}/"):
            self._names[path, record_id] = Ref(path, key)
            if is_tagged:
                self.ids[Ref(path, key)] = record_id

    def _custom_field_faults(self, shared: Sequence[SharedRecord], present: set[Ref]) -> Iterator[str]:
        """Take in which custom fields exist, and what is wrong with them."""
        wanted = {record.ref.key: record for record in shared if record.ref.model == CUSTOM_FIELDS}
        for raw in self.custom_fields(list(wanted)):
            present.add(wanted[raw["name"]].ref)
            yield from _faults(wanted[raw["name"]], raw)

    def custom_fields(self, names: Sequence[str]) -> list[JSONObject]:
        """Those of the custom fields that exist, over REST: GraphQL does not tell what they apply to."""
        if not names:
            return []
        found = self._client.listing(CUSTOM_FIELDS, {"name": names, "fields": "id,name,type,unique,object_types"})
        return [raw for raw in found if raw.get("name") in names]


def _shared_queries(wanted: set[Ref]) -> Iterator[str]:
    for path, name in _SHARED_LISTS.items():
        slugs = sorted({ref.key.rpartition("/")[2] for ref in wanted if ref.model == path})
        extra = " manufacturer{slug}" if path == DEVICE_TYPES else ""
        for start in range(0, len(slugs), _SLUGS):
            some = json.dumps(slugs[start : start + _SLUGS])
            yield f"{name}(filters:{{slug:{{in_list:{some}}}}}){{id slug{extra}}}"


def _shared_key(raw: JSONObject) -> str:
    manufacturer = raw.get("manufacturer")
    return f"{manufacturer['slug']}/{raw['slug']}" if manufacturer else str(raw["slug"])


def _faults(wanted: SharedRecord, raw: JSONObject) -> Iterator[str]:
    """Why a custom field that exists, and that we do not alter, does not serve."""
    name, kind = wanted.ref.key, raw["type"]["value"]
    if kind != wanted.fields["type"]:
        yield f"NetBox's custom field {name} is of type {kind}, not {wanted.fields['type']}"
    if wanted.fields.get("unique") and not raw["unique"]:
        yield f"NetBox's custom field {name} does not ask for unique values"
    needed = {model.content_type for model in OWNED} & set(_texts(wanted.fields["object_types"]))
    if lacking := sorted(needed - set(raw["object_types"])):
        yield f"NetBox's custom field {name} does not apply to {', '.join(lacking)}"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()
