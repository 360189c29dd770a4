"""Where each dropped document belongs: values in, the changes of one commit out.

A document that declares an object of the fabric gets the one file of that object. Whatever else it is, and whatever its
place is taken by, it goes to `unmanaged/` with the reason: nothing is lost, and nothing of anybody's is overwritten but
the file that declares the very object.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.changes import FileChange
from reconciler.model.ingestion import How, Ingestion, Origin, Routed
from reconciler.model.objects import OUR_GROUP, digest
from reconciler.model.paths import is_in_git_folder, is_too_long
from reconciler.model.problems import Problem, Severity, file_problem
from reconciler.model.tree import TreeEntry
from reconciler.plan import archive_log, unmanaged
from reconciler.plan.layout import ARCHIVE_LOG, KEEP, UNMANAGED, managed_path
from reconciler.plan.places import Places, blob_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model.ingestion import Declared, Ground
    from reconciler.model.objects import Manifest, ObjectKey
    from reconciler.model.raw import RawDocument, RawFile


DECLARED_OTHERWISE = "DeclaredOtherwise"
"""A document that says something else than the file that stays, and did not lie in `raw/`."""


def ingest(
    ground: Ground,
    files: Sequence[RawFile],
    declared: Mapping[ObjectKey, Sequence[Declared]],
    log: bytes | None = None,
    origin: Origin = Origin.RAW,
) -> Ingestion:
    """Take dropped files in. `declared` names, for each object at least that they declare, the files of the desired
    state that do so already; `log` is the content of `.hnp/archive-log.yaml`, None where it is absent.
    """
    if not files:
        return Ingestion()
    router = _Router(ground, files, declared, origin)
    blocked = tuple(router.blocked())
    return Ingestion(problems=blocked) if blocked else router.route(log)


def combined(*changes: Iterable[FileChange]) -> tuple[FileChange, ...]:
    """Changes of one commit, sorted by path. Of two for one path the later counts."""
    by_path = {change.path: change for group in changes for change in group}
    return tuple(by_path[path] for path in sorted(by_path))


def after(ground: Ground, changes: Iterable[FileChange]) -> Ground:
    """The directory as it is once a commit made these changes."""
    entries = {entry.path: entry for entry in ground.listing}
    for change in changes:
        if change.content is None:
            entries.pop(change.path, None)
        else:
            content = change.content
            entries[change.path] = TreeEntry(change.path, "100644", blob_id(content), len(content))
    return replace(ground, listing=tuple(entries[path] for path in sorted(entries)))


class _Candidate(NamedTuple):
    """A document that declares an object."""

    file: RawFile
    document: RawDocument
    manifest: Manifest


class _Verdict(NamedTuple):
    how: How
    to: str = ""
    rule: str = ""
    message: str = ""


class _Router:
    def __init__(
        self,
        ground: Ground,
        files: Sequence[RawFile],
        declared: Mapping[ObjectKey, Sequence[Declared]],
        origin: Origin,
    ) -> None:
        self._ground = ground
        self._files = sorted(files, key=lambda file: file.entry.path)
        self._declared = declared
        self._origin = origin
        self._places = Places(ground.directory, ground.listing)
        self._removed = {file.entry.path for file in files}
        self._written: dict[str, bytes] = {}
        self._problems: list[Problem] = []

    def blocked(self) -> Iterator[Problem]:
        """What stands where every ingestion writes. Then nothing is taken in."""
        for path in (ARCHIVE_LOG, f"{UNMANAGED}/{KEEP}"):
            obstacle = self._places.obstacle(path)
            if obstacle:
                yield file_problem(obstacle.path, "StructureBlocked", obstacle.message)

    def route(self, log: bytes | None) -> Ingestion:
        verdicts = self._verdicts()
        routed = []
        for file in self._files:
            routed += [self._carry_out(file, document, verdicts) for document in file.documents]
            if not file.documents:
                routed.append(self._routed(file, None, _Verdict(How.EMPTY)))
        self._written[ARCHIVE_LOG] = archive_log.append(log, routed)
        changes = [FileChange(self._places.absolute(path), content) for path, content in self._written.items()]
        removals = [FileChange(path, None) for path in self._removed]
        return Ingestion(self._checked(combined(removals, changes)), tuple(routed), tuple(self._problems))

    def _checked(self, changes: tuple[FileChange, ...]) -> tuple[FileChange, ...]:
        """Whatever came before: nothing outside of the fabric's directory is ever touched."""
        for change in changes:
            self._relative(change.path)
        return changes

    def _verdicts(self) -> dict[tuple[str, str], _Verdict]:
        """What becomes of each document that declares an object, by its file and index."""
        by_key: defaultdict[ObjectKey, list[_Candidate]] = defaultdict(list)
        for file in self._files:
            for document in file.documents:
                if document.manifest is not None:
                    by_key[document.manifest.key].append(_Candidate(file, document, document.manifest))
        verdicts: dict[tuple[str, str], _Verdict] = {}
        for key, candidates in by_key.items():
            for candidate, verdict in zip(candidates, self._of_one_object(key, candidates), strict=True):
                verdicts[candidate.file.entry.path, candidate.document.index] = verdict
        return verdicts

    def _of_one_object(self, key: ObjectKey, candidates: Sequence[_Candidate]) -> list[_Verdict]:
        if len({content_of(candidate.manifest) for candidate in candidates}) > 1:
            return [self._contradicted(key, one, candidates) for one in candidates]
        first = self._of_one_document(key, candidates[0].manifest)
        same = first if first.how is How.UNMANAGED else _Verdict(How.DUPLICATE, first.to)
        return [first, *(same for _ in candidates[1:])]

    def _contradicted(self, key: ObjectKey, one: _Candidate, candidates: Sequence[_Candidate]) -> _Verdict:
        others = (other for other in candidates if other is not one)
        places = [f"{self._relative(other.file.entry.path)} (document {other.document.index})" for other in others]
        told = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")  # noqa: PLR2004
        message = f"{key} was dropped with another content too, in {told}: which one counts cannot be known"
        return _Verdict(How.UNMANAGED, rule="SeveralVersions", message=message)

    def _of_one_document(self, key: ObjectKey, manifest: Manifest) -> _Verdict:
        found = [one for one in self._declared.get(key, ()) if one.path not in self._removed]
        if len(found) > 1:
            message = f"{key} is declared in {found[0].path} and in {found[1].path}: remove one of them first"
            return _Verdict(How.UNMANAGED, rule="DeclaredTwice", message=message)
        return self._declared_before(key, manifest, found[0]) if found else self._new(key)

    def _new(self, key: ObjectKey) -> _Verdict:
        if self._origin is Origin.ARCHIVED:
            message = f"{key} was taken in before and is declared no longer: it does not come back by itself"
            return _Verdict(How.UNMANAGED, rule="Archived", message=message)
        path = managed_path(key)
        obstacle = self._places.obstacle(path)
        entry = self._places.entry(path)
        if obstacle is not None:
            return _Verdict(How.UNMANAGED, rule="PlaceTaken", message=obstacle.message)
        if entry is not None:
            message = f"{entry.path} is there and does not declare {key}: it is not overwritten"
            return _Verdict(How.UNMANAGED, rule="PlaceTaken", message=message)
        return _Verdict(How.CREATED, path)

    def _declared_before(self, key: ObjectKey, manifest: Manifest, other: Declared) -> _Verdict:
        if other.manifest is not None and content_of(other.manifest) == content_of(manifest):
            return _Verdict(How.IDENTICAL, self._relative(other.path))
        if self._origin is not Origin.RAW:
            message = f"{other.path} declares {key} with another content: it stays as it is"
            return _Verdict(How.UNMANAGED, rule=DECLARED_OTHERWISE, message=message)
        fault = _fault_of_name(other.path)
        if fault:
            message = f"{other.path} declares {key}, and its name {fault}: rename it first"
            return _Verdict(How.UNMANAGED, rule="UnsafeName", message=message)
        if not other.is_alone:
            message = f"{other.path} declares {key} together with other objects: change it there"
            return _Verdict(How.UNMANAGED, rule="SharedFile", message=message)
        return _Verdict(How.UPDATED, self._relative(other.path))

    def _carry_out(self, file: RawFile, document: RawDocument, verdicts: Mapping[tuple[str, str], _Verdict]) -> Routed:
        verdict = verdicts.get((file.entry.path, document.index)) or _refused(document)
        one = self._routed(file, document, verdict)
        problems = document.problems
        if verdict.how in {How.CREATED, How.UPDATED} and document.managed is not None:
            self._write(one.to, document.managed)
            if document.is_rewritten:
                message = f"its text could not take annotations: {one.to} is written anew, without comments"
                self._problems.append(self._problem(file, document, "Rewritten", message, Severity.WARNING))
        if verdict.how is How.UNMANAGED:
            one = self._put_aside(one, document)
            if document.manifest is not None:
                problems = (*problems, self._problem(file, document, verdict.rule, verdict.message, Severity.ERROR))
        self._problems.extend(problems)
        return one

    def _put_aside(self, one: Routed, document: RawDocument) -> Routed:
        reason = unmanaged.reason_text(one, document.problems)
        path = unmanaged.place(one, document.data, reason, self._places)
        self._write(path, document.data)
        self._write(path + unmanaged.REASON, reason)
        return replace(one, to=path)

    def _write(self, path: str, content: bytes) -> None:
        self._places.add(path)
        self._written[path] = content

    def _routed(self, file: RawFile, document: RawDocument | None, verdict: _Verdict) -> Routed:
        where, blob = self._relative(file.entry.path), file.entry.blob
        if document is None:
            return Routed(where, blob, "", 1, verdict.how)
        key = document.manifest.key if document.manifest else None
        is_rewritten = document.is_rewritten and verdict.how in {How.CREATED, How.UPDATED}
        how, to, rule, message = verdict
        return Routed(where, blob, document.index, document.line, how, to, key, rule, message, is_rewritten)

    def _relative(self, path: str) -> str:
        inside = path.removeprefix(f"{self._ground.directory}/")
        if inside == path or {"", ".", ".."} & set(inside.split("/")):
            raise AssertionError(f"{path} lies outside of {self._ground.directory}")
        return inside

    @staticmethod
    def _problem(file: RawFile, document: RawDocument, rule: str, message: str, severity: Severity) -> Problem:
        key = document.manifest.key if document.manifest else None
        number = int(document.index.partition(".")[0])
        return Problem(file.entry.path, number, document.line, "", rule, message, severity, key)


def _fault_of_name(path: str) -> str:
    """Why a file that is there cannot be written again."""
    if "\\" in path:
        # The listing escapes what does not print: by this path git would not find the file again.
        return "does not print"
    if is_too_long(path):
        return "is longer than a file system takes"
    return "leads into git's own folder" if is_in_git_folder(path) else ""


def _refused(document: RawDocument) -> _Verdict:
    """A document that declares nothing: the first of its problems that refuses it says why."""
    problem = next(one for one in document.problems if one.is_refusal)
    place = f" ({problem.field})" if problem.field else ""
    return _Verdict(How.UNMANAGED, rule=problem.rule, message=f"{problem.message}{place}, in line {problem.line}")


def content_of(manifest: Manifest) -> str:
    """What a document declares, with 1, 1.0 and true told apart, whatever its text is like. Annotations of our group
    tell where it comes from, and are no part of it.
    """
    own = {name: text for name, text in manifest.annotations.items() if not name.startswith(OUR_GROUP)}
    return digest({"spec": manifest.spec, "labels": manifest.labels, "annotations": own})
