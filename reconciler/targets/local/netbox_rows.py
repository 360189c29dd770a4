"""The embedded NetBox's tables, held in memory while one call of the port works on them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model.netbox import ExistingRecord, Ref, natural_keys
from reconciler.model.netbox_schema import CUSTOM_FIELD_PREFIX, MODELS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.netbox import NaturalKey, Value
    from reconciler.model.netbox_schema import Field

SEQUENCE = "sequence"
"""The document that holds the last id given out: ids are never given out twice, as in NetBox."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is stored: references are [model, id]. `key` is the `hh_key`, or what identifies a shared record;
    `version` counts its writes.
    """

    model: str
    id: int
    fields: Mapping[str, JSON]
    key: str | None = None
    is_tagged: bool = False
    version: int = 1

    @property
    def label(self) -> str:
        model = MODELS.get(self.model)
        name = self.fields.get(model.label if model else "name")
        return f"{model.noun if model else self.model} {name} (id {self.id})"

    def fields_to(self, model: str, row_id: int) -> list[str]:
        """The names of the fields that refer to a record."""
        ref = {"model": model, "id": row_id}
        return [
            name for name, value in self.fields.items() if value == ref or (isinstance(value, list) and ref in value)
        ]


class Tables:
    """All rows, and those changed or gone since they were loaded."""

    def __init__(self, documents: Mapping[str, JSONObject]) -> None:
        self.rows: dict[tuple[str, int], Row] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._places: dict[tuple[str, NaturalKey], int] = {}
        self._last_id: int = documents.get(SEQUENCE, {}).get("last", 0)
        self.changed: dict[str, JSONObject | None] = {}
        for name, body in documents.items():
            if name != SEQUENCE:
                self._enter(Row(**body))

    def of(self, model: str) -> Iterator[Row]:
        """The rows of a model, oldest first."""
        return (row for _, row in sorted(self.rows.items()) if row.model == model)

    def insert(self, row: Row) -> Row:
        """Store a new row under the next id."""
        self._last_id += 1
        self.changed[SEQUENCE] = {"last": self._last_id}
        return self.put(replace(row, id=self._last_id))

    def put(self, row: Row) -> Row:
        """Store a row in place of its former state."""
        self._forget(row.model, row.id)
        self._enter(row)
        self.changed[f"{row.model}/{row.id}"] = asdict(row)
        return row

    def _enter(self, row: Row) -> None:
        self.rows[row.model, row.id] = row
        if row.key is not None:  # of two rows with one key, as a race can leave them, the older counts
            self._ids[row.model, row.key] = min(row.id, self._ids.get((row.model, row.key), row.id))
        for place in self._places_of(row):
            self._places[place] = row.id

    def remove(self, row: Row) -> None:
        """Take a row out; what still refers to it by a late field no longer does."""
        for other in list(self.rows.values()):
            if names := other.fields_to(row.model, row.id):
                self.put(replace(other, fields={**other.fields, **dict.fromkeys(names)}))
        self._forget(row.model, row.id)
        self.changed[f"{row.model}/{row.id}"] = None

    def find(self, ref: Ref) -> Row | None:
        """The row that a reference names."""
        row_id = int(ref.key[1:]) if ref.key.startswith("#") else self._ids.get((ref.model, ref.key), 0)
        return self.rows.get((ref.model, row_id))

    def clashes(self, row: Row) -> Iterator[tuple[str, ...]]:
        """The names of natural keys that another row has already."""
        for model, natural in self._places_of(row):
            if self._places.get((model, natural), row.id) != row.id:
                yield natural[0]

    def dependents(self, row: Row) -> list[Row]:
        """The rows that refer to a row, and not only by a late field, which would be emptied."""
        return [
            other
            for other in self.rows.values()
            if set(other.fields_to(row.model, row.id)) - (MODELS[other.model].late if other.model in MODELS else set())
        ]

    def encode(self, value: Value) -> JSON:
        """A value as it is stored. Raises LookupError for a reference to nothing."""
        if isinstance(value, Ref):
            row = self.find(value)
            if row is None:
                raise LookupError(f"{value} does not exist")
            return {"model": row.model, "id": row.id}
        return [self.encode(item) for item in value] if isinstance(value, tuple) else value

    def decode(self, value: JSON) -> Value:
        """A stored value in symbolic form."""
        if isinstance(value, dict):
            row = self.rows.get((value["model"], value["id"]))
            return Ref(value["model"], (row and row.key) or f"#{value['id']}")
        return tuple(self.decode(item) for item in value) if isinstance(value, list) else value

    def existing(self, row: Row) -> ExistingRecord:
        """A row of an owned model as the port shows it: a field that was never set reads as NetBox's default."""
        model = MODELS[row.model]
        unset = {name: _default(name, field) for name, field in model.fields.items()}
        fields = {name: self.decode(row.fields.get(name, default)) for name, default in unset.items()}
        return ExistingRecord(
            row.model, row.id, str(fields[model.label]), fields, row.key, row.is_tagged, str(row.version)
        )

    def _forget(self, model: str, row_id: int) -> None:
        row = self.rows.pop((model, row_id), None)
        if row is None:
            return
        if row.key is not None and self._ids.get((model, row.key)) == row_id:
            del self._ids[model, row.key]
        for place in self._places_of(row):
            if self._places.get(place) == row_id:
                del self._places[place]

    def _places_of(self, row: Row) -> list[tuple[str, NaturalKey]]:
        """Natural keys with references by id, which do not change when the record referred to does."""
        fields = {
            name: Ref(value["model"], f"#{value['id']}") if isinstance(value, dict) else self.decode(value)
            for name, value in row.fields.items()
        }
        return [(row.model, natural) for natural in natural_keys(row.model, fields)]


def _default(name: str, field: Field) -> JSON:
    """What NetBox shows of a field that was never set; of a custom field nothing, of whatever kind it is."""
    return None if name.startswith(CUSTOM_FIELD_PREFIX) else _DEFAULTS.get(field.kind)


_DEFAULTS: dict[Kind, JSON] = {Kind.TEXT: "", Kind.FLAG: False, Kind.REFERENCES: [], Kind.TAGS: []}
