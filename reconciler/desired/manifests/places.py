"""Where the fields of a document stand: lines kept beside its value, found by path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from reconciler.model.json import JSON
    from reconciler.model.problems import Path, Severity

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
