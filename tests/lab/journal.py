"""Files of one JSON object per line that a server appends to while tests read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.model.json import JSONObject

_LARGEST = 1 << 30


def length(path: Path) -> int:
    """Bytes written so far: a mark, for `entries_since`."""
    return path.stat().st_size if path.exists() else 0


def entries_since(path: Path, mark: int) -> list[JSONObject]:
    """The objects written after the mark, oldest first; a line still being written is left for the next read.

    Raises `LabError` when the file was cut since then, or a gigabyte was written.
    """
    written = length(path) - mark
    if not 0 <= written < _LARGEST:
        raise LabError(f"{path.name}: {written} bytes since the mark at {mark}")
    if written == 0:
        return []
    with path.open("rb") as journal:
        journal.seek(mark)
        whole, _, _ = journal.read(written).rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]
