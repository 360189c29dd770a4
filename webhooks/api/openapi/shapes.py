"""The pieces of which descriptions are made: JSON Schema, as OpenAPI 3.1 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

    from reconciler.model.json import JSON, JSONObject

TIME = "2026-03-01T12:00:00Z"
COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
REVISION = f"main@sha1:{COMMIT}"


def text(about: str, example: str) -> JSONObject:
    return {"type": "string", "description": about, "examples": [example]}


def word(about: str, words: Iterable[str] | type[StrEnum]) -> JSONObject:
    """One of some words."""
    return {"type": "string", "description": about, "enum": [str(one) for one in words]}


def time(about: str) -> JSONObject:
    return {"type": "string", "format": "date-time", "description": f"{about} RFC 3339, UTC.", "examples": [TIME]}


def number(about: str, example: int = 0) -> JSONObject:
    return {"type": "integer", "description": about, "examples": [example]}


def seconds(about: str, example: float) -> JSONObject:
    return {"type": "number", "description": f"{about} Seconds.", "examples": [example]}


def flag(about: str, *, example: bool = False) -> JSONObject:
    return {"type": "boolean", "description": about, "examples": [example]}


def anything(about: str, example: JSON = None) -> JSONObject:
    return {"description": about, "examples": [example]}


def ref(name: str) -> JSONObject:
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: JSONObject, about: str = "") -> JSONObject:
    return {"type": "array", "items": items, **({"description": about} if about else {})}


def mapped(values: JSONObject, about: str, example: str) -> JSONObject:
    """An object of which the names are not known beforehand; `example` is one."""
    return {
        "type": "object",
        "additionalProperties": values,
        "propertyNames": {"type": "string", "examples": [example]},
        "description": about,
    }


def record(about: str, optional: Iterable[str] = (), /, **fields: JSONObject) -> JSONObject:
    """An object that has all these fields, but for those that are optional; later versions may add others. A name that
    is a word of Python ends in `_`.
    """
    named = {name.rstrip("_"): shape for name, shape in fields.items()}
    left_out = set(optional)
    required = [name for name in named if name not in left_out]
    return {"type": "object", "description": about, "properties": named, "required": required}


def maybe(shape: JSONObject) -> JSONObject:
    """The same, or null."""
    about = {"description": shape["description"]} if "description" in shape else {}
    return {"anyOf": [shape, {"type": "null"}], **about}


def example(shape: JSONObject, schemas: JSONObject) -> JSON:
    """A value of this shape. Of what may be null or something, something."""
    found: JSON
    match shape:
        case {"$ref": name}:
            found = example(schemas[name.rpartition("/")[2]], schemas)
        case {"anyOf": [first, *_]}:
            found = example(first, schemas)
        case {"allOf": parts}:
            found = {name: one for part in parts for name, one in example(part, schemas).items()}
        case {"examples": [first, *_]} | {"enum": [first, *_]}:
            found = first
        case {"type": "array"}:
            found = [example(shape["items"], schemas)]
        case {"propertyNames": names}:
            found = {example(names, schemas): example(shape["additionalProperties"], schemas)}
        case _:
            found = {name: example(one, schemas) for name, one in shape["properties"].items()}
    return found
