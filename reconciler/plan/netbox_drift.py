"""What others made of our records in NetBox, as it is told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.netbox import Ref
from reconciler.model.netbox_schema import MODELS
from reconciler.model.passes import FieldDifference
from reconciler.plan.netbox_claims import describe

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.netbox import Value
    from reconciler.model.netbox_plan import RecordDrift

EDITED = "it was edited in NetBox"
DELETED = "it was deleted from NetBox"


def drift_message(drift: RecordDrift) -> str:
    return DELETED if drift.existing is None else EDITED


def drift_name(drift: RecordDrift) -> str:
    """The record as people find it in NetBox, or found it there."""
    return f"{MODELS[drift.ref.model].noun} {drift.label}" if drift.existing is None else describe(drift.existing)


def drift_line(drift: RecordDrift) -> str:
    """All of it but the values, in a line."""
    fields = f": {', '.join(drift.fields)}" if drift.fields else ""
    return f"{drift_name(drift)}, {drift.ref.key}: {drift_message(drift)}{fields}"


def drift_differences(drift: RecordDrift) -> tuple[FieldDifference, ...]:
    """The fields that were edited, in the form in which those of objects are told."""
    found = drift.existing.fields if drift.existing else {}
    return tuple(FieldDifference(name, _json(value), _json(found.get(name))) for name, value in drift.fields.items())


def _json(value: Value) -> JSON:
    """A record is told by its key or slug."""
    if isinstance(value, Ref):
        return value.key
    return [_json(one) for one in value] if isinstance(value, tuple) else value
