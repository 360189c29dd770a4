"""Accepts and records without end, and says on standard output what is done. Run to be killed.

Round `n` accepts delivery `d<n>` with three requests, then records pass `p<n>`, which answers the first of them and
replaces the inventory and the objects, all of them marked with the round.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from reconciler.model.requests import RequestState
from reconciler.store import open_store
from tests.unit.store.samples import (
    SetClock,
    delivery,
    entry,
    fabric_record,
    key,
    object_state,
    pass_result,
    request,
)

FABRICS = ("dc1", "dc2", "dc3")
OBJECTS = [f"vpc-{number}" for number in range(20)]


def commit(number: int) -> str:
    return f"{number:040x}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    clock = SetClock()
    store = open_store(Path(sys.argv[1]), clock)
    for n in count(int(sys.argv[2])):
        clock.time = SetClock().time.replace(microsecond=n)
        requests = [request(f"r{n}-{fabric}", fabric, commit(n)) for fabric in FABRICS]
        store.accept(requests, delivery(f"d{n}"), ["gitops"])
        say(f"accepted {n}")
        revision = f"main@sha1:{commit(n)}"
        store.record_pass(
            replace(
                pass_result(f"p{n}"),
                fabric=fabric_record("dc1", desired=revision, last=f"p{n}"),
                inventory={key(name): entry(name, revision=revision) for name in OBJECTS},
                objects=[replace(object_state(name), message=f"p{n}") for name in OBJECTS],
                requests=[replace(requests[0], state=RequestState.SUCCEEDED, pass_id=f"p{n}")],
                # Also those of which a kill kept the end.
                regarded=[f"r{round_}-dc1" for round_ in range(n + 1)],
            ),
        )
        say(f"recorded {n}")


if __name__ == "__main__":
    main()
