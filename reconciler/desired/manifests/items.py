"""The items of a `List`, as `kubectl get -o yaml` prints it, each as a document of its own."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from reconciler.desired.manifests.annotating import means
from reconciler.desired.manifests.cutting import Part, cut, line_end
from reconciler.desired.manifests.dumping import dump
from reconciler.desired.manifests.nodes import root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.model.json import JSON

_DASH = re.compile(r" *- *")


def items_of(part: Part) -> Iterator[Part]:
    """The items of a document that is a List; none of any other. An item whose text means something else, or nothing,
    without the List around it (one with an alias of another item's anchor) is written anew.
    """
    value = part.builder.root
    if part.builder.is_refused or not _is_list(value):
        return
    for item, (text, line, before) in zip(value["items"], _texts(part, len(value["items"])), strict=True):
        if text is not None and means(text, item):
            yield replace(next(cut(text, line - before)), index=part.index)
        else:
            yield replace(next(cut(dump(item), line)), index=part.index, is_rewritten=True)


def _is_list(value: JSON) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("items"), list):
        return False
    kind = value.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and bool(value["items"])


def _texts(part: Part, count: int) -> Sequence[tuple[bytes | None, int, int]]:
    """The text of each item, where it has one, the item's line in the file, and how many lines of its text are before
    that one.
    """
    key, sequence = root(part.events).members().get("items", (None, None))
    if key is None or sequence is None or not sequence.is_sequence:
        return [(None, part.builder.line, 0)] * count
    items = list(sequence.items())
    starts = (root(part.events).start, *(item.start for item in items))
    breaks = (part.text.count("\n", start, end) for start, end in pairwise(starts))
    lines = [*accumulate(breaks, initial=part.builder.line)][1:]
    if sequence.is_flow:
        texts: list[str | None] = [f"{part.text[item.start : item.end]}\n" for item in items]
        before = [0] * count
    else:
        bounds = [line_end(part.text, key.end), *(line_end(part.text, item.end) for item in items)]
        texts = [
            _dedented(part.text, item.start, start, end)
            for item, (start, end) in zip(items, pairwise(bounds), strict=True)
        ]
        before = [part.text.count("\n", start, item.start) for item, start in zip(items, bounds, strict=False)]
    encoded = (None if text is None else text.encode() for text in texts)
    return [*zip(encoded, lines, before, strict=True)]


def _dedented(text: str, item: int, start: int, end: int) -> str | None:
    """The text of a block item that begins at `item`, with the comments before it, moved to the margin."""
    line = text.rfind("\n", 0, item) + 1
    if not _DASH.fullmatch(text, line, item):
        return None
    comments = [each.lstrip(" ") for each in text[start:line].splitlines(keepends=True)]
    margin = " " * (item - line)
    lines = text[item:end].splitlines(keepends=True)
    moved = [each.removeprefix(margin) if each.startswith(margin) else each.lstrip(" ") for each in lines]
    return "".join([*comments, *moved])
