"""NetBox behind its HTTP API."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from reconciler.errors import NetBoxUnavailableError
from reconciler.model.netbox import OWNED_TAG, ExistingRecord, RecordChange, WriteResult
from reconciler.model.netbox_schema import (
    CIRCUIT_TYPES,
    CIRCUITS,
    CUSTOM_FIELDS,
    DEVICE_ROLES,
    DEVICE_TYPES,
    DEVICES,
    MANUFACTURERS,
    MODELS,
    PLATFORMS,
    SITES,
    TAGS,
)
from reconciler.targets.netbox.answers import RefusedError
from reconciler.targets.netbox.bulk import BATCH, BulkWriter, Pace
from reconciler.targets.netbox.client import NetBoxClient
from reconciler.targets.netbox.payloads import missing
from reconciler.targets.netbox.queries import CASCADES, key_of
from reconciler.targets.netbox.reading import Reader
from reconciler.targets.netbox.senders import TAG, CreateSender, DeleteSender, SharedSender, UpdateSender
from reconciler.targets.netbox.sites import Sites

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from reconciler.model.json import JSONObject
    from reconciler.model.netbox import (
        Observation,
        Projection,
        Record,
        Ref,
        SharedRecord,
        Value,
    )
    from reconciler.model.netbox_site import Site, SiteValue
    from reconciler.targets.netbox.bulk import Sender
    from reconciler.targets.netbox.client import NetBoxAccess

T = TypeVar("T")

UNMARKED = "it no longer carries our marks"
NOT_CREATED = "it was not created"

_SHARED_ORDER = (
    *(TAGS, CUSTOM_FIELDS, SITES, MANUFACTURERS, DEVICE_TYPES, DEVICE_ROLES),
    *(PLATFORMS, CIRCUIT_TYPES),
)
_PATIENCE = 8.0
"""Seconds to wait for the answers of writes. NetBox tells of the first record of a bulk write seconds before it answers
that, and waits longer for the answer to its event.
"""

_DETAILED = 20
"""Refused deletes of one call that are tried alone, for the sake of a message that names what stands in the way."""


class NetBoxServer:
    """Implements `ports.NetBox` for one fabric. Not for two threads at once; it starts threads of its own to write."""

    def __init__(self, access: NetBoxAccess, sleep: Callable[[float], None] = time.sleep) -> None:
        """Nothing is sent yet. `sleep` waits before requests are repeated."""
        self._client = NetBoxClient(access, sleep)
        self._reader = Reader(self._client)
        self._sites = Sites(self._client)
        self._writers = access.writers
        self._paces: defaultdict[tuple[type, str], Pace] = defaultdict(Pace)
        self._sleep = sleep

    @property
    def address(self) -> str:
        return self._client.address

    def version(self) -> str:
        return self._client.version()

    def site(self, slug: str) -> Site | None:
        return self._sites.find(slug)

    def prepare_sites(self) -> None:
        self._sites.prepare()

    def write_site(self, site: Site, fields: Mapping[str, SiteValue]) -> None:
        self._sites.write(site, fields)

    def note(self, site: Site, text: str, *, is_trouble: bool = False) -> None:
        self._sites.note(site, text, is_trouble=is_trouble)

    def is_own_write(self, request_id: str) -> bool:
        """Whether the HTTP request of this id (`X-Request-ID`), by which NetBox was changed, was one of our last ones.
        From any thread. Blocks, for a few seconds at most, while a write is under way whose id is not known yet.
        """
        return self._client.written.holds(request_id, _PATIENCE)

    def observe(self, fabric: str, projection: Projection, *, is_full: bool = True, cause: str = "") -> Observation:
        if self._client.written.is_busy:
            # It was given up, and may come into effect after we looked.
            raise NetBoxUnavailableError(f"{self.address}: an earlier write is still under way there")
        self._reader.cause = cause
        return self._reader.observe(fabric, projection, is_full=is_full)

    def create_shared(self, records: Sequence[SharedRecord]) -> Sequence[WriteResult]:
        errors: dict[Ref, str | None] = {}
        for path in _SHARED_ORDER:
            items = [record for record in records if record.ref.model == path]
            found = self._write(path, SharedSender(self._client, self._reader, path), items, _fields, _no_shard)
            errors |= {item.ref: error for item, error in zip(items, found, strict=True)}
        self._forgive(records, errors)
        return [WriteResult(record.ref, errors[record.ref]) for record in records]

    def create(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        if not records:
            return []
        path = records[0].ref.model
        if TAG not in self._reader.ids:
            return [WriteResult(record.ref, f"the tag {OWNED_TAG} does not exist in NetBox") for record in records]
        sender = CreateSender(self._client, self._reader, path)
        errors = self._write(path, sender, records, _fields, lambda record: _shard(path, record.fields))
        return [WriteResult(record.ref, error) for record, error in zip(records, errors, strict=True)]

    def update(self, changes: Sequence[RecordChange]) -> Sequence[WriteResult]:
        if not changes:
            return []
        path = changes[0].existing.model
        sender = UpdateSender(self._client, self._reader, path)
        errors = self._write(path, sender, changes, _changed_fields, lambda change: _shard(path, change.fields))
        return [WriteResult(change.ref, error) for change, error in zip(changes, errors, strict=True)]

    def complete(self, records: Sequence[Record]) -> Sequence[WriteResult]:
        if not records:
            return []
        path = records[0].ref.model
        changes = [self._completion(record) for record in records]
        known = [change for change in changes if isinstance(change, RecordChange)]
        sender = UpdateSender(self._client, self._reader, path)
        errors = iter(self._write(path, sender, known, _changed_fields, lambda change: _shard(path, change.fields)))
        return [
            WriteResult(record.ref, next(errors) if isinstance(change, RecordChange) else change)
            for record, change in zip(records, changes, strict=True)
        ]

    def _completion(self, record: Record) -> RecordChange | str:
        """The change that completes a record, or why there is none."""
        record_id = self._reader.ids.get(record.ref)
        if record_id is None:
            return NOT_CREATED
        model = record.ref.model
        return RecordChange(ExistingRecord(model, record_id, record.label, {}, record.ref.key, True), record.fields)  # noqa: FBT003

    def delete(self, records: Sequence[ExistingRecord]) -> Sequence[WriteResult]:
        if not records:
            return []
        path = records[0].model
        sender = DeleteSender(self._client, self._reader, path)
        errors = self._refused_deletes(path, records)
        rest = [record for record in records if record.id not in errors]
        found = self._writer(sender, path).write(rest, lambda item: _shard(path, item.fields))
        failed = {item.id: error for item, error in zip(rest, found, strict=True) if error}
        errors |= failed | self._explained(sender, [item for item in rest if item.id in failed])
        return [WriteResult(record.ref, errors.get(record.id)) for record in records]

    def _writer(self, sender: Sender[T], path: str) -> BulkWriter[T]:
        return BulkWriter(sender, self._wait, self._writers, self._paces[type(sender), path])

    def _write(
        self,
        path: str,
        sender: Sender[T],
        items: Sequence[T],
        fields: Callable[[T], Mapping[str, Value]],
        shard: Callable[[T], Hashable],
    ) -> list[str | None]:
        """Send those items of which all that they refer to exists; for each item why it was not written."""
        errors = [missing(fields(item), self._reader.ids) for item in items]
        sendable = [at for at, error in enumerate(errors) if error is None]
        written = self._writer(sender, path).write([items[at] for at in sendable], shard)
        for at, error in zip(sendable, written, strict=True):
            errors[at] = error
        return errors

    def _forgive(self, records: Sequence[SharedRecord], errors: dict[Ref, str | None]) -> None:
        """A prerequisite that somebody else made in the meantime is there, which is all that was wanted."""
        failed = [record for record in records if errors[record.ref]]
        if failed:
            settled = SharedSender(self._client, self._reader, "").settled(failed)
            errors |= {record.ref: None for record, is_there in zip(failed, settled, strict=True) if is_there}

    def _refused_deletes(self, path: str, records: Sequence[ExistingRecord]) -> dict[int, str | None]:
        """Those that are not deleted, by id, looked at just before: None for one that is gone already."""
        now: dict[int, JSONObject] = {}
        for start in range(0, len(records), BATCH):
            ids = [record.id for record in records[start : start + BATCH]]
            now |= {int(raw["id"]): raw for raw in self._reader.reads.doomed(path, ids)}
        refused: dict[int, str | None] = {}
        for record in records:
            raw = now.get(record.id)
            if raw is None:
                refused[record.id] = None
            elif reason := _why_not(record, raw, self._reader.fabric):
                refused[record.id] = reason
        return refused

    def _explained(self, sender: DeleteSender, failed: Sequence[ExistingRecord]) -> dict[int, str | None]:
        """Refused deletes tried once more, each alone."""
        reasons: dict[int, str | None] = {}
        for item in failed[:_DETAILED]:
            try:
                sender.send_alone(item)
                reasons[item.id] = None
            except RefusedError as error:
                reasons[item.id] = error.message
        return reasons

    def _wait(self, attempt: int) -> None:
        self._sleep(float(2 ** (attempt - 1)))


def _why_not(record: ExistingRecord, raw: JSONObject, fabric: str) -> str | None:
    """Why a record must not be deleted as it is now."""
    if not _is_marked(raw, fabric) or key_of(raw) != record.key:
        return UNMARKED
    for name, dependents in raw.items():
        if name in {"tags", "custom_fields"} or not isinstance(dependents, (list, dict)):
            continue
        others = dependents if isinstance(dependents, list) else [dependents]
        strangers = sum(not _is_marked(other, fabric) for other in others)
        noun, what = MODELS[record.model].noun, name.replace("_", " ")
        if others and not strangers and name in CASCADES and record.model in {DEVICES, CIRCUITS}:
            return f"the {noun} has {what} of ours that could not be deleted ({len(others)})"
        if strangers:
            return f"the {noun} has {name.replace('_', ' ')} that are not ours ({strangers}); they would suffer with it"
    return None


def _is_marked(raw: JSONObject, fabric: str) -> bool:
    slugs = {tag.get("slug") for tag in raw.get("tags") or ()}
    return OWNED_TAG in slugs and (key_of(raw) or "").startswith(f"{fabric}/")


def _shard(path: str, fields: Mapping[str, Value]) -> Hashable:
    name = MODELS[path].shard
    return fields.get(name) if name else None


def _no_shard(item: SharedRecord) -> Hashable:
    """Few, and their order counts: all in one lane."""
    return item.ref.model


def _fields(item: Record | SharedRecord) -> Mapping[str, Value]:
    return item.fields


def _changed_fields(item: RecordChange) -> Mapping[str, Value]:
    return item.fields
