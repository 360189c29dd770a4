"""How records of each kind go to NetBox in bulk. Every write carries a changelog message that names the fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import KEY_FIELD, OWNED_TAG, Ref, references
from reconciler.model.netbox_schema import TAGS
from reconciler.plan.netbox_features import CHANGELOG_MESSAGES, CONDITIONAL_WRITES
from reconciler.targets.netbox.answers import STALE, Finding, RefusedError
from reconciler.targets.netbox.paging import read_ids
from reconciler.targets.netbox.payloads import body, etag
from reconciler.targets.netbox.queries import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import ExistingRecord, Record, RecordChange, SharedRecord, Value
    from reconciler.targets.netbox.client import NetBoxClient
    from reconciler.targets.netbox.reading import Reader

TAG = Ref(TAGS, OWNED_TAG)
_LONGEST_MESSAGE = 200
_PRECONDITION_FAILED = 412


class SharedSender:
    """Prerequisites of one model."""

    def __init__(self, client: NetBoxClient, reader: Reader, path: str) -> None:
        self._client = client
        self._reader = reader
        self._path = path

    def entry(self, item: SharedRecord) -> JSONObject:
        return {**body(self._path, item.fields, self._reader.ids), **said(self._client, self._reader)}

    def record_id(self, item: SharedRecord) -> int | None:  # noqa: ARG002 - it has none yet
        return None

    def send(self, items: Sequence[SharedRecord]) -> Sequence[str | None]:
        answer = self._client.write("POST", self._path, [self.entry(item) for item in items])
        for item, raw in zip(items, answer, strict=True):
            self._reader.remember(item.ref, raw)
        return [None] * len(items)

    def settled(self, items: Sequence[SharedRecord]) -> Sequence[bool]:
        present = self._reader.shared(items)
        names = {raw["name"] for raw in self._reader.custom_fields([item.ref.key for item in items])}
        return [item.ref in present or item.ref.key in names for item in items]


class CreateSender:
    """New records of one model, with both marks."""

    def __init__(self, client: NetBoxClient, reader: Reader, path: str) -> None:
        self._client = client
        self._reader = reader
        self._path = path

    def entry(self, item: Record) -> JSONObject:
        fields = body(self._path, item.fields, self._reader.ids)
        return {
            **fields,
            "tags": [self._reader.ids[tag] for tag in (TAG, *_group_tags(item.fields))],
            "custom_fields": {**fields.get("custom_fields", {}), KEY_FIELD: item.ref.key},
            **said(self._client, self._reader),
        }

    def record_id(self, item: Record) -> int | None:  # noqa: ARG002 - it has none yet
        return None

    def send(self, items: Sequence[Record]) -> Sequence[str | None]:
        answer = self._client.write("POST", self._path, [self.entry(item) for item in items])
        self._reader.note_side_effects(self._path, (item.fields for item in items))
        return [self._verified(item, raw) for item, raw in zip(items, answer, strict=True)]

    def _verified(self, item: Record, raw: JSONObject) -> str | None:
        """NetBox drops fields that it does not know without a word; a record without marks would be lost to us."""
        self._reader.remember(item.ref, raw)
        slugs = {tag.get("slug") for tag in raw.get("tags") or ()}
        if key_of(raw) != item.ref.key or OWNED_TAG not in slugs:
            return f"NetBox made it (id {raw['id']}) but did not keep {KEY_FIELD} or the tag {OWNED_TAG}"
        return None

    def settled(self, items: Sequence[Record]) -> Sequence[bool]:
        keys = {existing.key for existing in self._reader.records(self._path) if existing.is_tagged}
        return [item.ref.key in keys for item in items]


class UpdateSender:
    """Changes of records of one model, each on the condition that nobody else changed it since it was read."""

    def __init__(self, client: NetBoxClient, reader: Reader, path: str) -> None:
        self._client = client
        self._reader = reader
        self._path = path

    def entry(self, item: RecordChange) -> JSONObject:
        fields = body(self._path, item.fields, self._reader.ids)
        if "tags" in item.fields or item.takes:
            # `tags` replaces all of them: those of people are written back as they were read, under If-Match.
            groups = item.fields.get("tags", item.existing.fields.get("tags"))
            ours = [self._reader.ids[tag] for tag in (TAG, *references({"tags": groups}))]
            fields["tags"] = [*ours, *self._reader.other_tags(item.existing)]
        if item.takes:
            fields["custom_fields"] = {**fields.get("custom_fields", {}), KEY_FIELD: item.takes.key}
        return {"id": item.existing.id, **fields, **said(self._client, self._reader)}

    def record_id(self, item: RecordChange) -> int | None:
        return item.existing.id

    def send(self, items: Sequence[RecordChange]) -> Sequence[str | None]:
        self._reader.learn_tags([item.existing for item in items if item.takes or "tags" in item.fields])
        entries = [self.entry(item) for item in items]
        conditions = guard(self._client, self._reader, [item.existing for item in items])
        answer = self._client.write("PATCH", self._path, entries, conditions)
        plugged = (fields for item in items for fields in (item.existing.fields, item.fields))
        self._reader.note_side_effects(self._path, plugged)
        refs = {item.existing.id: item.ref for item in items}
        for raw in answer:  # in the order of the model, not of the request
            self._reader.remember(refs[int(raw["id"])], raw)
        return [None] * len(items)

    def settled(self, items: Sequence[RecordChange]) -> Sequence[bool]:
        now = {existing.id: existing for existing in self._reader.records(self._path)}
        return [self._is_settled(item, now.get(item.existing.id)) for item in items]

    def _is_settled(self, item: RecordChange, now: ExistingRecord | None) -> bool:
        if now is None or now.ref != item.ref or any(now.fields[name] != value for name, value in item.fields.items()):
            return False
        if now.version:
            self._reader.versions[now.model, now.id] = now.version
        return True


def _group_tags(fields: Mapping[str, Value]) -> Iterator[Ref]:
    return references({"tags": fields.get("tags")})


class DeleteSender:
    """Records of one model to delete, on the same condition."""

    def __init__(self, client: NetBoxClient, reader: Reader, path: str) -> None:
        self._client = client
        self._reader = reader
        self._path = path

    def entry(self, item: ExistingRecord) -> JSONObject:
        return {"id": item.id, **said(self._client, self._reader)}

    def record_id(self, item: ExistingRecord) -> int | None:
        return item.id

    def send(self, items: Sequence[ExistingRecord]) -> Sequence[str | None]:
        conditions = guard(self._client, self._reader, items)
        self._client.write("DELETE", self._path, [self.entry(item) for item in items], conditions)
        self._reader.note_side_effects(self._path, (item.fields for item in items))
        self._reader.note_deleted(item.ref for item in items)
        return [None] * len(items)

    def send_alone(self, item: ExistingRecord) -> None:
        """Delete one by its own address: there NetBox names what depends on it. Raises RefusedError, LostError."""
        entry = said(self._client, self._reader)
        conditions = guard(self._client, self._reader, [item])
        self._client.write("DELETE", f"{self._path}/{item.id}", entry, conditions)

    def settled(self, items: Sequence[ExistingRecord]) -> Sequence[bool]:
        left = {int(raw["id"]) for raw in self._reader.reads.tags(self._path, [item.id for item in items])}
        return [item.id not in left for item in items]


def said(client: NetBoxClient, reader: Reader) -> JSONObject:
    """The part of a record's body that says what the write is for, where NetBox keeps that."""
    return {"changelog_message": message(reader)} if client.offers(CHANGELOG_MESSAGES) else {}


def message(reader: Reader) -> str:
    """What NetBox's changelog says of a write: the program, the fabric, what it is for. NetBox keeps so much of it."""
    parts = [f"hedgehog-reconciler: fabric {reader.fabric}", *([reader.cause] if reader.cause else [])]
    return ", ".join(parts)[:_LONGEST_MESSAGE]


def guard(client: NetBoxClient, reader: Reader, items: Sequence[ExistingRecord]) -> list[str]:
    """The conditions on which these records are written: that nobody wrote them since they were read. A NetBox that
    knows no conditions is asked just before, which leaves the moment in between. Raises RefusedError.
    """
    if client.offers(CONDITIONAL_WRITES):
        return etags(reader, items)
    known = {item.id: version for item in items if (version := reader.version(item))}
    if known:
        raws = read_ids(client, items[0].model, known, "id,last_updated")
        now = {int(raw["id"]): etag(raw["last_updated"]) for raw in raws if raw["last_updated"]}
        changed = [one for one, version in known.items() if one in now and now[one] != etag(version)]
        if changed:
            raise RefusedError(_PRECONDITION_FAILED, STALE, tuple(Finding(STALE, record_id=one) for one in changed))
    return []


def etags(reader: Reader, items: Iterable[ExistingRecord]) -> list[str]:
    """The ETags of records as we know them: as observed, or as we last wrote them. None at all where one is not known:
    NetBox would refuse the whole request for its sake.
    """
    versions = [reader.version(item) for item in items]
    return [etag(version) for version in versions if version] if all(versions) else []
