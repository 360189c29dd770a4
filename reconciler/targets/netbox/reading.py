"""What NetBox holds, in a few large reads."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.errors import NetBoxAccessError
from reconciler.model.netbox import OWNED_TAG, ExistingRecord, Observation, Ref, references
from reconciler.model.netbox_schema import (
    CABLES,
    CIRCUIT_TERMINATIONS,
    CUSTOM_FIELDS,
    GROUP_TAG_PREFIX,
    MODELS,
    OWNED,
    SITES,
)
from reconciler.targets.netbox.changes import newest, since
from reconciler.targets.netbox.choosing import ChosenReads
from reconciler.targets.netbox.queries import ENDS, cable_end, is_keyed, key_of, to_existing
from reconciler.targets.netbox.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import Projection, SharedRecord, Value
    from reconciler.targets.netbox.client import NetBoxClient
    from reconciler.targets.netbox.recent import Entry, Found


class Reader:
    """Reads for one fabric. `ids` are the ids of all records that were read or written, by reference; `versions` their
    `last_updated` where we wrote them since, by model and id.
    """

    def __init__(self, client: NetBoxClient) -> None:
        self._client = client
        self.reads = ChosenReads(client)
        self._names: dict[tuple[str, int], Ref] = {}
        self._ends: defaultdict[int, dict[str, Ref]] = defaultdict(dict)
        self._other_tags: dict[tuple[str, int], list[int]] = {}
        self._visible: set[str] = set()
        self._recent = Recent()
        self._fabric = ""
        self._site: Ref | None = None
        self.cause = ""
        """What the writes after the observation are for."""
        self.ids: dict[Ref, int] = {}
        self.versions: dict[tuple[str, int], str] = {}
        self._moved: set[tuple[str, int]] = set()
        self._late_users: defaultdict[Ref, set[tuple[str, int]]] = defaultdict(set)

    @property
    def fabric(self) -> str:
        """The fabric of the last observation."""
        return self._fabric

    def observe(self, fabric: str, projection: Projection, *, is_full: bool = True) -> Observation:
        """As the port."""
        self._fabric = fabric
        self._site = next((record.ref for record in projection.shared if record.ref.model == SITES), None)
        for known in (
            self._names,
            self._ends,
            self._other_tags,
            self.ids,
            self.versions,
            self._moved,
            self._late_users,
        ):
            known.clear()
        if is_full:
            self.reads.reconsider()
        present = self.shared(projection.shared)
        faults = tuple(self._custom_field_faults(projection.shared, present))
        found = self._all(is_full=is_full)
        self._name(found)
        self._make_sure(found, {record.ref.model for record in projection.records})
        records = [self._existing(path, entry) for path, entries in found.items() for entry in entries]
        for record in records:
            for ref in references({name: record.fields[name] for name in MODELS[record.model].late}):
                self._late_users[ref].add((record.model, record.id))
        return Observation((*records, *self._strange_cables(found[CABLES])), frozenset(present), faults)

    def _all(self, *, is_full: bool) -> Found:
        """All records of the owned models that are ours or could clash with ours. Unless `is_full`, only those are read
        that were written since the last time, where NetBox can tell which.
        """
        if not is_full and self._recent.holds(self._fabric, self._site_id()) and self._can_refresh():
            return self._recent.found()
        mark = newest(self._client)
        found = self.reads.relevant([model.path for model in OWNED], self._fabric, self._site_id())
        self._recent.keep(self._fabric, self._site_id(), found, mark)
        return found

    def _site_id(self) -> int | None:
        """The fabric's site, where it is asked for and exists."""
        return self.ids.get(self._site) if self._site else None

    def _can_refresh(self) -> bool:
        """As `_refresh`. What NetBox refuses is no end: everything can still be read."""
        try:
            return self._refresh()
        except NetBoxAccessError:
            return False

    def _refresh(self) -> bool:
        """Read again what was written since the last time; whether that could be told."""
        changes = since(self._client, self._recent.mark) if self._recent.mark else None
        if changes is None:
            return False
        touched = {path: set(ids) for path, ids in changes.touched.items()}
        if cables := touched.get(CABLES):
            for path in ENDS:
                touched.setdefault(path, set()).update(self.reads.plugged(path, sorted(cables)))
                touched[path] |= self._recent.cabled(cables, path)
        read = {path: self._by_id(path, sorted(ids)) for path, ids in touched.items()}
        self._recent.take(touched, read, changes.mark)
        return True

    def _by_id(self, path: str, ids: Sequence[int]) -> list[Entry]:
        found = self.reads.by_id(path, ids, self._fabric)
        # Cables of others are known by what they are plugged into.
        return [entry for entry in found if path != CABLES or is_keyed(entry[0], self._fabric)]

    def _make_sure(self, found: Found, wanted: AbstractSet[str]) -> None:
        """GraphQL passes over what we may not see: where nothing of ours is seen, and was or shall be, ask whether we
        may see it, once.
        """
        for path, entries in found.items():
            if any(is_keyed(raw, self._fabric) for raw, _ in entries):
                self._visible.discard(path)
            elif path in wanted and path not in self._visible:
                self._client.look(path)
                self._visible.add(path)

    def remember(self, ref: Ref, raw: JSONObject) -> None:
        """Take in a record that was written, as NetBox answered it."""
        record_id = int(raw["id"])
        self.ids[ref] = record_id
        self._names[ref.model, record_id] = ref
        if raw.get("last_updated"):
            self.versions[ref.model, record_id] = raw["last_updated"]

    def note_side_effects(self, path: str, written: Iterable[Mapping[str, Value]]) -> None:
        """A cable that comes or goes makes NetBox write what it is plugged into, a termination its circuit: the
        versions of those are not known any more.
        """
        if path in {CABLES, CIRCUIT_TERMINATIONS}:
            for ref in (ref for fields in written for ref in references(fields)):
                if record_id := int(ref.key[1:]) if ref.key.startswith("#") else self.ids.get(ref):
                    self._moved.add((ref.model, record_id))

    def note_deleted(self, refs: Iterable[Ref]) -> None:
        """Nor are those of devices whose primary address goes."""
        for ref in refs:
            self._moved |= self._late_users.get(ref, set())

    def version(self, existing: ExistingRecord) -> str | None:
        """When a record was last written: as observed, or by us since; None where that cannot be told."""
        place = existing.model, existing.id
        return None if place in self._moved else self.versions.get(place, existing.version)

    def shared(self, records: Iterable[SharedRecord]) -> set[Ref]:
        """Those of the prerequisites that exist, custom fields aside."""
        found: set[Ref] = set()
        for ref, record_id in self.reads.shared(record.ref for record in records):
            self.ids[ref] = record_id
            self._names[ref.model, record_id] = ref
            found.add(ref)
        return found

    def other_tags(self, existing: ExistingRecord) -> Sequence[int]:
        """The ids of those tags of a record that are not ours, once they were learned."""
        return self._other_tags.get((existing.model, existing.id), ())

    def learn_tags(self, records: Sequence[ExistingRecord]) -> None:
        """Take in the tags of records of one model."""
        if records:
            path = records[0].model
            for raw in self.reads.tags(path, [record.id for record in records]):
                others = [int(tag["id"]) for tag in raw["tags"] if not _is_our_tag(tag["slug"])]
                self._other_tags[path, int(raw["id"])] = others

    def records(self, path: str) -> list[ExistingRecord]:
        """The records of an owned model that are ours or that could clash with ours, as they are now."""
        paths = [path, *(ENDS if path == CABLES else ())]
        if path == CABLES:
            self._ends.clear()
        found = self.reads.relevant(paths, self._fabric, self._site_id())
        self._name(found)
        return [self._existing(path, entry) for entry in found[path]]

    def _strange_cables(self, known: Sequence[Entry]) -> list[ExistingRecord]:
        """Cables of others at our ports: all that is known of them is where they end."""
        ours = {int(raw["id"]) for raw, _ in known}
        strange = {cable: ends for cable, ends in self._ends.items() if cable not in ours}
        return [ExistingRecord(CABLES, cable, f"#{cable}", dict(ends)) for cable, ends in sorted(strange.items())]

    def _existing(self, path: str, entry: Entry) -> ExistingRecord:
        raw, is_tagged = entry
        return to_existing(path, raw, self._names, is_tagged=is_tagged, ends=self._ends.get(int(raw["id"]), {}))

    def _name(self, found: Found) -> None:
        """Give records their references. Of several with one key the oldest that is tagged comes last and counts."""
        for path, entries in found.items():
            for raw, is_tagged in sorted(entries, key=lambda entry: (entry[1], -int(entry[0]["id"]))):
                self._name_one(path, raw, is_tagged=is_tagged)

    def _name_one(self, path: str, raw: JSONObject, *, is_tagged: bool) -> None:
        record_id = int(raw["id"])
        if is_keyed(raw, self._fabric):
            ref = self._names[path, record_id] = Ref(path, str(key_of(raw)))
            if is_tagged:
                self.ids[ref] = record_id
        if plugged := cable_end(path, raw):
            cable, end = plugged
            self._ends[cable][end] = self._names.get((path, record_id)) or Ref(path, f"#{record_id}")

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


def _is_our_tag(slug: str) -> bool:
    return slug == OWNED_TAG or slug.startswith(GROUP_TAG_PREFIX)


def _faults(wanted: SharedRecord, raw: JSONObject) -> Iterator[str]:
    """Why a custom field that exists, and that we do not alter, does not serve."""
    name, kind = wanted.ref.key, raw["type"]["value"]
    if kind != wanted.fields["type"]:
        yield f"NetBox's custom field {name} is of type {kind}, not {wanted.fields['type']}"
    if wanted.fields.get("unique") and not raw.get("unique"):
        yield f"NetBox's custom field {name} does not ask for unique values"
    needed = {model.content_type for model in OWNED} & set(_texts(wanted.fields["object_types"]))
    if lacking := sorted(needed - set(raw["object_types"])):
        yield f"NetBox's custom field {name} does not apply to {', '.join(lacking)}"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()
