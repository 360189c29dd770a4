"""From the structural schema of a CustomResourceDefinition to the JSON Schema that says the same, where it is checked.

`null` declares nothing and fits everywhere. `required` is left out, because admission webhooks fill in what is missing;
so is what combines schemas (`allOf`, `anyOf`, `oneOf`, `not`), in which it often is the point. Whatever is not
understood of a schema, or was left out of it by the server, forbids nothing: the API server has the last word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jsonschema_rs import Draft202012Validator, RegexOptions

if TYPE_CHECKING:
    from reconciler.model.json import JSON, JSONObject

PATTERNS = RegexOptions()
"""Patterns are read as the API server reads them: in linear time, without look-around, and `$` is the text's end."""

_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean"})
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_BOUNDS = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
_BITS = {"int32": 31, "int64": 63}


def json_schema(node: JSON) -> JSONObject:
    """The JSON Schema of a structural schema, of whatever quality."""
    if not isinstance(node, dict):
        return {}
    if node.get("x-kubernetes-int-or-string") or node.get("format") == "int-or-string":
        return {"type": ["integer", "string", "null"], **_limits(node)}
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        return {}
    made = {"type": [kind, "null"], **_limits(node)}
    if isinstance(node.get("enum"), list):
        made["enum"] = [*node["enum"], None]
    if kind == "array":
        made["items"] = json_schema(node.get("items"))
    if kind == "object":
        made |= _members(node)
    return made


def _members(node: JSONObject) -> JSONObject:
    properties, others = node.get("properties"), node.get("additionalProperties")
    # Also where it names nothing: else the library would not say which members are too many.
    known = {name: json_schema(one) for name, one in properties.items()} if isinstance(properties, dict) else {}
    if isinstance(others, dict):
        return {"properties": known, "additionalProperties": json_schema(others)}
    return {"properties": known, "additionalProperties": bool(others) or _is_open(node)}


def _is_open(node: JSONObject) -> bool:
    """Whether the server keeps members that the schema does not name; of an embedded object it knows some itself."""
    return bool(node.get("x-kubernetes-preserve-unknown-fields") or node.get("x-kubernetes-embedded-resource"))


def _limits(node: JSONObject) -> JSONObject:
    """What numbers, texts, lists and mappings must keep to."""
    made: JSONObject = {name: node[name] for name in _COUNTS if _is_count(node.get(name))}
    for bound, flag in _BOUNDS:
        if _is_number(node.get(bound)):
            # A flag beside the bound in OpenAPI, a bound of its own in JSON Schema.
            made[flag if node.get(flag) is True else bound] = node[bound]
    if _is_number(node.get("multipleOf")) and node["multipleOf"] > 0:
        made["multipleOf"] = node["multipleOf"]
    if _is_pattern(node.get("pattern")):
        made["pattern"] = node["pattern"]
    return made | _of_format(node, made)


def _of_format(node: JSONObject, limits: JSONObject) -> JSONObject:
    for name, bits in _BITS.items():
        if node.get("format") == name and node.get("type") == "integer":
            low, high = -(2**bits), 2**bits - 1
            return {"minimum": max(low, limits.get("minimum", low)), "maximum": min(high, limits.get("maximum", high))}
    return {}


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_pattern(text: JSON) -> bool:
    """Whether this is a pattern that can be read here; the API server can read some more."""
    try:
        return isinstance(text, str) and bool(Draft202012Validator({"pattern": text}, pattern_options=PATTERNS))
    except ValueError:
        return False
