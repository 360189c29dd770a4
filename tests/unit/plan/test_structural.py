"""Whatever a server calls a schema can be used, and forbids nothing that it does not clearly forbid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from reconciler.plan.structural import PATTERNS, json_schema

if TYPE_CHECKING:
    from reconciler.model.json import JSON

KEYWORDS = [
    "type",
    "properties",
    "items",
    "additionalProperties",
    "enum",
    "pattern",
    "format",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "maxItems",
    "minProperties",
    "multipleOf",
    "required",
    "nullable",
    "$ref",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
]
TYPES = ["object", "array", "string", "integer", "number", "boolean", "file"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
SCHEMAS = st.recursive(
    SCALARS | st.sampled_from([*TYPES, "int32", "int64", "int-or-string", "^[a-z]+$", "["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=6),
    max_leaves=20,
)


@given(SCHEMAS)
def test_any_json_makes_a_schema(node: JSON) -> None:
    """Nothing that a server, or what stands before it, answers is too odd: the library takes what comes out."""
    validator = Draft202012Validator(json_schema(node), pattern_options=PATTERNS)

    assert validator.is_valid(None)


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        {},
        {"type": "file"},
        {"type": ["string"]},
        {"type": {}},
        {"$ref": "#/definitions/x"},
        {"type": "string", "enum": "a"},
        {"type": "string", "pattern": 1},
        {"type": "string", "maxLength": -1},
        {"type": "string", "maxLength": True},
        {"type": "string", "maxLength": "1"},
    ],
)
def test_what_is_not_understood_forbids_nothing(node: JSON) -> None:
    """It is as if it were not there."""
    assert Draft202012Validator(json_schema(node)).is_valid("anything")


@pytest.mark.parametrize(
    "node",
    [
        {"type": "integer", "minimum": True},
        {"type": "integer", "maximum": "1"},
        {"type": "integer", "multipleOf": 0},
        {"type": "integer", "format": ["int32"]},
    ],
)
def test_odd_bounds_forbid_nothing(node: JSON) -> None:
    """It is as if they were not there."""
    assert Draft202012Validator(json_schema(node)).is_valid(2**40)


@pytest.mark.parametrize("properties", [None, [], "x"])
def test_odd_properties_are_none(properties: JSON) -> None:
    """The type still counts."""
    validator = Draft202012Validator(json_schema({"type": "object", "properties": properties}))

    assert validator.is_valid({})
    assert not validator.is_valid("x")
