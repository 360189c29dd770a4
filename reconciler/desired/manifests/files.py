"""One YAML file into manifests and problems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.desired.manifests.documents import read_document
from reconciler.desired.manifests.loader import load, load_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model.objects import Manifest, Source
    from reconciler.model.problems import Path, Problem


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file holds. `size` is that of its text, in bytes."""

    file: str
    size: int
    manifests: tuple[Manifest, ...]
    problems: tuple[Problem, ...]

    def at(self, file: str) -> ParsedFile:
        """The same content under another path."""
        if file == self.file:
            return self
        manifests = tuple(replace(each, source=replace(each.source, file=file)) for each in self.manifests)
        problems = tuple(replace(each, file=file) for each in self.problems)
        return ParsedFile(file, self.size, manifests, problems)


def read_file(data: bytes, file: str, namespace: str) -> ParsedFile:
    """Read a file. `file` is its path, for messages; `namespace` the only one that its documents may name."""
    manifests: list[Manifest] = []
    problems: list[Problem] = []
    for document in load(data):
        manifest, findings = read_document(document, file, namespace)
        problems.extend(findings)
        if manifest is not None:
            manifests.append(manifest)
    return ParsedFile(file, len(data), tuple(manifests), tuple(problems))


def lines_of(data: bytes, places: Sequence[tuple[Source, Path]]) -> list[int]:
    """The line of a field of each of these documents of a file, or of the nearest parent that is there; the document's
    own line where it begins otherwise than is said.
    """
    loaded = load_lines(data, {source.line for source, _ in places})
    return [loaded[source.line].line_of(path) if source.line in loaded else source.line for source, path in places]
