"""`.hnp/archive-log.yaml`: what became of every dropped document, in one line each, the newest last.

A line stands for itself, so that git can keep the lines of two branches (`merge=union`). Only the newest are kept: the
file's history holds the others. A line names the blob of the dropped file, by which git still shows it as it was.
"""

from __future__ import annotations

from itertools import accumulate, islice
from typing import TYPE_CHECKING

from reconciler.plan.texts import flow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.model.ingestion import Routed

MOST_LINES = 20_000
"""Lines kept: some 4 MB."""

MOST_BYTES = 16 * 1024 * 1024
"""Of the lines kept: fewer, where the paths in them are very long."""

LARGEST = 4 * MOST_BYTES
"""Bytes of a log that is read: what several branches kept, merged, and what people wrote."""

HEADER = f"""\
# What became of each document that was dropped, the newest last. Written by hedgehog-reconciler.
# `git cat-file blob <blob>` shows the dropped file as it was. The newest {MOST_LINES:,} lines are kept here.
"""

_ENTRY = b"- "


def append(log: bytes | None, routed: Iterable[Routed]) -> bytes:
    """The log with a line more for each document; None: there is no log yet."""
    lines = (HEADER.encode() if log is None else log).splitlines()
    lines += [_line(one).encode() for one in routed]
    sizes = [len(line) + 1 for line in lines if line.startswith(_ENTRY)]
    newest = (size <= MOST_BYTES for size in islice(accumulate(reversed(sizes)), MOST_LINES))
    excess = len(sizes) - sum(newest)
    kept = []
    for line in lines:
        if excess > 0 and line.startswith(_ENTRY):
            excess -= 1
        else:
            kept.append(line)
    return b"".join(line + b"\n" for line in kept)


def _line(one: Routed) -> str:
    values: dict[str, str | int] = {
        "file": one.file,
        "blob": one.blob,
        "document": one.index,
        "line": one.line,
        "how": one.how,
        "to": one.to,
        "rule": one.rule,
        "text": "rewritten" if one.is_rewritten else "",
    }
    return f"- {flow({name: value for name, value in values.items() if value != ''})}"
