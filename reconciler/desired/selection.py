"""Which files of a fabric's directory hold its desired state. Pure.

What should be read and is not becomes a problem of error severity: the desired state may be incomplete then, and
nothing is deleted for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.ingestion import Origin
from reconciler.model.problems import Problem, Severity, file_problem
from reconciler.model.tree import Limits
from reconciler.plan.dropped import holds_documents
from reconciler.plan.layout import INTERNAL, RAW, UNMANAGED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.tree import TreeEntry

__all__ = ["Limits", "Selection", "select"]

_NOT_READ = frozenset({RAW, UNMANAGED, INTERNAL})
"""Directories right below the fabric's that hold no desired state."""

_TEXTS = (".md", ".txt")
_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Selection:
    """The files to read, what was left out, and how many files wait in `raw/` to be taken in."""

    files: list[TreeEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting_in_raw: int = 0


def select(entries: Iterable[TreeEntry], directory: str, limits: Limits) -> Selection:
    """Choose among all entries below a fabric's directory (path from the repository's root, no slash at the end)."""
    selection = Selection()
    size = 0
    for entry in entries:
        steps = entry.path[len(directory) + 1 :].split("/")
        if steps[0] in _NOT_READ:
            selection.waiting_in_raw += steps[0] == RAW and entry.is_file and holds_documents(entry, Origin.RAW)
            continue
        problem = _fault(entry, len(steps) - 1, limits)
        if problem is not None:
            selection.problems.append(problem)
        elif _is_yaml_file(entry):
            size += entry.size
            if len(selection.files) == limits.files or size > limits.total:
                message = (
                    f"over {limits.files:,} files or {limits.total:,} bytes: neither this nor what follows is read"
                )
                selection.problems.append(file_problem(entry.path, "TooManyFiles", message))
                break
            selection.files.append(entry)
    return selection


def _is_yaml_file(entry: TreeEntry) -> bool:
    return entry.path.endswith(_SUFFIXES) and entry.is_file


def _fault(entry: TreeEntry, levels: int, limits: Limits) -> Problem | None:
    """Why an entry that should be looked at cannot be."""
    if entry.is_submodule:
        return file_problem(entry.path, "SubmoduleSkipped", "submodules are not read")
    if entry.is_symlink:
        name = entry.path.rpartition("/")[2]
        # Whatever its name, a link may stand for a manifest or for a directory of them; only these never do.
        severity = Severity.WARNING if name.endswith(_TEXTS) else Severity.ERROR
        return file_problem(entry.path, "SymlinkSkipped", "symbolic links are not followed", severity)
    return _over_limit(entry, levels, limits) if _is_yaml_file(entry) else None


def _over_limit(entry: TreeEntry, levels: int, limits: Limits) -> Problem | None:
    if entry.size > limits.file:
        return file_problem(entry.path, "FileTooLarge", f"{entry.size:,} bytes; at most {limits.file:,} are read")
    if len(entry.path) > limits.path:
        message = f"the path has {len(entry.path):,} characters; at most {limits.path:,} are allowed"
        return file_problem(f"{entry.path[: limits.path]}…", "PathTooLong", message)
    if levels > limits.levels:
        message = f"lies {levels} directories deep; at most {limits.levels} are searched"
        return file_problem(entry.path, "PathTooDeep", message)
    return None
