"""Text as the files that we write hold it: the same bytes for the same values."""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """A text as YAML and JSON both read it. What does not print is escaped, so that it stays on one line."""
    if text.isprintable():
        return json.dumps(text, ensure_ascii=False)
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char.isprintable():
        return json.dumps(char, ensure_ascii=False)[1:-1]
    # JSON has no escape for a character beyond the first plane, where YAML has.
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"  # noqa: PLR2004 - the first plane


def flow(values: dict[str, str | int]) -> str:
    """A mapping on one line."""
    members = (f"{key}: {quoted(value) if isinstance(value, str) else value}" for key, value in values.items())
    return "{" + ", ".join(members) + "}"
