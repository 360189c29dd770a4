"""What a service wrote to its log."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from reconciler.model.json import JSONObject

PASS_STARTED = "pass started"
PASS_ENDS = ("pass ended", "pass stopped", "a pass has no stored end")


def entries(log: Path, start: int = 0, end: int | None = None) -> list[JSONObject]:
    """The lines between two places in the file (bytes), without the last one where it was cut off."""
    with log.open("rb") as file:
        file.seek(start)
        text = file.read(-1 if end is None else end - start)
    whole, _, _ = text.rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def assert_one_pass_at_a_time(lines: Iterable[JSONObject]) -> int:
    """Fails when, within the life of one process, a pass began while another of its fabric went on; the passes."""
    running: set[str] = set()
    passes = 0
    for line in lines:
        if line["event"] == PASS_STARTED:
            assert line["fabric"] not in running, f"a second pass of {line['fabric']}: {line}"
            running.add(line["fabric"])
            passes += 1
        elif line["event"] in PASS_ENDS:
            running.discard(line["fabric"])
    return passes


def assert_no_overlap(passes: Sequence[JSONObject]) -> None:
    """Fails when two recorded passes of one fabric went on at the same time, or one is recorded twice."""
    assert len({record["id"] for record in passes}) == len(passes)
    ordered = sorted(passes, key=lambda record: str(record["started"]))
    for earlier, later in pairwise(ordered):
        assert earlier["finished"] <= later["started"], f"{earlier['id']} and {later['id']} overlap"
