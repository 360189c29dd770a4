"""What is done to the world and when: a pure function of a seed and a length."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Action(StrEnum):
    CHANGE = "push a change"
    NEW = "push a new VPC"
    DELETE = "push a deletion"
    BREAK = "push a bad document"
    REPAIR = "push the repair"
    DROP = "push a file into raw/"
    EDIT_OBJECT = "edit an object in the cluster"
    DELETE_OBJECT = "delete an object in the cluster"
    MAKE_OBJECT = "make somebody's own object in the cluster"
    EDIT_RECORD = "edit a record of ours in NetBox"
    DELETE_RECORD = "delete a record of ours in NetBox"
    MAKE_RECORDS = "make people's own records in NetBox"
    STOP_SERVER = "stop a server"
    START_SERVER = "start the server again"
    KILL = "kill -9 the service"
    TERMINATE = "SIGTERM to the service"
    SUSPEND = "suspend a fabric"
    RESUME = "resume the fabric"
    RECONCILE = "ask for a pass"


PUSHES = frozenset({Action.CHANGE, Action.NEW, Action.DELETE, Action.BREAK, Action.REPAIR, Action.DROP})

PLAIN, KEPT, MIRRORED = "soak-plain", "soak-kept", "soak-mirrored"
"""The fabrics: a plain one in a repository of its own; one whose directory is kept in order, and one that NetBox shows,
in another.
"""

FABRICS = (PLAIN, KEPT, MIRRORED)
SERVERS = ("git", "kubernetes", "netbox")

_LENGTH = 300
"""Seconds for which the counts below are meant."""

_MOMENTS: dict[Action, tuple[int, Sequence[str]]] = {
    Action.CHANGE: (6, FABRICS),
    Action.NEW: (4, FABRICS),
    Action.DELETE: (3, FABRICS),
    Action.DROP: (2, [KEPT]),
    Action.EDIT_OBJECT: (5, FABRICS),
    Action.DELETE_OBJECT: (3, FABRICS),
    Action.MAKE_OBJECT: (1, FABRICS),
    Action.EDIT_RECORD: (3, [MIRRORED]),
    Action.DELETE_RECORD: (2, [MIRRORED]),
    Action.MAKE_RECORDS: (1, [MIRRORED]),
    Action.KILL: (2, [""]),
    Action.TERMINATE: (1, [""]),
    Action.RECONCILE: (3, FABRICS),
}
"""How often, and to what."""

_SPANS: tuple[tuple[Action, Action, int, Sequence[str]], ...] = (
    (Action.STOP_SERVER, Action.START_SERVER, 3, SERVERS),
    (Action.SUSPEND, Action.RESUME, 1, FABRICS),
    (Action.BREAK, Action.REPAIR, 2, FABRICS),
)
"""What begins and ends."""

_SHORTEST, _LONGEST = 3.0, 12.0
"""Seconds of a span."""

_FIRST, _LAST = 2.0, 15.0
"""Seconds at the beginning and at the end in which nothing begins."""

_BURST, _BETWEEN = 3.0, 18.0
"""What happens at one moment happens within this much of each other; and there is a burst for each so many seconds.
Between them there is quiet, in which what the service says can be held against the world.
"""


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One action. `at`: seconds after the start. `number` is of its own among the steps of this action."""

    at: float
    action: Action
    target: str
    number: int


def schedule(seed: int, seconds: float) -> tuple[Step, ...]:
    """The steps of a soak of so many seconds, in order."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    end = max(seconds - _LAST, _FIRST + _BURST)
    bursts = [chance.uniform(_FIRST, end - _BURST) for _ in range(max(3, round(seconds / _BETWEEN)))]
    steps = [*_moments(chance, seconds, bursts), *_spans(chance, seconds, end)]
    return tuple(sorted(steps))


def _count(least: int, seconds: float) -> int:
    """At least as often as in the shortest soak that is meant for anything, and more in a longer one."""
    return max(least, round(least * seconds / _LENGTH))


def _moments(chance: random.Random, seconds: float, bursts: Sequence[float]) -> Iterator[Step]:
    for action, (least, targets) in _MOMENTS.items():
        for number, target in enumerate(_turns(chance, targets, _count(least, seconds))):
            yield Step(chance.choice(bursts) + chance.uniform(0, _BURST), action, target, number)


def _spans(chance: random.Random, seconds: float, end: float) -> Iterator[Step]:
    """Spans of a kind follow each other: each lies in a part of the whole of its own."""
    for begins, ends, least, targets in _SPANS:
        count = _count(least, seconds)
        room = (end - _FIRST) / count
        for number, target in enumerate(_turns(chance, targets, count)):
            length = min(chance.uniform(_SHORTEST, _LONGEST), room / 2)
            begin = _FIRST + number * room + chance.uniform(0, room - length)
            yield Step(begin, begins, target, number)
            yield Step(begin + length, ends, target, number)


def _turns(chance: random.Random, targets: Sequence[str], count: int) -> list[str]:
    """The targets in a random order, and each again only after all others."""
    found: list[str] = []
    while len(found) < count:
        found += chance.sample(targets, len(targets))
    return found[:count]
