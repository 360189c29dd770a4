"""A YAML file into documents. Whatever the bytes are, what comes out is values and findings, never an exception."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from yaml import MarkedYAMLError
from yaml._yaml import CParser
from yaml.events import DocumentEndEvent
from yaml.reader import ReaderError

from reconciler.desired.manifests.builder import Builder, UnreadableError
from reconciler.desired.manifests.places import LoadedDocument
from reconciler.desired.manifests.stream import Chunk, split
from reconciler.model.problems import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from yaml.error import Mark
    from yaml.events import Event


def load(data: bytes) -> tuple[LoadedDocument, ...]:
    """All documents of a file (UTF-8, a byte order mark is skipped), refused ones included.

    Documents without content are counted but not returned. A document that cannot be parsed ends at the next marker;
    those before and behind it are read.
    """
    unreadable = undecodable(data)
    if unreadable is not None:
        return (document_of(unreadable, 0),)
    documents: list[LoadedDocument] = []
    index = 0
    for chunk in split(data):
        for builder in build(chunk):
            if builder.root is not None or builder.findings:
                documents.append(document_of(builder, index))
            index += 1
    return tuple(documents)


def load_sound(data: bytes) -> LoadedDocument | None:
    """The document of a file that holds exactly one, in which nothing is wrong; None for any other file."""
    documents = load(data)
    if len(documents) != 1 or any(finding.severity is Severity.ERROR for finding in documents[0].findings):
        return None
    return documents[0]


def undecodable(data: bytes) -> Builder | None:
    """The one refused document that a file is which is not UTF-8; None where it is."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        unreadable = Builder(data.count(b"\n", 0, error.start) + 1)
        unreadable.refuse("InvalidEncoding", f"not UTF-8: {error.reason} at byte {error.start}", unreadable.line)
        return unreadable
    return None


def load_lines(data: bytes, lines: Iterable[int]) -> dict[int, LoadedDocument]:
    """Those documents of a file, by line, that `load` would find to begin in one of these lines, and perhaps others;
    without those that are refused. Only what stands there is parsed; the index of a document counts from there.
    """
    chunks = tuple(split(data))
    starts = [chunk.line for chunk in chunks]
    wanted = {max(bisect_right(starts, line) - 1, 0) for line in lines}
    builders = [pair for number in sorted(wanted) for pair in enumerate(build(chunks[number]))]
    return {builder.line: document_of(builder, index) for index, builder in builders if not builder.is_refused}


def build(chunk: Chunk, tap: Callable[[Event], None] = lambda _: None) -> Iterator[Builder]:
    """The documents of a chunk, one builder each; the last one may have broken off. `tap` sees each event too."""
    builder = Builder(chunk.line)
    try:
        for event in iter(CParser(chunk.data).get_event, None):
            builder.take(event)
            tap(event)
            if isinstance(event, DocumentEndEvent):
                yield builder
                builder = Builder(chunk.line)
    except UnreadableError:
        yield builder
    except MarkedYAMLError as error:
        builder.refuse("InvalidYAML", _reason(error, chunk), _line(error.problem_mark, chunk))
        yield builder
    except ReaderError as error:
        line = chunk.line + chunk.data.count(b"\n", 0, error.position)
        builder.refuse("InvalidYAML", f"{error.reason} (code {error.character})", line)
        yield builder
    except Exception as error:  # noqa: BLE001 - input decides what the parser meets: any fault is this document's alone
        builder.refuse("InvalidYAML", f"cannot be parsed ({type(error).__name__})", chunk.line)
        yield builder


def _line(mark: Mark | None, chunk: Chunk) -> int:
    """The line of a mark; the parser points behind the last line when the end is what surprised it."""
    last = chunk.data.rstrip().count(b"\n")
    return chunk.line + min(mark.line if mark else 0, last)


def _reason(error: MarkedYAMLError, chunk: Chunk) -> str:
    problem = error.problem or "cannot be parsed"
    if not error.context:
        return problem
    begin, found = _line(error.context_mark, chunk), _line(error.problem_mark, chunk)
    start = "" if begin == found else f" that starts in line {begin}"
    if error.context.startswith("while parsing a flow") and _is_open(error, chunk):
        return f"a [ or {{{start} is not closed"
    return f"{problem}, {error.context}{start}"


def _is_open(error: MarkedYAMLError, chunk: Chunk) -> bool:
    """Whether a flow collection goes on to the end of the chunk: the end is what surprised the parser, or nothing that
    could close it follows.
    """
    lines = chunk.data.decode(errors="replace").splitlines()
    if error.problem_mark and error.problem_mark.line >= len(lines):
        return True
    mark = error.context_mark
    if mark is None or mark.line >= len(lines):
        return False
    closing = {"while parsing a flow sequence": "]", "while parsing a flow mapping": "}"}.get(error.context or "")
    rest = [lines[mark.line][mark.column :], *lines[mark.line + 1 :]]
    return closing is not None and not any(closing in line for line in rest)


def document_of(builder: Builder, index: int) -> LoadedDocument:
    return LoadedDocument(index, builder.line, builder.root, builder.lines, tuple(builder.findings))
