"""A YAML file cut into its documents before any of them is parsed, so that a broken one takes no other with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"
_MARKER = re.compile(rb"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_ONLY_DIRECTIVES = re.compile(rb"(?:[ \t\r]*(?:[%#][^\n]*)?\n)*")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a file that holds one document, rarely none or several. `line` is that of its first byte, from 1."""

    data: bytes
    line: int


def split(data: bytes) -> Iterator[Chunk]:
    """Cut a YAML stream at its document markers.

    A line that starts with `---` or `...` and then ends or goes on with a blank is a marker wherever it stands: YAML
    allows it in no scalar (YAML 1.2.2, c-forbidden). Directives stay with the document that follows them.
    """
    data = data.removeprefix(_BOM)
    line = 1
    start = 0
    for cut in _cuts(data):
        if _ONLY_DIRECTIVES.fullmatch(data, start, cut) and b"%" in data[start:cut]:
            continue
        yield Chunk(data[start:cut], line)
        line += data.count(b"\n", start, cut)
        start = cut
    yield Chunk(data[start:], line)


def _cuts(data: bytes) -> Iterator[int]:
    """Where a document may begin: at `---`, and in the line after `...`."""
    for marker in _MARKER.finditer(data):
        if marker.group() == b"---":
            yield marker.start()
        else:
            end = data.find(b"\n", marker.end())
            if end >= 0:
                yield end + 1
