"""Values as text, and text that is not one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.passes import FieldDifference, InventoryEntry, ObjectState, PassRecord
from reconciler.model.requests import Request
from reconciler.model.status import FabricRecord
from reconciler.store.codec import JSON_OBJECT, Codec, UnreadableError
from tests.unit.store.samples import NOON, entry, fabric_record, object_state, pass_record, request

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(fabric_record(), id="fabric"),
        pytest.param(FabricRecord("dc1"), id="fresh fabric"),
        pytest.param(pass_record("p1"), id="pass"),
        pytest.param(object_state("a"), id="object"),
        pytest.param(entry("a"), id="inventory"),
        pytest.param(InventoryEntry(entry("a").key, "uid"), id="inventory by marks"),
        pytest.param(request("r1", commit="a" * 40), id="request"),
    ],
)
def test_round_trip(value: object) -> None:
    """Every stored type is read back equal, whatever it leaves out."""
    codec: Codec[object] = Codec(type(value))

    assert codec.decode(codec.encode(value)) == value


@given(value=JSON_VALUES)
def test_any_json_survives(value: Any) -> None:
    """The values of a field difference are read back as they are, surrogates and 64-bit numbers included."""
    codec = Codec(FieldDifference)
    difference = FieldDifference(".spec.x", value, {"nested": [value]})

    text = codec.encode(difference)

    assert text.isascii()
    assert codec.decode(text) == difference


def test_a_key_of_earlier_versions() -> None:
    """An object's key that was written with the names of its parts is read, and written without them."""
    codec = Codec(InventoryEntry)
    known = InventoryEntry(entry("a").key, "uid")
    kind, namespace, name = known.key

    text = codec.encode(known)
    earlier = text.replace(json.dumps([*known.key], separators=(",", ":")), json.dumps(known.key._asdict()))

    assert earlier != text
    assert codec.decode(earlier) == known
    assert f'"key":["{kind}","{namespace}","{name}"]' in text


def test_times_keep_the_moment() -> None:
    """A time of another zone is read back as the same moment."""
    codec = Codec(Request)
    elsewhere = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    found = codec.decode(codec.encode(replace(request("r1"), accepted=elsewhere)))

    assert found.accepted == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert codec.encode(replace(request("r1"), accepted=NOON)).count("2026-03-01T12:00:00.000250Z") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not JSON", id="empty"),
        pytest.param("canary-", "not JSON", id="no JSON"),
        pytest.param("[" * 100_000, "not JSON", id="too deep"),
        pytest.param("[]", "wrong type", id="a list"),
        pytest.param('{"id":"canary-"}', "accepted, fabric, trigger", id="fields missing"),
        pytest.param(
            '{"id":"r","fabric":"f","trigger":"canary-","accepted":"2026-03-01T12:00:00Z"}',
            "trigger",
            id="unknown word",
        ),
    ],
)
def test_unreadable(text: str, reason: str) -> None:
    """What this program did not write is refused by type and field, without what it says."""
    with pytest.raises(UnreadableError, match=f"^a stored Request cannot be read: {reason}$"):
        Codec(Request).decode(text)


@pytest.mark.parametrize("type_", [PassRecord, ObjectState, FabricRecord])
def test_names_the_type(type_: type) -> None:
    """The refusal says which kind of value it is."""
    codec: Codec[object] = Codec(type_)
    with pytest.raises(UnreadableError, match=type_.__name__):
        codec.decode("{}")


def test_documents_are_objects() -> None:
    """A document is a JSON object, nothing else."""
    assert JSON_OBJECT.decode(JSON_OBJECT.encode({"a": {"b": [1, None]}})) == {"a": {"b": [1, None]}}
    with pytest.raises(UnreadableError):
        JSON_OBJECT.decode("7")
