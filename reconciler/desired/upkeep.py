"""A fabric's directory, kept in order by commits of ours: the structure, and what people dropped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.desired.source import no_directory
from reconciler.desired.structure import declared_by, ensure, take_in
from reconciler.model.ingestion import Ground, How, Ingestion, Origin
from reconciler.model.problems import Problem, Severity
from reconciler.model.publishing import Proposal
from reconciler.model.structure import StructureState, UpkeepPlan
from reconciler.plan.commits import commit_message
from reconciler.plan.copies import remove_copies
from reconciler.plan.dropped import dropped
from reconciler.plan.ingestion import DECLARED_OTHERWISE, after, combined
from reconciler.plan.layout import ARCHIVE_LOG
from reconciler.plan.upkeep import subject_of, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.desired.source import FabricSource
    from reconciler.model.changes import FileChange
    from reconciler.model.fabric import Fabric
    from reconciler.model.ingestion import Declared, Routed
    from reconciler.model.objects import ObjectKey
    from reconciler.model.revision import Revision
    from reconciler.model.tree import TreeEntry
    from reconciler.ports import Check, Publisher


class DirectoryUpkeep:
    """Implements `ports.Upkeep` for one fabric."""

    def __init__(self, source: FabricSource, publisher: Publisher, fabric: Fabric) -> None:
        self._source = source
        self._publisher = publisher
        self._fabric = fabric

    def look(self, revision: Revision, check: Check, *, is_first: bool = False) -> UpkeepPlan:
        listing = self._source.listing(revision)
        if not listing and not is_first:
            problem = no_directory(self._fabric.name, self._fabric.path.strip("/"), revision)
            return UpkeepPlan(StructureState.FAILED, problems=(problem,))
        return self._look(listing, check, is_first=is_first)

    def first(self, check: Check) -> UpkeepPlan:
        """What it takes where there is no branch yet."""
        return self._look((), check, is_first=True)

    def _look(self, listing: tuple[TreeEntry, ...], check: Check, *, is_first: bool) -> UpkeepPlan:
        ground = Ground(self._fabric.name, self._fabric.path.strip("/"), listing)
        draft = _Draft(ground, self._source, check, self._fabric.namespace)
        return draft.of_first_time() if is_first else draft.of_pass()

    def keep(self, check: Check, requests: Sequence[str] = (), *, is_first: bool = False) -> UpkeepPlan:
        found: list[UpkeepPlan] = []

        def propose(tip: Revision) -> Proposal | None:
            found.append(self.look(tip, check, is_first=is_first))
            return self._proposal(found[-1], requests)

        def first() -> Proposal | None:
            found.append(self.first(check))
            return self._proposal(found[-1], requests)

        published = self._publisher.publish(propose, first if is_first else None)
        return replace(found[-1], published=published)

    def _proposal(self, found: UpkeepPlan, requests: Sequence[str]) -> Proposal | None:
        if not found.changes:
            return None
        message = commit_message(subject_of(self._fabric.name, found), [*map(told, found.routed)], requests)
        return Proposal(found.changes, message)


@dataclass(slots=True)
class _Draft:
    """One commit as it grows: each step sees the directory as those before it leave it."""

    ground: Ground
    source: FabricSource
    check: Check
    namespace: str
    changes: tuple[FileChange, ...] = ()
    ingestions: list[Ingestion] = field(default_factory=list)

    def of_pass(self) -> UpkeepPlan:
        return self._of([Origin.RAW])

    def of_first_time(self) -> UpkeepPlan:
        """What lay elsewhere is taken in as well, and what an earlier system left."""
        return self._of([Origin.LOOSE, Origin.ARCHIVED, Origin.RAW], has_copies=True)

    def _of(self, origins: Iterable[Origin], *, has_copies: bool = False) -> UpkeepPlan:
        structure = ensure(self.ground, self._read)
        if structure.state is StructureState.FAILED:
            return UpkeepPlan(structure.state, problems=structure.problems)
        self._add(structure.changes)
        if has_copies:
            found = remove_copies(self.ground, self._declared(), self._log())
            self.ingestions.append(found)
            self._add(found.changes)
        for origin in origins:
            self._take_in(origin)
        return UpkeepPlan(
            structure.state,
            self.changes,
            tuple(one for found in self.ingestions for one in found.routed),
            tuple(problem for found in self.ingestions for problem in found.problems),
        )

    def _take_in(self, origin: Origin) -> None:
        has_any = bool(dropped(self.ground, origin).files)
        # What is declared is looked up among all files, which is not worth it where nothing is to be taken in.
        declared = self._declared() if has_any else {}
        found = take_in(self.ground, self.namespace, declared, self._read, self.check, origin)
        if origin is Origin.LOOSE:
            found = self._without_what_stays(found, declared)
        self.ingestions.append(found)
        self._add(found.changes)

    def _without_what_stays(self, found: Ingestion, declared: Mapping[ObjectKey, Sequence[Declared]]) -> Ingestion:
        """Loose files are desired state already. One with a document that is refused stays: put aside, it would be
        missed no longer, and what it stands for in the cluster would be free to be deleted.
        """
        stays: dict[str, Problem] = {}
        while more := {one.file: one for one in found.routed if _is_refused(one)}:
            for file, one in more.items():
                path = f"{self.ground.directory}/{file}"
                message = f"document {one.index} would be put aside ({one.rule}: {one.message}): mend it first"
                stays[path] = Problem(path, 0, one.line, "", "LeftAsItIs", message, Severity.WARNING)
            listing = tuple(entry for entry in self.ground.listing if entry.path not in stays)
            ground = replace(self.ground, listing=listing)
            found = take_in(ground, self.namespace, declared, self._read, self.check, Origin.LOOSE)
        return replace(found, problems=(*found.problems, *stays.values()))

    def _add(self, changes: Sequence[FileChange]) -> None:
        self.ground = after(self.ground, changes)
        self.changes = combined(self.changes, changes)

    def _declared(self) -> Mapping[ObjectKey, Sequence[Declared]]:
        return declared_by(self.source.parsed(self.ground.listing, self._read))

    def _log(self) -> bytes | None:
        path = f"{self.ground.directory}/{ARCHIVE_LOG}"
        entry = next((one for one in self.ground.listing if one.path == path), None)
        return next(data for _, data in self._read([entry])) if entry else None

    def _read(self, entries: Iterable[TreeEntry]) -> Iterator[tuple[str, bytes]]:
        """The contents of files, those of this commit too, which no repository has yet."""
        wanted = list(entries)
        new = {change.path: change.content for change in self.changes if change.content is not None}
        stored = iter(self.source.contents([entry for entry in wanted if entry.path not in new]))
        for entry in wanted:
            yield (entry.blob, new[entry.path]) if entry.path in new else next(stored)


def _is_refused(one: Routed) -> bool:
    """Whether a document goes where nobody reads it, although no file that stays declares its object."""
    return one.how is How.UNMANAGED and one.rule != DECLARED_OTHERWISE
