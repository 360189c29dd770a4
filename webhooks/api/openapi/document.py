"""The description of the API as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from webhooks.api.openapi.operations import JSON_TYPE, OPERATIONS, PATH_PARAMETERS
from webhooks.api.openapi.schemas import SCHEMAS
from webhooks.api.openapi.shapes import example, ref

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model.json import JSONObject
    from webhooks.api.openapi.operations import Answer, Operation

_ABOUT = (
    "Keeps Hedgehog fabrics in line with Git: what is committed is applied to the fabric's Kubernetes API and shown in "
    "NetBox. Routes that change something need the API token; routes that read need it where `server.protect_reads` "
    "says so; probes never do. Later versions may add fields, parameters and routes."
)

_BEARER: list[JSONObject] = [{"token": []}]
_OPTIONAL: list[JSONObject] = [{}, *_BEARER]

_COMMON = {500: ("internal_error",), 503: ("state_unusable", "configuration_unusable")}
"""What any route may answer."""


def describe(version: str) -> JSONObject:
    """The whole description, for this version of the program."""
    paths: dict[str, JSONObject] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hedgehog-reconciler",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token of `server.api_token_file`."}
            },
        },
    }


def _operation(operation: Operation) -> JSONObject:
    found: JSONObject = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _security(operation),
        "responses": _responses(operation),
    }
    parameters = list(_parameters(operation))
    if parameters:
        found["parameters"] = parameters
    if operation.about:
        found["description"] = operation.about
    if operation.body is not None:
        found["requestBody"] = {"content": {JSON_TYPE: _content(operation.body)}}
    return found


def _security(operation: Operation) -> list[JSONObject]:
    if operation.is_open:
        return [{}]
    return _OPTIONAL if operation.method == "get" else _BEARER


def _parameters(operation: Operation) -> Iterator[JSONObject]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}
    for name, shape in operation.query.items():
        yield {"name": name, "in": "query", "required": False, "schema": shape}


def _responses(operation: Operation) -> JSONObject:
    found = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    for status, codes in sorted(errors_of(operation).items()):
        if str(status) not in found:  # a probe says in its own words what is wrong
            about = "; ".join(f"`{code}`" for code in codes)
            found[str(status)] = {"description": about, "content": {JSON_TYPE: {"schema": ref("Error")}}}
    return found


def errors_of(operation: Operation) -> Mapping[int, tuple[str, ...]]:
    """The codes of its errors, by status."""
    found: dict[int, tuple[str, ...]] = {} if operation.is_open else {401: ("unauthorized",)}
    for errors in (operation.errors, _COMMON):
        for status, codes in errors.items():
            found[status] = (*found.get(status, ()), *codes)
    return found


def _answer(answer: Answer) -> JSONObject:
    if not answer.media_type:
        return {"description": answer.about}
    content = _content(answer.shape) if answer.shape else {"schema": {"type": "string"}}
    return {"description": answer.about, "content": {answer.media_type: content}}


def _content(shape: JSONObject) -> JSONObject:
    return {"schema": shape, "example": example(shape, SCHEMAS)}
