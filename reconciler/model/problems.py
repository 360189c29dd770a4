"""What is wrong with a document, said so that its author finds the place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from reconciler.model.objects import ObjectKey  # noqa: TC001 - resolved at run time when records are read back

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes from a document's root to a field."""


NO_DIRECTORY = "PathNotFound"
"""The rule of the problem that a fabric's directory is missing: no document, and no line of one."""


class Severity(StrEnum):
    """`error`: the document is refused. `warning`: it is used, and its author should look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding in a file of Git.

    `document` counts from 0, `line` from 1 in the file; `field` is a dotted path (empty: the whole document);
    `rule` is a stable CamelCase name; `key` is the identity that the document claims, where it could be read:
    such an identity counts as declared, so that nothing is deleted because its document is broken.
    """

    file: str
    document: int
    line: int
    field: str
    rule: str
    message: str
    severity: Severity = Severity.ERROR
    key: ObjectKey | None = None

    @property
    def is_refusal(self) -> bool:
        return self.severity is Severity.ERROR

    @property
    def place(self) -> str:
        return place_of(self.file, self.line, self.rule)


def place_of(file: str, line: int, rule: str) -> str:
    """Where a problem is, as compilers print it."""
    return file if rule == NO_DIRECTORY else f"{file}:{line}"


def file_problem(file: str, rule: str, message: str, severity: Severity = Severity.ERROR) -> Problem:
    """A problem of a file as a whole."""
    return Problem(file, 0, 1, "", rule, message, severity)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the object that a document declares, found once all documents were read: its line is looked
    up when it becomes a `Problem`. `path` leads from the document's root to the field (empty: the whole document).
    """

    key: ObjectKey
    path: Path
    rule: str
    message: str
    severity: Severity = Severity.ERROR


def dotted(path: Path) -> str:
    """A path as people read it: `spec.permit[0].vpc-1`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
