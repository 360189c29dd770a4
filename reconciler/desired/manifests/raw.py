"""A dropped file into its documents, each with the bytes that it would have as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from reconciler.desired.manifests.annotating import annotate
from reconciler.desired.manifests.cutting import cut
from reconciler.desired.manifests.documents import read_document
from reconciler.desired.manifests.items import items_of
from reconciler.desired.manifests.loader import document_of
from reconciler.model.objects import ORIGINAL_FILE_ANNOTATION, ORIGINAL_INDEX_ANNOTATION, ownership_marks
from reconciler.model.problems import Problem, dotted
from reconciler.model.raw import RawDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from reconciler.desired.manifests.cutting import Part
    from reconciler.desired.manifests.places import LoadedDocument
    from reconciler.model.objects import Manifest
    from reconciler.model.problems import Fault

Check: TypeAlias = "Callable[[Manifest], Sequence[Fault]]"
"""What is wrong with one object, beyond what the loader sees: by the schema of its kind, where that is known."""


MOST_DOCUMENTS = 20_000
"""Of one file, and about as many of one pass: each may become two files."""


def no_check(_manifest: Manifest) -> tuple[Fault, ...]:
    """Where no schema is known, the loader's judgement counts."""
    return ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How dropped files are read: for which fabric, whose directory is `directory` (from the repository's root), and
    which namespace its documents may name.
    """

    fabric: str
    directory: str
    namespace: str
    check: Check = no_check


def read_raw(data: bytes, file: str, reading: Reading) -> tuple[RawDocument, ...]:
    """All documents of a file, the items of a `List` each by itself. `file` is its path from the repository's root.

    Whatever the bytes are: each of them but marks, separators and the frame of a List is in one of the documents. Of a
    file of more than `MOST_DOCUMENTS`, which is not to be taken in, they are one more than that.
    """
    return tuple(islice(_Reader(file, reading).read(data), MOST_DOCUMENTS + 1))


class _Reader:
    def __init__(self, file: str, reading: Reading) -> None:
        self._file = file
        self._reading = reading
        self._original = file[len(reading.directory) + 1 :]

    def read(self, data: bytes) -> Iterator[RawDocument]:
        for part in cut(data):
            items = [*items_of(part)]
            if not items:
                yield self._document(part, str(part.index))
            for number, item in enumerate(items):
                yield self._document(item, f"{part.index}.{number}")

    def _document(self, part: Part, index: str) -> RawDocument:
        document = document_of(part.builder, part.index)
        manifest, problems = self._judge(document)
        raw = RawDocument(index, document.line, part.data, None, None, problems)
        if manifest is None:
            return raw
        annotated = annotate(part, document.value, self._origin(index))
        if annotated is None:
            return replace(raw, problems=(*problems, self._not_annotated(document, manifest)))
        is_rewritten = part.is_rewritten or annotated.is_rewritten
        return replace(raw, manifest=manifest, managed=annotated.data, is_rewritten=is_rewritten)

    def _judge(self, document: LoadedDocument) -> tuple[Manifest | None, tuple[Problem, ...]]:
        """The manifest, None where the document is refused; and all that is wrong with it."""
        manifest, problems = read_document(document, self._file, self._reading.namespace)
        faults = self._reading.check(manifest) if manifest is not None else ()
        found = (*problems, *(self._problem(document, fault) for fault in faults))
        is_refused = any(problem.is_refusal for problem in found)
        return None if is_refused else manifest, found

    def _problem(self, document: LoadedDocument, fault: Fault) -> Problem:
        line, field = document.line_of(fault.path), dotted(fault.path)
        return Problem(self._file, document.index, line, field, fault.rule, fault.message, fault.severity, fault.key)

    def _origin(self, index: str) -> dict[str, str]:
        return {
            **ownership_marks(self._reading.fabric),
            ORIGINAL_FILE_ANNOTATION: self._original,
            ORIGINAL_INDEX_ANNOTATION: index,
        }

    def _not_annotated(self, document: LoadedDocument, manifest: Manifest) -> Problem:
        message = "no text can be found that means the same with the annotations of its origin"
        return Problem(self._file, document.index, document.line, "", "NotAnnotated", message, key=manifest.key)
