"""Which dropped files are taken in, and why others stay where they are. Nothing is left out without a word."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.model.ingestion import Origin
from reconciler.model.paths import LONGEST_NAME, LONGEST_PATH, is_in_git_folder, is_too_long
from reconciler.model.problems import Problem, Severity, file_problem
from reconciler.model.structure import WAITING
from reconciler.model.tree import Limits
from reconciler.plan.layout import INTERNAL, MANAGED, RAW, UNMANAGED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model.ingestion import Ground
    from reconciler.model.tree import TreeEntry

MOST_BYTES = 32 * 1024 * 1024
"""Of all files that one pass takes in; what is beyond waits for the next one. More would take memory that passes over
large fabrics need.
"""

_DROPPED = (".yaml", ".yml", ".json")
_DESIRED = (".yaml", ".yml")
_ARCHIVED = (".yaml.archived", ".yml.archived")
_SUFFIXES = {Origin.RAW: _DROPPED, Origin.LOOSE: _DESIRED, Origin.ARCHIVED: _ARCHIVED}
_FOR_PEOPLE = (".", "readme", "license", "notice")
"""How the names of files begin that are meant for people and for tools."""

_STRUCTURE = frozenset({RAW, MANAGED, UNMANAGED, INTERNAL})


@dataclass(slots=True)
class Dropped:
    """The files to read, in the order of their paths, and what is wrong with others."""

    files: list[TreeEntry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def dropped(ground: Ground, origin: Origin = Origin.RAW, limits: Limits = Limits()) -> Dropped:  # noqa: B008 - immutable
    """The files of an origin. Of `raw`: those below `raw/` that hold documents by their name; others there are for
    people, or are named. Of `loose`: those outside of the structure that are read as desired state. Of `archived`:
    those that are called so, anywhere but in `unmanaged/` and `.hnp/`.
    """
    return _chosen(ground, origin, limits)


def waiting(path: str) -> Problem:
    """A file that is one too many for this pass."""
    return file_problem(path, WAITING, "the next commit takes it in", Severity.WARNING)


def _below_raw(ground: Ground) -> Iterator[TreeEntry]:
    for entry in ground.listing:
        steps = _steps(ground, entry)
        is_for_people = (
            entry.is_file and not holds_documents(entry, Origin.RAW) and steps[-1].lower().startswith(_FOR_PEOPLE)
        )
        if steps[0] == RAW and len(steps) > 1 and not is_for_people:
            yield entry


def _outside(ground: Ground) -> Iterator[TreeEntry]:
    for entry in ground.listing:
        if _steps(ground, entry)[0] not in _STRUCTURE and entry.path.endswith(_DESIRED):
            yield entry


def _archived(ground: Ground) -> Iterator[TreeEntry]:
    for entry in ground.listing:
        if _steps(ground, entry)[0] not in {UNMANAGED, INTERNAL} and entry.path.endswith(_ARCHIVED):
            yield entry


_FINDERS = {Origin.RAW: _below_raw, Origin.LOOSE: _outside, Origin.ARCHIVED: _archived}


def holds_documents(entry: TreeEntry, origin: Origin) -> bool:
    """By its name."""
    return entry.path.lower().endswith(_SUFFIXES[origin])


def _steps(ground: Ground, entry: TreeEntry) -> list[str]:
    return entry.path.removeprefix(f"{ground.directory}/").split("/")


def _chosen(ground: Ground, origin: Origin, limits: Limits) -> Dropped:
    found = Dropped()
    size = 0
    for entry in sorted(_FINDERS[origin](ground), key=lambda one: one.path):
        problem = _fault(entry, len(_steps(ground, entry)) - 1, origin, limits)
        if problem is not None:
            found.problems.append(problem)
        elif len(found.files) == limits.files or (size + entry.size > MOST_BYTES and found.files):
            found.problems.append(waiting(entry.path))
        else:
            size += entry.size
            found.files.append(entry)
    return found


def _fault(entry: TreeEntry, levels: int, origin: Origin, limits: Limits) -> Problem | None:
    """Why a file stays where it is."""
    if entry.is_symlink:
        return file_problem(entry.path, "SymlinkSkipped", "symbolic links are not followed")
    if entry.is_submodule:
        return file_problem(entry.path, "SubmoduleSkipped", "submodules are not read")
    return _fault_of_path(entry.path, levels, limits) or _fault_of_file(entry, origin, limits)


def _fault_of_path(path: str, levels: int, limits: Limits) -> Problem | None:
    if len(path) > limits.path or levels > limits.levels:
        message = f"at most {limits.path:,} characters and {limits.levels} directories are allowed"
        return file_problem(path[: limits.path], "PathTooLong", message)
    if "\\" in path:
        # The listing escapes what does not print: by this path git would not find the file again.
        message = "the name holds a backslash or what does not print: give it another one"
        return file_problem(path, "UnsafeName", message)
    if is_too_long(path):
        message = f"no file system takes it: at most {LONGEST_NAME} bytes for a name and {LONGEST_PATH:,} in all"
        return file_problem(path, "PathTooLong", message)
    if is_in_git_folder(path):
        return file_problem(path, "UnsafeName", "it is in git's own folder on some file systems: move it")
    return None


def _fault_of_file(entry: TreeEntry, origin: Origin, limits: Limits) -> Problem | None:
    if not holds_documents(entry, origin):
        message = "neither YAML nor JSON by its name: it stays here"
        return file_problem(entry.path, "NotTakenIn", message, Severity.WARNING)
    if entry.size > limits.file:
        return file_problem(entry.path, "FileTooLarge", f"{entry.size:,} bytes; at most {limits.file:,} are read")
    return None
