"""The structure of a fabric's directory and the taking in of what people dropped, for those who have the files.

Everything here is values in, values out, but for the reading of the few files that have to be looked at.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from reconciler.desired.manifests.loader import load_sound
from reconciler.desired.manifests.raw import MOST_DOCUMENTS, Check, Reading, no_check, read_raw
from reconciler.model.ingestion import Declared, Ingestion, Origin
from reconciler.model.problems import file_problem
from reconciler.model.raw import RawFile
from reconciler.plan import archive_log, dropped, ingestion, structure
from reconciler.plan.layout import ARCHIVE_LOG, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reconciler.desired.manifests.files import ParsedFile
    from reconciler.model.ingestion import Ground
    from reconciler.model.objects import ObjectKey
    from reconciler.model.problems import Problem
    from reconciler.model.structure import Structure
    from reconciler.model.tree import TreeEntry

ReadBlobs: TypeAlias = "Callable[[Iterable[TreeEntry]], Iterable[tuple[str, bytes]]]"
"""The contents of files in the order in which they are asked for (`source.Files.read_blobs`)."""

_LARGEST_MANIFEST = 16 * 1024 * 1024


def ensure(ground: Ground, read: ReadBlobs) -> Structure:
    """Hold a fabric's directory against the structure (`plan.structure.ensure`)."""
    entry = _file(ground, MANIFEST)
    content = _content(entry, read) if entry is not None and entry.size <= _LARGEST_MANIFEST else None
    document = None if content is None else load_sound(content)
    manifest = None if document is None else document.value
    return structure.ensure(ground.fabric, ground.directory, ground.listing, manifest)


def declared_by(files: Iterable[ParsedFile]) -> dict[ObjectKey, list[Declared]]:
    """Which files declare what: of the whole desired state, as it is parsed for a pass."""
    found: defaultdict[ObjectKey, list[Declared]] = defaultdict(list)
    for file in files:
        refused = {problem.document: problem.key for problem in file.problems if problem.is_refusal}
        is_alone = len(file.manifests) + len(refused) == 1
        for manifest in file.manifests:
            found[manifest.key].append(Declared(file.file, manifest, is_alone))
        for key in filter(None, refused.values()):
            found[key].append(Declared(file.file, None, is_alone))
    return dict(found)


def take_in(
    ground: Ground,
    namespace: str,
    declared: Mapping[ObjectKey, Sequence[Declared]],
    read: ReadBlobs,
    check: Check = no_check,
    origin: Origin = Origin.RAW,
) -> Ingestion:
    """Take in what lies in `raw/`; or, when a directory gets its structure, what lies elsewhere. `declared` is of the
    whole desired state.

    For several origins in one commit, ask for each about the directory as it is after those before it
    (`ingestion.after`), with what is declared then.
    """
    chosen = dropped.dropped(ground, origin)
    reading = Reading(ground.fabric, ground.directory, namespace, check)
    files, left = _read(zip(chosen.files, read(chosen.files), strict=True), reading)
    entry = _file(ground, ARCHIVE_LOG) if files else None
    if entry is not None and entry.size > archive_log.LARGEST:
        # Begun anew, it would lose what people and branches wrote into it.
        return Ingestion(problems=(*chosen.problems, *left, _too_large(entry)))
    log = _content(entry, read) if entry is not None else None
    found = ingestion.ingest(ground, files, declared, log, origin)
    return replace(found, problems=(*chosen.problems, *left, *found.problems))


def _read(
    contents: Iterable[tuple[TreeEntry, tuple[str, bytes]]], reading: Reading
) -> tuple[list[RawFile], list[Problem]]:
    """The documents of files, and why those of others stay where they are."""
    files: list[RawFile] = []
    left: list[Problem] = []
    count = 0
    for entry, (_, data) in contents:
        if count >= MOST_DOCUMENTS:
            left.append(dropped.waiting(entry.path))
            continue
        documents = read_raw(data, entry.path, reading)
        if len(documents) > MOST_DOCUMENTS:
            message = f"more than {MOST_DOCUMENTS:,} documents: make several files of it"
            left.append(file_problem(entry.path, "TooManyDocuments", message))
            continue
        files.append(RawFile(entry, documents))
        count += len(documents)
    return files, left


def _too_large(log: TreeEntry) -> Problem:
    message = f"{log.size:,} bytes; at most {archive_log.LARGEST:,} are read: nothing is taken in until it is shortened"
    return file_problem(log.path, "FileTooLarge", message)


def _file(ground: Ground, path: str) -> TreeEntry | None:
    """The file there; None where there is none, or a link in its place."""
    whole = f"{ground.directory}/{path}"
    return next((one for one in ground.listing if one.path == whole and one.is_file), None)


def _content(entry: TreeEntry, read: ReadBlobs) -> bytes:
    return next(data for _, data in read([entry]))
