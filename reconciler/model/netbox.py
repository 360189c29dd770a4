"""Records of NetBox, in symbolic form: references name records by key or slug, never by database id, so that a
projection and what NetBox holds can be compared without asking NetBox anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNED_TAG = "hh-managed"
"""Slug and name of the tag on every record that we write."""

KEY_FIELD = "hh_key"
"""The custom field (text, exact, unique) that holds a record's key."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A record: `model` is NetBox's REST path below `/api/` (`dcim/devices`); `key` the `hh_key` of an owned
    record, the slug of a shared one, or `#<id>` for a record that is neither.
    """

    model: str
    key: str

    def __str__(self) -> str:
        return f"{self.model} {self.key}"


Value: TypeAlias = "str | int | float | bool | Ref | tuple[Value, ...] | None"


@dataclass(frozen=True, slots=True)
class SharedRecord:
    """A prerequisite: matched by slug (a custom field: by name), created when absent, never altered or deleted."""

    ref: Ref
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it should be. `label` is what people call it; `natural` is the natural key under which a record
    of a person would clash with it (None: no natural key, nothing can clash).
    """

    ref: Ref
    label: str
    fields: Mapping[str, Value]
    natural: tuple[Value, ...] | None = None


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
    natural: tuple[Value, ...] | None = None
    version: str | None = None

    def is_owned_by(self, fabric: str) -> bool:
        """Whether both marks say that we wrote it for `fabric`."""
        return self.is_tagged and self.key is not None and self.key.startswith(f"{fabric}/")


@dataclass(frozen=True, slots=True)
class Projection:
    """What NetBox should hold for a fabric: prerequisites and records, both in dependency order."""

    shared: tuple[SharedRecord, ...] = ()
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What NetBox holds: every record that is ours or that could clash with ours, and the prerequisites that
    exist (by `Ref` with their slug).
    """

    records: tuple[ExistingRecord, ...] = ()
    shared: frozenset[Ref] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """An owned record whose fields differ: `fields` holds the desired values of those that do, `before` theirs now."""

    record: Record
    existing: ExistingRecord
    fields: Mapping[str, Value]
    before: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What NetBox said to one record of a bulk request. `error` is None when it was written, else NetBox's message."""

    ref: Ref
    error: str | None = None
