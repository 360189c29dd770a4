"""A file cut into the texts of its documents. What stands between two documents goes with one of them.

Comments at the margin in front of `---` speak of the document that follows: they go with it. A bare `---` or `...` is
what separates documents and goes with none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.desired.manifests.builder import Builder
from reconciler.desired.manifests.loader import build, undecodable
from reconciler.desired.manifests.nodes import text_end
from reconciler.desired.manifests.stream import Chunk, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml.events import Event

_BOM = b"\xef\xbb\xbf"
_MARKER = re.compile(r"---[ \t]*\r?\n")
_END_MARKER = re.compile(r"^\.\.\.[ \t\r]*$", re.MULTILINE)
_COMMENT = re.compile(r"^#", re.MULTILINE)
_ONLY_COMMENTS = re.compile(r"(?:---[ \t\r]*(?:\n|\Z))?(?:[ \t\r]*(?:#[^\n]*)?(?:\n|\Z))*?(?:\.\.\.[ \t\r]*\n?)?")
_BARE_MARKERS = re.compile(r"^(?:---|\.\.\.)[ \t\r]*(?:\n|\Z)", re.MULTILINE)


@dataclass(slots=True)
class Part:
    """A document in its text: `text[start:end]`, with the comments that stood before and behind it elsewhere.

    `events` are the parser's, with marks in `text`; they are complete where the builder is not refused.
    """

    index: int
    builder: Builder
    raw: bytes | None = None
    """What has no text, because it is not UTF-8."""
    text: str = ""
    events: Sequence[Event] = ()
    start: int = 0
    end: int = 0
    before: str = ""
    behind: str = ""
    is_rewritten: bool = False
    """Whether the text is not its author's, but written from the value."""

    def around(self, body: str) -> bytes:
        """A text in this document's place, between its comments."""
        gap = "\n" if self.behind and body and not body.endswith("\n") else ""
        return f"{self.before}{body}{gap}{self.behind}".encode()

    @property
    def data(self) -> bytes:
        """The document's own bytes."""
        return self.raw if self.raw is not None else self.around(self.text[self.start : self.end])


def cut(data: bytes, first_line: int = 1) -> Iterator[Part]:
    """The documents of a file, refused ones included. A file of nothing but comments is one refused document; a blank
    file is none. `first_line` is where these bytes begin in the file that they are from.
    """
    unreadable = undecodable(data)
    if unreadable is not None:
        yield Part(0, unreadable, data)
        return
    cutter = _Cutter()
    for chunk in split(data):
        yield from cutter.take(Chunk(chunk.data.removeprefix(_BOM), chunk.line + first_line - 1))
    yield from cutter.finish()


class _Cutter:
    """Holds each document back until it is known whether a document follows it, and what is carried to that one."""

    def __init__(self) -> None:
        self._index = 0
        self._carried: list[str] = []
        self._last: Part | None = None

    def take(self, chunk: Chunk) -> Iterator[Part]:
        events: list[Event] = []
        builders = list(build(chunk, events.append))
        text = chunk.data.decode()
        index, self._index = self._index, self._index + len(builders)
        if all(builder.root is None and not builder.findings for builder in builders):
            if not builders or _ONLY_COMMENTS.fullmatch(text):
                self._carried.append(_BARE_MARKERS.sub("", text))
                return
            _refuse_first(builders, "EmptyDocument", "declares nothing: it has no content")
        if len(builders) > 1:
            _refuse_first(builders, "NotSeparated", "several documents that no line of --- separates")
        if self._last is not None:
            yield self._last
        self._last = self._part(index, builders[0], text, events)

    def finish(self) -> Iterator[Part]:
        carried = "".join(self._carried)
        if self._last is not None:
            self._last.behind = carried
            yield self._last
        elif carried.strip():
            nothing = Builder(1)
            nothing.refuse("NoDocument", "holds no document, only comments", 1)
            yield Part(0, nothing, text=carried, end=len(carried))

    def _part(self, index: int, builder: Builder, text: str, events: Sequence[Event]) -> Part:
        before, self._carried = "".join(self._carried), []
        if builder.is_refused:
            return Part(index, builder, text=text, end=len(text), before=before)
        marker = _MARKER.match(text)
        start = marker.end() if marker else 0
        end, carried = _tail(text, text_end(events))
        self._carried.append(carried)
        return Part(index, builder, None, text, events, start, end, before)


def _refuse_first(builders: Sequence[Builder], rule: str, message: str) -> None:
    builders[0].refuse(rule, message, builders[0].line)


def _tail(text: str, content_end: int) -> tuple[int, str]:
    """Where a document's text ends, and what behind it speaks of the next one."""
    content_end = line_end(text, content_end)
    marker = _END_MARKER.search(text, content_end)
    comment = _COMMENT.search(text, content_end) if marker is None else None
    end = marker.start() if marker else comment.start() if comment else len(text)
    # Blank lines between documents belong to none.
    kept = line_end(text, content_end + len(text[content_end:end].rstrip()))
    return kept, text[end:] if comment else ""


def line_end(text: str, position: int) -> int:
    """Where the line that ends at or behind a position ends, its line break included."""
    if position and text[position - 1] == "\n":
        return position
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1
