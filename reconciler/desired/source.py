"""The desired state of one fabric: every YAML file below its path at one revision."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Protocol

from reconciler.desired.manifests.files import ParsedFile, lines_of, read_file
from reconciler.desired.selection import Limits, select
from reconciler.model.desired import Desired
from reconciler.model.problems import NO_DIRECTORY, Problem, file_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.desired.structure import ReadBlobs
    from reconciler.desired.tree import TreeEntry
    from reconciler.model.fabric import Fabric
    from reconciler.model.objects import Manifest, ObjectKey, Source
    from reconciler.model.problems import Path
    from reconciler.model.revision import Revision


class ParseCache:
    """Parsed files by blob id and namespace, so that a file is parsed once while it does not change. Thread-safe.

    `limit` is in bytes of source text: 32 MiB are some 120,000 objects and, when full, 300 MB of memory. What was not
    used for longest goes first.
    """

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, str], ParsedFile] = OrderedDict()
        self._size = 0

    def get(self, blob: str, namespace: str) -> ParsedFile | None:
        with self._lock:
            parsed = self._files.get((blob, namespace))
            if parsed is not None:
                self._files.move_to_end((blob, namespace))
            return parsed

    def put(self, blob: str, namespace: str, parsed: ParsedFile) -> None:
        with self._lock:
            previous = self._files.pop((blob, namespace), None)
            self._size += _weight(parsed) - (_weight(previous) if previous else 0)
            self._files[blob, namespace] = parsed
            while self._size > self._limit:
                _, oldest = self._files.popitem(last=False)
                self._size -= _weight(oldest)


def _weight(parsed: ParsedFile) -> int:
    """Bytes; an empty file takes room too."""
    return parsed.size + 100


class Files(Protocol):
    """The files of a repository: those of a mirror, or of a working copy. Methods and errors as those of `Mirror`."""

    def fetch(self) -> Revision: ...

    def tip(self) -> Revision | None: ...

    def tree(self, revision: Revision, path: str) -> str | None: ...

    def list_files(self, revision: Revision, path: str) -> tuple[TreeEntry, ...]: ...

    def read_blobs(self, entries: Iterable[TreeEntry]) -> Iterable[tuple[str, bytes]]: ...

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]: ...


def no_directory(fabric: str, path: str, revision: Revision) -> Problem:
    """The problem of a fabric whose directory is not in the branch."""
    message = f"there is no such directory at {revision}: `reconciler init {fabric}` makes it, or correct `path`"
    return file_problem(path, NO_DIRECTORY, message)


class FabricSource:
    """The directory of one fabric in its repository (`reconciler.ports.DesiredSource`)."""

    def __init__(self, mirror: Files, fabric: Fabric, cache: ParseCache, limits: Limits = Limits()) -> None:  # noqa: B008
        self._mirror = mirror
        self._name = fabric.name
        self._path = fabric.path.strip("/")
        self._namespace = fabric.namespace
        self._cache = cache
        self._limits = limits

    def fetch(self) -> Revision:
        return self._mirror.fetch()

    def last_fetched(self) -> Revision | None:
        return self._mirror.tip()

    def tree(self, revision: Revision) -> str | None:
        return self._mirror.tree(revision, self._path)

    def ancestry(self, commits: Iterable[str], revision: Revision) -> Mapping[str, bool]:
        return self._mirror.ancestry(commits, revision)

    def read(self, revision: Revision) -> Desired:
        """As the port says. Raises GitUnavailableError when the mirror cannot be read."""
        entries = self._mirror.list_files(revision, self._path)
        if not entries:
            return Desired(revision, {}, (no_directory(self._name, self._path, revision),))
        selection = select(entries, self._path, self._limits)
        files = self._parse(selection.files, self._mirror.read_blobs)
        manifests, duplicates = _by_identity(manifest for file in files for manifest in file.manifests)
        problems = [*selection.problems, *(problem for file in files for problem in file.problems), *duplicates]
        problems.sort(key=lambda problem: (problem.file, problem.document, problem.line))
        refused = frozenset(problem.key for problem in problems if problem.is_refusal and problem.key)
        return Desired(revision, manifests, tuple(problems), refused - manifests.keys(), selection.waiting_in_raw)

    def lines(self, revision: Revision, places: Sequence[tuple[Source, Path]]) -> list[int]:
        """As the port says. Raises GitUnavailableError when the mirror cannot be read."""
        by_file: defaultdict[str, list[int]] = defaultdict(list)
        for number, (source, _) in enumerate(places):
            by_file[source.file].append(number)
        entries = [
            entry
            for entry in (self._mirror.list_files(revision, self._path) if places else ())
            if entry.path in by_file and entry.size <= self._limits.file
        ]
        found = [source.line for source, _ in places]
        for entry, (_, data) in zip(entries, self._mirror.read_blobs(entries), strict=True):
            numbers = by_file[entry.path]
            for number, line in zip(numbers, lines_of(data, [places[one] for one in numbers]), strict=True):
                found[number] = line
        return found

    def listing(self, revision: Revision) -> tuple[TreeEntry, ...]:
        """Everything below the fabric's directory. Raises GitUnavailableError when the mirror cannot be read."""
        return self._mirror.list_files(revision, self._path)

    def contents(self, entries: Iterable[TreeEntry]) -> Iterable[tuple[str, bytes]]:
        """The ids and contents of files, in order. Raises as `listing`."""
        return self._mirror.read_blobs(entries)

    def parsed(self, listing: Iterable[TreeEntry], read: ReadBlobs) -> list[ParsedFile]:
        """The files of a directory that hold its desired state. `read` gives those that are not known yet."""
        return self._parse(select(listing, self._path, self._limits).files, read)

    def _parse(self, entries: Sequence[TreeEntry], read: ReadBlobs) -> list[ParsedFile]:
        """The content of each file. Those not in the cache are read together."""
        known = [self._cache.get(entry.blob, self._namespace) for entry in entries]
        unknown = {entry.blob: entry for entry, parsed in zip(entries, known, strict=True) if parsed is None}
        fresh: dict[str, ParsedFile] = {}
        for blob, data in read(unknown.values()):
            fresh[blob] = read_file(data, unknown[blob].path, self._namespace)
            self._cache.put(blob, self._namespace, fresh[blob])
        return [(parsed or fresh[entry.blob]).at(entry.path) for entry, parsed in zip(entries, known, strict=True)]


def _by_identity(manifests: Iterable[Manifest]) -> tuple[Mapping[ObjectKey, Manifest], list[Problem]]:
    """Manifests by key. Those that declare one identity twice are all refused: which one counts cannot be known."""
    found: defaultdict[ObjectKey, list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        found[manifest.key].append(manifest)
    problems = [
        _duplicate(manifest, next(other for other in same if other is not manifest))
        for same in found.values()
        if len(same) > 1
        for manifest in same
    ]
    return {key: same[0] for key, same in found.items() if len(same) == 1}, problems


def _duplicate(manifest: Manifest, other: Manifest) -> Problem:
    here, there = manifest.source, other.source
    message = f"{manifest.key} is declared in {there.file} too (document {there.document}, line {there.line})"
    return Problem(here.file, here.document, here.line, "", "DuplicateIdentity", message, key=manifest.key)
