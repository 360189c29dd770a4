"""`docs/api.md`, from the description that the service serves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.references.markdown import GENERATED, document, paragraph, table
from webhooks.api.openapi.document import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSONObject

_INTRODUCTION = """\
# The HTTP API

{generated}

{about}

The service serves this description as OpenAPI 3.1 at `/openapi.json`, for generators of clients and for tools that show
it. What is JSON is so in both directions, errors too: `{{"error": {{"code", "message", "field"?}}}}`; `code` is for
programs, `message` for people. Times are RFC 3339 in UTC. An answer of status 429 or 503 says in `Retry-After` when to
come again, where that helps. Show the token as `Authorization: Bearer <token>`."""

_NEEDS = {
    "[{}]": "no token",
    '[{}, {"token": []}]': "the token where `server.protect_reads`",
    '[{"token": []}]': "the token",
}


def render() -> str:
    described = describe("")
    about = paragraph(described["info"]["description"])
    schemas = described["components"]["schemas"]
    return document(
        _INTRODUCTION.format(generated=GENERATED, about=about),
        "## Routes",
        table(["route", "what", "needs"], _overview(described)),
        *_operations(described),
        "## Schemas",
        *(part for name, schema in schemas.items() for part in (f"### {name}", schema["description"], _fields(schema))),
    )


def _each(described: JSONObject) -> Iterator[tuple[str, JSONObject]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _overview(described: JSONObject) -> Iterator[list[str]]:
    for name, operation in _each(described):
        yield [f"[`{name}`](#{_anchor(name)})", operation["summary"], _NEEDS[json.dumps(operation["security"])]]


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _operations(described: JSONObject) -> Iterator[str]:
    for name, operation in _each(described):
        yield f"### {name}"
        yield paragraph(f"{operation['summary']}. {operation.get('description', '')}")
        parameters = operation.get("parameters", ())
        if parameters:
            rows = [[f"`{one['name']}`", one["in"], _type(one["schema"]), _about(one["schema"])] for one in parameters]
            yield table(["parameter", "in", "type", "what"], rows)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            yield f"Body: {body['schema']['description']}"
            yield _fields(body["schema"])
            yield _example(body["example"])
        yield table(["status", "type", "what"], _answers(operation))
        yield from _example_of_answer(operation)


def _answers(operation: JSONObject) -> Iterator[list[str]]:
    for status, response in sorted(operation["responses"].items()):
        kinds = [
            _type(content["schema"]) if kind == "application/json" else f"`{kind}`"
            for kind, content in response.get("content", {}).items()
        ]
        yield [status, ", ".join(kinds), response["description"]]


def _example_of_answer(operation: JSONObject) -> Iterator[str]:
    """Of answers that have no schema of their own name: those stand once, below."""
    for status, response in sorted(operation["responses"].items()):
        content = response.get("content", {}).get("application/json", {})
        if status < "300" and "properties" in content.get("schema", {}) and operation["operationId"] != "get_openapi":
            yield f"Answer {status}: {content['schema']['description']}"
            yield _fields(content["schema"])


def _example(value: object) -> str:
    return f"```json\n{json.dumps(value)}\n```"


def _fields(schema: JSONObject) -> str:
    rows = list(_rows(schema, ""))
    return table(["field", "type", "what"], rows) if rows else ""


def _rows(schema: JSONObject, place: str) -> Iterator[list[str]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        optional = "" if name in required else ", may be left out"
        yield [f"`{place}{name}`", _type(field) + optional, _about(field)]
        inner, step = _inside(field)
        yield from _rows(inner, f"{place}{name}{step}")


def _inside(field: JSONObject) -> tuple[JSONObject, str]:
    """The object that a field holds, and how its own fields are reached."""
    field = field["anyOf"][0] if _may_be_null(field) else field
    return (field["items"], "[].") if field.get("type") == "array" else (field, ".")


def _may_be_null(schema: JSONObject) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


def _type(schema: JSONObject) -> str:
    match schema:
        case {"$ref": name}:
            name = name.rpartition("/")[2]
            found = f"[{name}](#{name.lower()})"
        case {"anyOf": [one, {"type": "null"}]}:
            found = f"{_type(one)} or null"
        case {"anyOf": parts} | {"allOf": parts}:
            found = (" or " if "anyOf" in schema else " with ").join(map(_type, parts))
        case {"enum": words}:
            found = " ".join(f"`{word}`" for word in words)
        case {"type": "array", "items": items}:
            found = f"list of {_type(items)}"
        case {"format": "date-time"}:
            found = "time"
        case {"additionalProperties": values}:
            found = f"object of {_type(values)} by name"
        case {"type": name}:
            found = str(name)
        case _:
            found = "any JSON"
    return found


def _about(schema: JSONObject) -> str:
    inner = schema.get("items", {})
    return str(schema.get("description") or inner.get("description") or "")
