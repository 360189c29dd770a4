"""Documents against schemas: what is refused, where, and in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.model.objects import Manifest, ObjectKey, Source
from reconciler.model.served import Schema
from reconciler.plan.schema import MAX_FAULTS, check_schema, checker

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.problems import Fault

KEY = ObjectKey("VPC", "default", "v")
TEXT = {"type": "string"}
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"


def check(spec: JSONObject, **properties: JSON) -> tuple[Fault, ...]:
    """The faults of a spec by a schema with these properties."""
    return by({"type": "object", "properties": properties}, spec)


def by(schema: JSONObject, spec: JSONObject) -> tuple[Fault, ...]:
    return check_schema(Manifest(KEY, Source("v.yaml"), spec), Schema(schema))


def one(spec: JSONObject, **properties: JSON) -> tuple[str, str]:
    """Rule and message of the only fault, which is that of the field `f`."""
    (fault,) = check(spec, **properties)
    assert (fault.key, fault.path) == (KEY, ("spec", "f"))
    return fault.rule, fault.message


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        pytest.param({"type": "string"}, "x", id="text"),
        pytest.param({"type": "integer"}, 3, id="integer"),
        pytest.param({"type": "integer"}, 3.0, id="a whole number that is written with a point"),
        pytest.param({"type": "number"}, 1.5, id="number"),
        pytest.param({"type": "boolean"}, False, id="boolean"),
        pytest.param({"type": "array", "items": TEXT}, ["a"], id="list"),
        pytest.param({"type": "array"}, [1, "a"], id="list of anything"),
        pytest.param({"type": "object", "additionalProperties": TEXT}, {"k": "v"}, id="mapping"),
        pytest.param({"type": "object", "additionalProperties": True}, {"k": 1}, id="mapping of anything"),
        pytest.param({"type": "object", PRESERVE: True}, {"k": 1}, id="unknown fields are preserved"),
        pytest.param({"type": "object", "x-kubernetes-embedded-resource": True}, {"kind": "Pod"}, id="embedded object"),
        pytest.param({INT_OR_STRING: True}, 1, id="int-or-string: integer"),
        pytest.param({INT_OR_STRING: True}, "50%", id="int-or-string: text"),
        pytest.param({"type": "string", "format": "int-or-string"}, 1, id="int-or-string of old documents"),
        pytest.param({"type": "integer", "minimum": 1, "maximum": 3}, 3, id="in range"),
        pytest.param({"type": "string", "enum": ["a", "b"]}, "b", id="in enum"),
        pytest.param({"type": "string", "pattern": "^a+$"}, "aa", id="pattern"),
        pytest.param({"type": "string", "format": "date-time"}, "soon", id="formats of text are left to the server"),
        pytest.param({"type": "number", "format": "int32"}, 2**40, id="int32 speaks of integers"),
        pytest.param({"type": "object", "properties": {"a": TEXT}, "required": ["a"]}, {}, id="required"),
        pytest.param({"type": "object", PRESERVE: True, "oneOf": [{"required": ["a"]}]}, {}, id="oneOf"),
        pytest.param({}, {"any": [1, "thing"]}, id="no type"),
        pytest.param({"properties": {"a": TEXT}}, {"b": 1}, id="no type, as the old OpenAPI document has it"),
        pytest.param({"type": "string", "pattern": "(?=a)"}, "b", id="a pattern that cannot be read"),
    ],
)
def test_what_fits(schema: JSONObject, value: JSON) -> None:
    """The server would take it, or is left to decide."""
    assert check({"f": value}, f=schema) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a$", "minLength": 1},
        {"type": "integer", "minimum": 1},
        {"type": "boolean"},
        {"type": "array", "items": TEXT, "minItems": 1},
        {"type": "object", "properties": {"a": TEXT}, "minProperties": 1},
        {"type": "string", "enum": ["a"]},
        {INT_OR_STRING: True},
    ],
)
def test_null_declares_nothing(schema: JSONObject) -> None:
    """It fits wherever a value may stand, in lists and mappings too."""
    assert check({"f": None}, f=schema) == ()
    assert check({"f": [None]}, f={"type": "array", "items": schema}) == ()
    assert check({"f": {"k": None}}, f={"type": "object", "additionalProperties": schema}) == ()


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", 1001, "text is wanted, not 1001: quote it"),
        ("string", True, "text is wanted, not true: quote it"),
        ("string", ["a"], "text is wanted, not ['a']"),
        ("integer", "1001", "a whole number is wanted, not '1001'"),
        ("integer", 1.5, "a whole number is wanted, not 1.5"),
        ("integer", True, "a whole number is wanted, not true"),
        ("number", "1", "a number is wanted, not '1'"),
        ("boolean", "yes", "true or false is wanted, not 'yes'"),
        ("boolean", 0, "true or false is wanted, not 0"),
        ("array", {}, "a list is wanted, not {}"),
        ("object", [], "a mapping is wanted, not []"),
        ("object", False, "a mapping is wanted, not false"),
    ],
)
def test_wrong_types(kind: str, value: JSON, message: str) -> None:
    """What is wanted and what stands there are said, and what to do where that is plain."""
    assert one({"f": value}, f={"type": kind}) == ("WrongType", message)


def test_neither_integer_nor_text() -> None:
    """Both are named."""
    assert one({"f": 1.5}, f={INT_OR_STRING: True}) == ("WrongType", "text or a whole number is wanted, not 1.5")


@pytest.mark.parametrize(
    ("schema", "value", "rule", "message"),
    [
        ({"minimum": 1}, 0, "OutOfRange", "at least 1 is wanted, not 0"),
        ({"maximum": 4094}, 4095, "OutOfRange", "at most 4094 is wanted, not 4095"),
        ({"minimum": 1, "exclusiveMinimum": True}, 1, "OutOfRange", "more than 1 is wanted, not 1"),
        ({"maximum": 9, "exclusiveMaximum": True}, 9, "OutOfRange", "less than 9 is wanted, not 9"),
        ({"multipleOf": 100}, 150, "OutOfRange", "a multiple of 100 is wanted, not 150"),
        ({"format": "int32"}, 2**31, "OutOfRange", "at most 2147483647 is wanted, not 2147483648"),
        ({"format": "int32"}, -(2**31) - 1, "OutOfRange", "at least -2147483648 is wanted, not -2147483649"),
        ({"format": "int64"}, 2**63, "OutOfRange", "at most 9223372036854775807 is wanted, not 9223372036854775808"),
        ({"format": "int32", "minimum": 5}, 4, "OutOfRange", "at least 5 is wanted, not 4"),
        ({"type": "string", "minLength": 2}, "a", "WrongLength", "text of at least 2 characters is wanted, not 'a'"),
        ({"type": "string", "maxLength": 1}, "ab", "WrongLength", "text of at most 1 characters is wanted, not 'ab'"),
        ({"type": "string", "pattern": "^a+$"}, "b", "PatternMismatch", "text that matches ^a+$ is wanted, not 'b'"),
        ({"type": "string", "enum": ["a", "b"]}, "c", "NotInEnum", "one of 'a', 'b' is wanted, not 'c'"),
        ({"type": "array", "minItems": 1}, [], "WrongCount", "a list of at least 1 items is wanted, not []"),
        ({"type": "array", "maxItems": 1}, [1, 2], "WrongCount", "a list of at most 1 items is wanted, not [1, 2]"),
        (
            {"type": "object", "additionalProperties": TEXT, "minProperties": 1},
            {},
            "WrongCount",
            "a mapping of at least 1 entries is wanted, not {}",
        ),
        (
            {"type": "object", "additionalProperties": TEXT, "maxProperties": 0},
            {"k": "v"},
            "WrongCount",
            "a mapping of at most 0 entries is wanted, not {'k': 'v'}",
        ),
        (
            {INT_OR_STRING: True, "pattern": "^[0-9]+%$"},
            "x",
            "PatternMismatch",
            "text that matches ^[0-9]+%$ is wanted, not 'x'",
        ),
    ],
)
def test_limits(schema: JSONObject, value: JSON, rule: str, message: str) -> None:
    """Each limit has its rule, and tells what is wanted and what stands there."""
    assert one({"f": value}, f={"type": "integer", **schema}) == (rule, message)


@pytest.mark.parametrize("value", ["a\n", "ab\na", "à"])
def test_patterns_are_read_as_the_server_reads_them(value: str) -> None:
    """`$` is the end of the text, not of a line, and a letter is one of ASCII."""
    assert one({"f": value}, f={"type": "string", "pattern": r"^\w$"})[0] == "PatternMismatch"


def test_a_hostile_text_costs_no_time() -> None:
    """A pattern over which a backtracking engine would sit for ages is decided in time linear in the text."""
    schema = {"type": "string", "pattern": "^(a+)+$"}

    assert one({"f": "a" * 100_000 + "b"}, f=schema)[0] == "PatternMismatch"


def test_unknown_fields() -> None:
    """Each is a fault of its own, with the fields that are known."""
    known = {"vlan": {"type": "integer"}, "subnet": TEXT}

    first, second = check({"f": {"vlam": 1, "subnett": "x", "vlan": 2}}, f={"type": "object", "properties": known})

    assert {first.path, second.path} == {("spec", "f", "vlam"), ("spec", "f", "subnett")}
    assert {first.rule, second.rule} == {"UnknownField"}
    assert first.message == "the cluster knows no such field here; it knows subnet, vlan"


def test_where_nothing_may_stand() -> None:
    """A mapping without properties takes nothing, as that of a SwitchGroup."""
    faults = by({"type": "object"}, {"type": "mclag", "x": 1})

    assert {fault.path: fault.message for fault in faults} == {
        ("spec", "type"): "the cluster knows no such field here; it knows none",
        ("spec", "x"): "the cluster knows no such field here; it knows none",
    }


def test_fields_in_lists_and_mappings_are_found() -> None:
    """The path leads through names and indexes, also by names that hold dots."""
    inner = {"type": "object", "properties": {"p": {"type": "array", "items": {"type": "object"}}}}
    schema = {"type": "object", "additionalProperties": inner}

    (fault,) = check({"f": {"a.b": {"p": [{}, {"x": 1}]}}}, f=schema)

    assert fault.path == ("spec", "f", "a.b", "p", 1, "x")


def test_of_a_wrong_type_nothing_else_is_said() -> None:
    """A number where one of some texts is wanted is one fault."""
    assert one({"f": 1}, f={"type": "string", "enum": ["a"], "minLength": 1})[0] == "WrongType"


def test_messages_are_bounded() -> None:
    """However long value, names and enum are."""
    long = "x" * 10_000
    faults = [
        *check({"f": long}, f={"type": "integer"}),
        *check({"f": "y"}, f={"type": "string", "enum": [long, "z"]}),
        *check({"y": 1}, **{f"name{number}": TEXT for number in range(1000)}),
    ]

    assert len(faults) == 3
    assert max(len(fault.message) for fault in faults) < 350
    assert all("…" in fault.message for fault in faults)


def test_control_characters_are_escaped() -> None:
    """A message stays one line, whatever the document holds."""
    assert one({"f": "a\nb\x1b"}, f={"type": "integer"})[1] == r"a whole number is wanted, not 'a\nb\x1b'"


def test_faults_of_one_document_are_bounded() -> None:
    """After twenty, its author has enough to do."""
    assert len(check({f"x{number}": 1 for number in range(100)})) == MAX_FAULTS


def test_a_checker_is_made_once_for_a_schema() -> None:
    """For the same one, not for an equal one."""
    schema = Schema({"type": "object"})

    assert checker(schema) is checker(schema)
    assert checker(schema) is not checker(Schema({"type": "object"}))
