"""Where the fields of a document stand: lines kept beside its value, found by path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.problems import Severity

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from the document's root to a field."""

Lines: TypeAlias = dict[str | int, int]
"""The line of each key of a mapping, or of each item of a sequence; from 1 in the file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a document, before it is known in which file. `line` counts from 1 in the file."""

    rule: str
    message: str
    line: int
    path: Path
    severity: Severity


@dataclass(frozen=True, slots=True)
class LoadedDocument:
    """A document of a YAML stream.

    `value` is JSON; when a finding refuses the document it is what was read until then. `lines` holds, by the id of
    each dict and list in `value`, the line of each of its keys or items; it is right as long as `value` lives.
    """

    index: int
    line: int
    value: JSON
    lines: dict[int, Lines] = field(repr=False)
    findings: tuple[Finding, ...] = ()

    def line_of(self, path: Path) -> int:
        """The line of a field, or of its nearest parent that exists."""
        value, line = self.value, self.line
        for step in path:
            lines = self.lines.get(id(value), {})
            if step not in lines:
                break
            line, value = lines[step], value[step]
        return line


def dotted(path: Path) -> str:
    """A path as people read it: `spec.permit[0].vpc-1`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def parse_dotted(text: str, value: JSON) -> Path:
    """The path in `value` that `dotted` wrote; keys may contain dots. As far as it can be followed."""
    path: list[str | int] = []
    while text:
        found = _first_step(text, value)
        if found is None:
            break
        step, text = found
        path.append(step)
        value = value[step]
    return tuple(path)


def _first_step(text: str, value: JSON) -> tuple[str | int, str] | None:
    text = text.removeprefix(".")
    if isinstance(value, list) and text.startswith("["):
        digits, _, rest = text[1:].partition("]")
        return (int(digits), rest) if digits.isdecimal() and int(digits) < len(value) else None
    if isinstance(value, dict):
        keys = [key for key in value if text.startswith(key) and text[len(key) :][:1] in ("", ".", "[")]
        if keys:
            longest = max(keys, key=len)
            return longest, text[len(longest) :]
    return None
