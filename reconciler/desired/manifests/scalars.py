"""What a YAML scalar means, by the rules that kubectl follows: YAML 1.1 as goyaml.v2 in sigs.k8s.io/yaml reads it.

These differ from YAML 1.2 (`NO` is false, `0100` is 64) and from other readers of YAML 1.1 (no base 60, so a MAC
address stays text; no timestamps). As in kubectl, where YAML becomes JSON, a float without a fraction ends as an
integer.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model.json import JSON

TAG = "tag:yaml.org,2002:"
"""The prefix that `!!` stands for."""

_TRUE = ("true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
_FALSE = ("false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(_TRUE, True),
    **dict.fromkeys(_FALSE, False),
    **dict.fromkeys(_NULL),
}
_WORDS_OF_1_2 = frozenset((*_TRUE[:3], *_FALSE[:3], *_NULL))

_FIRST = frozenset("yYnNtTfFoO~+-.0123456789")
"""What a scalar that is not text starts with."""

_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F]+)|[oO]([0-7]+)|[bB]([01]+)|([0-7]+))")
_BASES = (16, 8, 2, 8)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_FRACTION = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?")
_INTEGER_OF_1_2 = re.compile(r"([-+]?[0-9]+)|0o([0-7]+)|0x([0-9a-fA-F]+)")

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_MOST_DIGITS = 80
"""Above the 64 digits of a number in base 2. Longer ones are refused unread: reading them takes quadratic time."""


class ScalarError(ValueError):
    """A scalar that JSON or Kubernetes cannot hold, or that contradicts its tag. The message quotes it."""


def resolve(text: str) -> JSON:
    """The value of a plain scalar without a tag. Raises ScalarError."""
    if text and text[0] not in _FIRST:
        return text
    return _as_json(_read(text))


def resolve_tagged(tag: str, text: str) -> JSON:
    """The value of a scalar, plain or quoted, whose tag is written out: `!`, or a full one.

    Raises ScalarError for tags beyond the JSON types, and for text that is not of the tag's type.
    """
    if tag in ("!", f"{TAG}str"):
        return text
    types = _TYPES.get(tag)
    if types is None:
        raise ScalarError(f"the tag {readable_tag(tag)} is not one of JSON's types")
    value = _read(text)
    if type(value) not in types:
        raise ScalarError(f"{_short(text)!r} is not of the type {readable_tag(tag)}")
    return _as_json(value)


_TYPES: dict[str, tuple[type, ...]] = {
    f"{TAG}bool": (bool,),
    f"{TAG}int": (int,),
    f"{TAG}float": (float, int),
    f"{TAG}null": (type(None),),
}


def readable_tag(tag: str) -> str:
    """A tag as people write it."""
    return f"!!{tag.removeprefix(TAG)}" if tag.startswith(TAG) else tag


def differs_in_yaml_1_2(text: str, value: JSON) -> bool:
    """Whether a plain scalar that `resolve` reads as `value` is something else by YAML 1.2's core schema."""
    if isinstance(value, bool) or value is None:
        return text not in _WORDS_OF_1_2
    if isinstance(value, str):
        return text[:1] in _FIRST and (_FLOAT.fullmatch(text) or _INTEGER_OF_1_2.fullmatch(text)) is not None
    integer = _INTEGER_OF_1_2.fullmatch(text)
    if integer:
        decimal, octal, hexadecimal = integer.groups()
        return bool(int(decimal or octal or hexadecimal, 10 if decimal else 8 if octal else 16) != value)
    return _FLOAT.fullmatch(text) is None


def _read(text: str) -> str | float | bool | None:
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"{text} is not a number that JSON can hold")
    if text[0] == ".":
        return _float(text) if _FRACTION.fullmatch(text) else text
    return _number(text) if text[0] in "+-0123456789" else text


def _number(text: str) -> str | float:
    plain = text.replace("_", "")
    prefixed = _PREFIXED.fullmatch(plain)
    if prefixed:
        sign, *candidates = prefixed.groups()
        digits, base = next((d, b) for d, b in zip(candidates, _BASES, strict=True) if d is not None)
        return _integer(sign + digits, base, text)
    if _DECIMAL.fullmatch(plain):
        return _integer(plain, 10, text)
    return _float(text) if _FLOAT.fullmatch(plain) else text


def _integer(digits: str, base: int, text: str) -> int:
    value = int(digits, base) if len(digits) <= _MOST_DIGITS else _LARGEST + 1
    if not _SMALLEST <= value <= _LARGEST:
        raise ScalarError(f"{_short(text)} does not fit in the 64 bits of an integer")
    return value


def _float(text: str) -> str | float:
    value = float(text.replace("_", ""))
    # Go's ParseFloat calls a number that only infinity could hold out of range: the scalar stays text.
    return value if math.isfinite(value) else text


def _as_json(value: str | float | bool | None) -> JSON:  # noqa: FBT001 - a value of any of JSON's types
    if isinstance(value, float) and value.is_integer() and _SMALLEST <= value <= _LARGEST:
        return int(value)
    return value


def _short(text: str) -> str:
    return text if len(text) <= _MOST_DIGITS else f"{text[:_MOST_DIGITS]}…"
