"""Objects that only the cluster has, written into a fabric's directory by one commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.desired.manifests.annotating import means
from reconciler.desired.manifests.dumping import dump
from reconciler.desired.manifests.files import read_file
from reconciler.desired.structure import ensure
from reconciler.errors import StalledError
from reconciler.model.adoption import Draft
from reconciler.model.ingestion import Ground
from reconciler.model.objects import ownership_marks
from reconciler.model.problems import Severity
from reconciler.model.publishing import Proposal
from reconciler.model.structure import StructureState
from reconciler.plan.adoption import choose, path_of, review_of, route, subject_of
from reconciler.plan.commits import commit_message
from reconciler.plan.neutral import document, neutral
from reconciler.plan.schema import check_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.desired.source import FabricSource
    from reconciler.model.adoption import Adoption
    from reconciler.model.desired import Desired
    from reconciler.model.fabric import Fabric
    from reconciler.model.json import JSONObject
    from reconciler.model.objects import Manifest, Resource
    from reconciler.model.problems import Fault, Problem
    from reconciler.model.revision import Revision
    from reconciler.model.served import Served
    from reconciler.ports import Publisher

_LARGEST = 16 * 1024 * 1024
"""Bytes of a file that stands in a place of ours and is looked into."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of a cluster of the kinds that Git may hold, and what it says of these kinds."""

    objects: Sequence[Resource]
    served: Served


class DirectoryAdoption:
    """Adopts into the directory of one fabric; `is_managed`: into `managed/`, else into `unmanaged/`."""

    def __init__(self, source: FabricSource, fabric: Fabric, *, is_managed: bool) -> None:
        self._source = source
        self._fabric = fabric
        self._is_managed = is_managed

    def look(self, revision: Revision, seen: Seen) -> Adoption:
        """What it takes at a fetched revision. Raises StalledError where the directory is not in order, and
        GitUnavailableError.
        """
        ground = Ground(self._fabric.name, self._fabric.path.strip("/"), self._source.listing(revision))
        self._require_structure(ground)
        desired = self._source.read(revision)
        self._require_readable(desired)
        claimed = {problem.key for problem in desired.problems if problem.key}
        choice = choose(seen.objects, {*desired.manifests, *desired.refused, *claimed}, self._fabric.name)
        drafts = [self._draft(resource, seen.served) for resource in choice.objects]
        found = route(ground, drafts, dict(self._standing(ground, drafts)), is_managed=self._is_managed)
        objects = sorted((*found.objects, *choice.left), key=lambda one: one.key)
        return replace(found, objects=tuple(objects))

    def adopt(self, publisher: Publisher, seen: Seen) -> Adoption:
        """Do what it takes at the branch's tip, in one commit; nothing where nothing is to be done. Raises as `look`
        and as `Publisher.publish`.
        """
        looks: list[Adoption] = []

        def propose(tip: Revision) -> Proposal | None:
            found = self.look(tip, seen)
            looks.append(found)
            if not found.changes:
                return None
            lines = review_of(found, is_managed=self._is_managed)
            return Proposal(found.changes, commit_message(subject_of(self._fabric.name, found), lines))

        published = publisher.publish(propose)
        return replace(looks[-1], published=published)

    def _require_structure(self, ground: Ground) -> None:
        found = ensure(ground, self._source.contents)
        if found.state is StructureState.FAILED:
            raise StalledError("; ".join(problem.message for problem in found.problems), reason=found.problems[0].rule)
        if found.state is StructureState.INITIALIZED:
            message = f"{ground.directory} lacks files of its structure: reconciler init {ground.fabric} makes them"
            raise StalledError(message, reason="StructureMissing")

    def _require_readable(self, desired: Desired) -> None:
        """In `managed/` no object may be declared twice. What a broken document declares cannot be told."""
        broken = [problem for problem in desired.problems if problem.is_refusal and problem.key is None]
        if broken and self._is_managed:
            first, more = broken[0], f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            message = f"{first.file}, line {first.line}: {first.message}{more}: mend it first, it may declare anything"
            raise StalledError(message, reason=first.rule)

    def _draft(self, resource: Resource, served: Served) -> Draft:
        schema = served.schema(resource.key.resource_kind)
        manifest = neutral(resource, schema)
        aside = document(manifest, {})
        whole = document(manifest, ownership_marks(self._fabric.name)) if self._is_managed else aside
        draft = Draft(manifest, dump(whole), dump(aside))
        refusal = self._refusal(draft, whole)
        if refusal is None and schema is not None and self._is_managed:
            refusal = _first(check_schema(manifest, schema))
        return draft if refusal is None else replace(draft, rule=refusal[0], message=refusal[1])

    def _refusal(self, draft: Draft, whole: JSONObject) -> tuple[str, str] | None:
        """Why the file would not do, as rule and message: it is read again, as a pass reads it."""
        if not means(draft.content, whole):
            return "NotWritten", "no text can be found that means the same"
        problems = read_file(draft.content, "", self._fabric.namespace).problems if self._is_managed else ()
        return _first(problems)

    def _standing(self, ground: Ground, drafts: Iterable[Draft]) -> Iterator[tuple[str, Manifest | None]]:
        """What the files declare that stand where ours belong."""
        paths = {path_of(draft.manifest.key, is_managed=self._is_managed) for draft in drafts}
        prefix = f"{ground.directory}/"
        entries = [
            entry
            for entry in ground.listing
            if entry.path.removeprefix(prefix) in paths and entry.is_file and entry.size <= _LARGEST
        ]
        contents = self._source.contents(entries)
        for entry, (_, data) in zip(entries, contents, strict=True):
            file = read_file(data, entry.path, self._fabric.namespace)
            is_one = len(file.manifests) == 1 and not file.problems
            yield entry.path.removeprefix(prefix), file.manifests[0] if is_one else None


def _first(found: Iterable[Problem | Fault]) -> tuple[str, str] | None:
    """Rule and message of the first that refuses a document."""
    return next(((one.rule, one.message) for one in found if one.severity is Severity.ERROR), None)
