"""Copies of an object that an earlier system left in `managed/` (`vpc-1.yaml`, `vpc-1-1.yaml`): one of them stays.

While there are two, neither is applied. Only what says the same as the one that stays is removed; copies that differ
are left to people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.model.changes import FileChange
from reconciler.model.ingestion import How, Ingestion, Routed
from reconciler.model.paths import is_in_git_folder
from reconciler.plan import archive_log
from reconciler.plan.ingestion import combined, content_of
from reconciler.plan.layout import ARCHIVE_LOG, MANAGED, managed_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.model.ingestion import Declared, Ground
    from reconciler.model.objects import ObjectKey


def remove_copies(
    ground: Ground, declared: Mapping[ObjectKey, Sequence[Declared]], log: bytes | None = None
) -> Ingestion:
    """Remove the copies, and name each with the file that stays. `declared` is of the whole desired state; `log` is the
    content of `.hnp/archive-log.yaml`, None where it is absent.
    """
    blobs = {entry.path: entry.blob for entry in ground.listing}
    start = len(ground.directory) + 1
    routed = tuple(
        Routed(copy.path[start:], blobs[copy.path], "0", 1, How.IDENTICAL, kept.path[start:], key)
        for key, files in sorted(declared.items())
        for kept, copy in _copies(key, files, f"{ground.directory}/")
    )
    if not routed:
        return Ingestion()
    removals = [FileChange(f"{ground.directory}/{one.file}", None) for one in routed]
    written = FileChange(f"{ground.directory}/{ARCHIVE_LOG}", archive_log.append(log, routed))
    return Ingestion(combined(removals, [written]), routed)


def _copies(key: ObjectKey, files: Sequence[Declared], prefix: str) -> Iterator[tuple[Declared, Declared]]:
    """Each copy of an object in `managed/`, with the file that stays: that of the object's name, or else the first."""
    managed = [one for one in files if one.path.startswith(f"{prefix}{MANAGED}/")]
    own = prefix + managed_path(key)
    ordered = sorted(managed, key=lambda one: (one.path != own, len(one.path), one.path))
    if not ordered or (kept := ordered[0]).manifest is None:
        return
    for one in ordered[1:]:
        is_same = one.manifest is not None and content_of(one.manifest) == content_of(kept.manifest)
        if is_same and one.is_alone and "\\" not in one.path and not is_in_git_folder(one.path):
            yield kept, one
