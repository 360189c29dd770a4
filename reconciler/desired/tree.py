"""What git prints about trees and blobs, parsed. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.model.tree import TreeEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["TreeEntry", "batch_limit", "batches", "is_plain", "parse_batch", "parse_listing", "parse_tree", "printable"]

_BATCH = 32 * 1024 * 1024
"""Bytes of blobs in memory at once; a single blob may be larger."""

_HEADER = 100
"""More than cat-file writes before and after each blob."""

_TREE = re.compile(rb"040000 tree ([0-9a-f]{40})\t[^\0]+\0")
_FILE = re.compile(rb"(\d{6}) \w+ ([0-9a-f]{40}) +(\d+|-)\t([^\0]+)\0")


def is_plain(path: str) -> bool:
    """Whether a path only goes down from the repository's root: git would follow `..` to another directory."""
    return not {"", ".", ".."} & set(path.split("/"))


def parse_tree(listing: bytes) -> str | None:
    """The id of the one tree in the output of `ls-tree -z -d`, None where there is none."""
    found = _TREE.fullmatch(listing)
    return found[1].decode() if found else None


def parse_listing(listing: bytes) -> Iterator[TreeEntry]:
    """The files in the output of `ls-tree -r -z -l`.

    Raises ValueError for anything else in it: git says `BAD` for the size of a blob that is lost, and a file that were
    left out for that would look deleted.
    """
    position = 0
    while position < len(listing):
        found = _FILE.match(listing, position)
        if found is None:
            raise ValueError(f"git lists something unreadable: {printable(listing[position : position + 100])}")
        position = found.end()
        mode, blob, size, path = found.groups()
        yield TreeEntry(printable(path), mode.decode(), blob.decode(), 0 if size == b"-" else int(size))


def printable(path: bytes) -> str:
    """A path as it may stand in messages and logs: names are chosen by whoever may push."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def batches(entries: Iterable[TreeEntry]) -> Iterator[list[TreeEntry]]:
    """Entries in portions whose contents fit in memory together."""
    batch: list[TreeEntry] = []
    size = 0
    for entry in entries:
        if batch and size + entry.size > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


def batch_limit(batch: Sequence[TreeEntry]) -> int:
    """How many bytes `cat-file --batch` may write for these entries."""
    return sum(entry.size + _HEADER for entry in batch)


def parse_batch(output: bytes, batch: Sequence[TreeEntry]) -> Iterator[tuple[str, bytes]]:
    """The id and content of each blob in the output of `cat-file --batch`. Raises ValueError when one is missing."""
    position = 0
    for entry in batch:
        header = f"{entry.blob} blob {entry.size}\n".encode("ascii")
        if not output.startswith(header, position):
            raise ValueError(f"the blob {entry.blob} is missing or not as the tree says")
        start = position + len(header)
        position = start + entry.size + 1
        yield entry.blob, output[start : start + entry.size]
