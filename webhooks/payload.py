"""Bodies of strangers as values: strict JSON, and typed access that names the place of what is wrong."""

from __future__ import annotations

import binascii
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from webhooks.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model.json import JSON, JSONObject

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

_TOKEN = re.compile(r"[!-~]{1,200}")
_MOST_FORM_FIELDS = 10
_NOT_FORM = re.compile(rb"[^!-~]|%(?![0-9A-Fa-f]{2})")
# Control characters and surrogates: no Git ref and no URL holds them, a log line must not.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class MalformedPayloadError(ValueError):
    """A body or a header is not what its sender promised. The message says what is wrong; `field` where, if known."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


def media_type(headers: Mapping[str, str]) -> str:
    """The content type in lower case, without parameters; empty when there is none. Names of headers in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def header_token(headers: Mapping[str, str], name: str) -> str:
    """A header that holds one word of at most 200 visible ASCII characters. Names of headers in lower case.

    Raises MalformedPayloadError.
    """
    value = headers.get(name, "").strip()
    if not value:
        raise MalformedPayloadError(f"the header {name} is missing", name)
    if not is_token(value):
        raise MalformedPayloadError(f"the header {name} is not one word of visible ASCII characters", name)
    return value


def is_token(text: str) -> bool:
    """Whether a text is one word of 1 to 200 visible ASCII characters."""
    return _TOKEN.fullmatch(text) is not None


def form_field(body: bytes, name: str) -> bytes:
    """The one value of `name` in an urlencoded form, decoded. Raises MalformedPayloadError.

    Decoded here because a framework's form parser also takes multipart, which has a history of exhausting servers; and
    not by the standard library's parser, which makes an object of every escape: strangers choose the bodies, and 5 MiB
    of `%` would take a gigabyte before their signature is looked at.
    """
    fields = body.split(b"&", _MOST_FORM_FIELDS)
    if len(fields) > _MOST_FORM_FIELDS:
        raise MalformedPayloadError(f"the form holds more than {_MOST_FORM_FIELDS} fields")
    pairs = (field.partition(b"=") for field in fields)
    values = [value for key, _, value in pairs if key == name.encode()]
    if len(values) != 1:
        raise MalformedPayloadError(f"the form holds {name} {len(values)} times instead of once", name)
    return _unescaped(values[0])


def _unescaped(value: bytes) -> bytes:
    """A value of a form without its escapes. They become those of quoted-printable text, which differ in the sign only
    and have a decoder that works in place. Raises MalformedPayloadError.
    """
    if _NOT_FORM.search(value):
        raise MalformedPayloadError("the body is not an urlencoded form")
    quoted = value.replace(b"=", b"%3D").replace(b"+", b"%20").replace(b"%", b"=")
    return binascii.a2b_qp(quoted)


def parse_object(document: bytes) -> JSONObject:
    """A JSON object in UTF-8. Raises MalformedPayloadError.

    Refused beyond what RFC 8259 refuses: names that occur twice in an object (which one counts depends on the
    reader), numbers that are not finite, and nesting deeper than the interpreter's stack.
    """
    value = _parse(document)
    if not isinstance(value, dict):
        raise MalformedPayloadError(f"the document is {_kind(value)}, not an object")
    return value


def _parse(document: bytes) -> JSON:
    try:
        return json.loads(
            document.decode(), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except MalformedPayloadError:
        raise
    except UnicodeDecodeError:
        raise MalformedPayloadError("the document is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedPayloadError(
            f"the document is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except RecursionError:  # not a ValueError: a few kilobytes of brackets raise it
        raise MalformedPayloadError("the document is nested too deeply") from None
    except ValueError:
        raise MalformedPayloadError("the document holds a number of too many digits") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise MalformedPayloadError(f"the document holds {constant}, which is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise MalformedPayloadError("the document holds a number that is too large")
    return number


def _unique(pairs: list[tuple[str, JSON]]) -> JSONObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = printable(next(name for name, count in counts.items() if count > 1))
        raise MalformedPayloadError(f"an object holds {twice} more than once", twice)
    return members


@dataclass(frozen=True, slots=True)
class Fields:
    """Typed access to a JSON object. `path` is its place in the document (empty for the document itself).

    Every method raises MalformedPayloadError where the value is of another type; null counts as absent.
    """

    values: JSONObject
    path: str = ""

    def text(self, name: str, limit: int = 1024) -> str:
        """A text of 1 to `limit` characters, none of them a control character or a lone surrogate."""
        text = self.optional_text(name, limit)
        if not text:
            raise MalformedPayloadError(f"{self.place(name)} is missing or empty", self.place(name))
        return text

    def optional_text(self, name: str, limit: int = 1024) -> str | None:
        """As `text`, also empty; None when absent."""
        value = self._typed(name, str)
        if value is None:
            return None
        if len(value) > limit:
            raise MalformedPayloadError(f"{self.place(name)} is longer than {limit} characters", self.place(name))
        if _UNSAFE.search(value):
            raise MalformedPayloadError(f"{self.place(name)} holds control characters", self.place(name))
        return str(value)

    def note(self, name: str, limit: int = 200) -> str | None:
        """A text that is only shown to people: what is not printable is replaced; None when absent."""
        value = self._typed(name, str)
        return None if value is None else printable(value, limit)

    def is_set(self, name: str) -> bool:
        """A boolean; False when absent."""
        return bool(self._typed(name, bool))

    def object(self, name: str) -> Fields:
        members = self.optional_object(name)
        if members is None:
            raise MalformedPayloadError(f"{self.place(name)} is missing", self.place(name))
        return members

    def optional_object(self, name: str) -> Fields | None:
        value = self._typed(name, dict)
        return None if value is None else Fields(value, self.place(name))

    def maybe_object(self, name: str) -> Fields:
        """As `object`; without members where the value is anything else. For what may be of many kinds."""
        value = self.values.get(name)
        return Fields(value if isinstance(value, dict) else {}, self.place(name))

    def objects(self, name: str) -> list[Fields]:
        """An array of objects; empty when absent."""
        items = self._typed(name, list) or []
        places = [f"{self.place(name)}[{position}]" for position in range(len(items))]
        for item, place in zip(items, places, strict=True):
            if not isinstance(item, dict):
                raise MalformedPayloadError(f"{place} is {_kind(item)}, not an object", place)
        return [Fields(item, place) for item, place in zip(items, places, strict=True)]

    def place(self, name: str) -> str:
        """Where a member is in the document."""
        return f"{self.path}.{name}" if self.path else name

    def _typed(self, name: str, wanted: type) -> JSON:
        value = self.values.get(name)
        if value is None or isinstance(value, wanted):
            return value
        place = self.place(name)
        raise MalformedPayloadError(f"{place} is {_kind(value)}, not {_KINDS[wanted]}", place)


_KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _kind(value: JSON) -> str:
    return _KINDS[type(value)]
