"""The structure of a fabric's directory: whether it is as it should be, and what it takes to make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.changes import FileChange
from reconciler.model.problems import Problem, file_problem
from reconciler.model.structure import Structure, StructureState
from reconciler.plan import layout
from reconciler.plan.archive_log import HEADER
from reconciler.plan.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model.json import JSON
    from reconciler.model.tree import TreeEntry


def ensure(fabric: str, directory: str, listing: Iterable[TreeEntry], manifest: JSON = None) -> Structure:
    """Hold a fabric's directory (path from the repository's root) against the structure. `listing` has all that is
    below it; `manifest` is the value of `.hnp/manifest.yaml`, None where there is none or it cannot be read.

    What is missing is added; nothing of what people wrote is changed or removed.
    """
    places = Places(directory, listing)
    is_there = places.entry(layout.MANIFEST) is not None
    stale = _is_stale(manifest) if is_there and isinstance(manifest, dict) else not is_there
    problems = [*_obstacles(places)]
    if is_there and not problems:
        problems += _foreign(fabric, manifest, places.absolute(layout.MANIFEST))
    if problems:
        return Structure(StructureState.FAILED, problems=tuple(problems))
    wanted = _wanted(fabric)
    missing = {path for path in wanted if not _has(places, path)} | ({layout.MANIFEST} if stale else set())
    if not missing:
        return Structure(StructureState.VALIDATED)
    changes = (FileChange(places.absolute(path), wanted[path].encode()) for path in sorted(missing))
    return Structure(StructureState.INITIALIZED, tuple(changes))


def _wanted(fabric: str) -> dict[str, str]:
    """Every file of the structure, as it is made."""
    return {
        **{f"{directory}/{layout.KEEP}": "" for directory in layout.DIRECTORIES},
        layout.MANIFEST: layout.manifest_text(fabric),
        layout.ARCHIVE_LOG: HEADER,
        layout.ATTRIBUTES: layout.ATTRIBUTES_TEXT,
        layout.README: layout.readme_text(fabric),
    }


def _has(places: Places, path: str) -> bool:
    # A README of people's is one, however they spell it.
    return places.is_taken(path) if path == layout.README else places.entry(path) is not None


def _obstacles(places: Places) -> Iterator[Problem]:
    """What stands where the structure belongs; each once."""
    wanted = (path for path in _wanted("") if path != layout.README)
    for obstacle in dict.fromkeys(filter(None, map(places.obstacle, wanted))):
        yield file_problem(obstacle.path, "StructureBlocked", obstacle.message)


def _foreign(fabric: str, manifest: JSON, path: str) -> Iterator[Problem]:
    """Why a manifest is not ours to go by."""
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(name, 0), int) for name in ("version", "structureVersion")
    ):
        yield file_problem(path, "ManifestUnreadable", f"{path} is not what the reconciler writes: mend or remove it")
        return
    if manifest.get("fabric", fabric) != fabric:
        message = f"{path} names the fabric {manifest['fabric']!r}: this directory is not that of {fabric!r}"
        yield file_problem(path, "OtherFabric", message)
    versions = (manifest.get("version", 0), manifest.get("structureVersion", 0))
    if versions[0] > layout.VERSION or versions[1] > layout.STRUCTURE_VERSION:
        message = f"{path} is of a newer version of the reconciler, which knows this structure better"
        yield file_problem(path, "NewerStructure", message)


def _is_stale(manifest: dict[str, JSON]) -> bool:
    """Whether it lacks what this version would write. More than that is of a newer version, or people's."""
    listed = manifest.get("directories")
    has_all = isinstance(listed, list) and all(name in listed for name in (*layout.DIRECTORIES, layout.INTERNAL))
    versions = (manifest.get("version"), manifest.get("structureVersion"))
    return not has_all or "fabric" not in manifest or versions != (layout.VERSION, layout.STRUCTURE_VERSION)
