"""Answers, held against the description of the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jsonschema_rs import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON, JSONObject


class Description:
    """The description as a client has it."""

    def __init__(self, document: JSONObject) -> None:
        self.document = document
        self.schemas: JSONObject = document["components"]["schemas"]

    def operations(self) -> Iterator[tuple[str, str, JSONObject]]:
        """Method, path and operation."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def path_of(self, path: str) -> str:
        """The template that a path is of: the one with the fewest parameters."""
        templates: list[str] = sorted(self.document["paths"], key=lambda one: one.count("{"))
        return next(one for one in templates if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path.partition("?")[0]))

    def findings(self, shape: JSONObject, value: JSON) -> list[str]:
        """What is wrong with a value, by its schema."""
        validator = Draft202012Validator({**shape, "components": {"schemas": self.schemas}})
        return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]

    def undescribed(self, shape: JSONObject, value: JSON, place: str = "") -> Iterator[str]:
        """The fields of which the schema says nothing."""
        shape = self.schemas[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
        if isinstance(value, list) and "items" in shape:
            for item in value:
                yield from self.undescribed(shape["items"], item, f"{place}[]")
        elif isinstance(value, dict):
            known = self._properties(shape)
            for name, member in value.items():
                if name in known:
                    yield from self.undescribed(known[name], member, f"{place}.{name}")
                elif "additionalProperties" in shape:
                    yield from self.undescribed(shape["additionalProperties"], member, f"{place}.{name}")
                elif known:
                    yield f"{place}.{name}"

    def _properties(self, shape: JSONObject) -> JSONObject:
        """All that a schema or its parts name; nothing where any name may be."""
        shape = self.schemas[shape["$ref"].rpartition("/")[2]] if "$ref" in shape else shape
        found: JSONObject = dict(shape.get("properties") or {})
        for part in (*shape.get("anyOf", ()), *shape.get("allOf", ())):
            found.update(self._properties(part))
        return found

    def check(self, method: str, path: str, status: int, body: JSON) -> None:
        """An answer of this service is one of those that are described, and all of it is."""
        template = self.path_of(path)
        responses = self.document["paths"][template][method.lower()]["responses"]
        where = f"{method} {path}: {status}"
        assert str(status) in responses, where
        (content,) = responses[str(status)]["content"].values()
        assert self.findings(content["schema"], body) == [], where
        assert list(self.undescribed(content["schema"], body)) == [], where
        if status >= 400 and isinstance(body, dict) and "error" in body:
            codes = re.findall(r"`(\w+)`", responses[str(status)]["description"])
            assert body["error"]["code"] in codes, where
