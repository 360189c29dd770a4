"""A JSON value as YAML, for what has no text of its own: the same bytes for the same value."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from reconciler.desired.manifests.scalars import ScalarError, differs_in_yaml_1_2, resolve
from reconciler.plan.texts import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.json import JSON

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
"""What needs no quotes, unless it is a number or a word with a meaning."""


def dump(value: JSON) -> bytes:
    """One document, in blocks, in the order of the value."""
    if isinstance(value, dict | list) and value:
        return "".join(f"{line}\n" for line in _lines(value)).encode()
    return f"{_scalar(value)}\n".encode()


def _lines(value: JSON) -> Iterator[str]:
    """The lines of a mapping or sequence that is not empty, without indentation of its own."""
    pairs = ((f"{_scalar(key)}:", item) for key, item in value.items()) if isinstance(value, dict) else None
    for head, item in pairs or (("-", item) for item in value):
        if not isinstance(item, dict | list) or not item:
            yield f"{head} {_scalar(item)}"
        elif head == "-":
            first, *others = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
        else:
            yield head
            yield from (f"  {line}" for line in _lines(item))


def _scalar(value: JSON) -> str:
    """A text, number, word or empty collection on one line."""
    if isinstance(value, str):
        return value if _is_plain(value) else quoted(value)
    return json.dumps(value)


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text):
        return False
    try:
        return resolve(text) == text and not differs_in_yaml_1_2(text, text)
    except ScalarError:
        return False
