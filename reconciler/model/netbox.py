"""Records of NetBox, in symbolic form: references name records by key or slug, never by database id, so that a
projection and what NetBox holds can be compared without asking NetBox anything.

Fields have the names of NetBox's REST API. A custom field is named `custom_fields.<name>`; a generic reference, which
the API splits into type and id, is one field (`scope`); the ends of a cable are `a` and `b`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model.netbox_schema import ADDRESSES, CABLES, DEVICES, natural_key_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.objects import ObjectKey

OWNED_TAG = "hh-managed"
"""Slug and name of the tag on every record that we write."""

KEY_FIELD = "hh_key"
"""The custom field (text, exact, unique) that holds a record's key."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A record: `model` is NetBox's REST path below `/api/` (`dcim/devices`); `key` the `hh_key` of an owned
    record, the slug of a shared one (a device type: `<manufacturer>/<slug>`, a custom field: its name), or `#<id>`
    for a record that is neither.
    """

    model: str
    key: str

    def __str__(self) -> str:
        return f"{self.model} {self.key}"


Value: TypeAlias = "str | int | float | bool | Ref | tuple[Value, ...] | None"

NaturalKey: TypeAlias = "tuple[tuple[str, ...], tuple[Value, ...]]"
"""Names and values of fields that NetBox allows only one record of a model to have."""


VIRTUAL = "vip"
"""The role of an address that several devices share, with a record for each: NetBox allows that to some roles."""

_OPEN = frozenset({(DEVICES, "tenant"), (ADDRESSES, "vrf")})
"""Parts of natural keys where none is a scope of its own: devices without a tenant, the global table."""


def natural_keys(model: str, fields: Mapping[str, Value]) -> Iterator[NaturalKey]:
    """The natural keys of a record with these fields. A key of which a required part is missing does not bind and is
    left out, and an address that several devices share has no place of its own.
    """
    if model == ADDRESSES and fields.get("role") == VIRTUAL:
        return
    for names in natural_key_fields(model):
        values = tuple(_folded(model, name, fields.get(name)) for name in names)
        if all(value is not None or (model, name) in _OPEN for name, value in zip(names, values, strict=True)):
            yield (_END, values) if model == CABLES else (names, values)


_END = ("end",)
"""An interface takes one cable, at whichever of its ends."""


def _folded(model: str, name: str, value: Value) -> Value:
    """NetBox ignores case in the names of devices, and only there; of an address it compares the host."""
    if not isinstance(value, str):
        return value
    if (model, name) == (DEVICES, "name"):
        return value.casefold()
    return value.partition("/")[0] if (model, name) == (ADDRESSES, "address") else value


def references(fields: Mapping[str, Value]) -> Iterator[Ref]:
    """The records that these fields refer to."""
    for value in fields.values():
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, Ref))


@dataclass(frozen=True, slots=True)
class SharedRecord:
    """A prerequisite: matched by slug (a custom field: by name), created when absent, never altered or deleted."""

    ref: Ref
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it should be. `label` is what people call it. Fields that it does not name are left to people."""

    ref: Ref
    label: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ExistingRecord:
    """A record as NetBox holds it. `key` is its `hh_key`, `is_tagged` whether it carries our tag: it is ours only
    with both. `fields` holds the compared fields in symbolic form. `version` is NetBox's `last_updated`.
    """

    model: str
    id: int
    label: str
    fields: Mapping[str, Value]
    key: str | None = None
    is_tagged: bool = False
    version: str | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.model, self.key or f"#{self.id}")

    def is_keyed_by(self, fabric: str) -> bool:
        """Whether its key names `fabric`; ours it is only with the tag as well."""
        return self.key is not None and self.key.startswith(f"{fabric}/")

    def is_owned_by(self, fabric: str) -> bool:
        """Whether both marks say that we wrote it for `fabric`."""
        return self.is_tagged and self.is_keyed_by(fabric)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object, or a part of it, that has no place in NetBox as it is. Its records count as declared."""

    key: ObjectKey
    message: str

    def covers(self, fabric: str, record_key: str) -> bool:
        """Whether the record with this `hh_key` speaks of the object."""
        whole = f"{fabric}/{self.key}"
        return record_key == whole or record_key.startswith(f"{whole}#")


@dataclass(frozen=True, slots=True)
class Projection:
    """What NetBox should hold for a fabric: prerequisites and records, both in dependency order. Of the kinds `unread`
    nothing is known: their records count as declared.
    """

    shared: tuple[SharedRecord, ...] = ()
    records: tuple[Record, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Observation:
    """What NetBox holds: every record that is ours or that could clash with ours, and the prerequisites that
    exist (by `Ref` with their slug). `faults` tells of prerequisites that exist but cannot serve.
    """

    records: tuple[ExistingRecord, ...] = ()
    shared: frozenset[Ref] = field(default_factory=frozenset)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A record whose fields differ: `fields` holds the desired values of those that do, `before` theirs now. It is
    ours, or it becomes ours with this change, as the record `takes`.
    """

    existing: ExistingRecord
    fields: Mapping[str, Value]
    takes: Ref | None = None

    @property
    def ref(self) -> Ref:
        """The record as it is called after the change."""
        return self.takes or self.existing.ref

    @property
    def before(self) -> dict[str, Value]:
        return {name: self.existing.fields.get(name) for name in self.fields}


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What NetBox said to one record of a bulk request. `error` is None when it was written, else NetBox's message."""

    ref: Ref
    error: str | None = None
