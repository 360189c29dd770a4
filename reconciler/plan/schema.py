"""A document against the schema that the cluster serves for its kind.

A library's validator, in Rust, judges documents in microseconds. What its findings are called and how they are told is
decided here.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from jsonschema_rs import Draft202012Validator

from reconciler.model.problems import Fault
from reconciler.plan.structural import PATTERNS, json_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema_rs import ValidationError

    from reconciler.model.json import JSON, JSONObject
    from reconciler.model.objects import Manifest
    from reconciler.model.served import Schema

MAX_FAULTS = 20
"""Faults told of one document: more would tell its author nothing new."""

_QUOTED_LENGTH = 80
_LISTED_LENGTH = 200

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}

_LIMITS = {
    "minimum": ("OutOfRange", "at least {} is wanted"),
    "maximum": ("OutOfRange", "at most {} is wanted"),
    "exclusiveMinimum": ("OutOfRange", "more than {} is wanted"),
    "exclusiveMaximum": ("OutOfRange", "less than {} is wanted"),
    "multipleOf": ("OutOfRange", "a multiple of {} is wanted"),
    "minLength": ("WrongLength", "text of at least {} characters is wanted"),
    "maxLength": ("WrongLength", "text of at most {} characters is wanted"),
    "minItems": ("WrongCount", "a list of at least {} items is wanted"),
    "maxItems": ("WrongCount", "a list of at most {} items is wanted"),
    "minProperties": ("WrongCount", "a mapping of at least {} entries is wanted"),
    "maxProperties": ("WrongCount", "a mapping of at most {} entries is wanted"),
    "pattern": ("PatternMismatch", "text that matches {} is wanted"),
}
"""By the keyword of a schema, the rule that is broken, and what is wanted."""


class _Finding(NamedTuple):
    path: tuple[str | int, ...]
    rule: str
    message: str


class Checker:
    """Judges documents by one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = json_schema(schema.body)
        self._validator = Draft202012Validator(self._schema, pattern_options=PATTERNS)

    def check(self, manifest: Manifest) -> tuple[Fault, ...]:
        """All that is wrong, at most `MAX_FAULTS`."""
        if self._validator.is_valid(manifest.spec):
            return ()
        found = islice(self._findings(manifest.spec), MAX_FAULTS)
        return tuple(Fault(manifest.key, ("spec", *path), rule, message) for path, rule, message in found)

    def _findings(self, spec: JSONObject) -> Iterator[_Finding]:
        mistyped = set()
        for error in self._validator.iter_errors(spec):
            path = tuple(error.instance_path)
            if error.kind.name == "additionalProperties":
                yield from self._unknown(error, path)
            elif error.kind.name == "type":
                mistyped.add(path)
                yield _Finding(path, "WrongType", _of_type(error))
            elif path not in mistyped:
                # Of a value of another type nothing else is worth saying.
                yield _Finding(path, *_of_limit(error))

    def _unknown(self, error: ValidationError, path: tuple[str | int, ...]) -> Iterator[_Finding]:
        """One finding for each member that the schema does not name."""
        node: JSON = self._schema
        for step in error.schema_path[:-1]:
            node = node[step]
        names = sorted(node["properties"])
        known = f"it knows {_listed(names)}" if names else "it knows none"
        for name in error.kind.value:
            yield _Finding((*path, name), "UnknownField", f"the cluster knows no such field here; {known}")


@lru_cache(maxsize=4096)
def checker(schema: Schema) -> Checker:
    """The checker for a schema, made once. A cluster serves some 15 schemas."""
    return Checker(schema)


def check_schema(manifest: Manifest, schema: Schema) -> tuple[Fault, ...]:
    """What the schema of its kind does not allow of a manifest's spec."""
    return checker(schema).check(manifest)


def _of_type(error: ValidationError) -> str:
    wanted = " or ".join(text for name, text in _TYPES.items() if name in error.kind.value)
    hint = ": quote it" if wanted == "text" and isinstance(error.instance, bool | int | float) else ""
    return f"{wanted} is wanted, not {_quoted(error.instance)}{hint}"


def _of_limit(error: ValidationError) -> tuple[str, str]:
    """The rule and the message for a value of the right type."""
    keyword, limit = error.kind.name, error.kind.value
    if keyword == "enum":
        wanted = _listed(_quoted(one) for one in limit if one is not None)
        return "NotInEnum", f"one of {wanted} is wanted, not {_quoted(error.instance)}"
    rule, text = _LIMITS[keyword]
    return rule, f"{text.format(limit)}, not {_quoted(error.instance)}"


def _quoted(value: JSON) -> str:
    """A value of a document in a message: with its line breaks and control characters escaped, and not for ever."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _cut(repr(value), _QUOTED_LENGTH)


def _listed(names: Iterable[str]) -> str:
    return _cut(", ".join(names), _LISTED_LENGTH)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
