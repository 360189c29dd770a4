"""Steps of a plan and what stands between them: which order they can have, and where they go round in circles."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum, StrEnum
from functools import cached_property
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey  # noqa: TC001 - the fields of a named tuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from reconciler.plan.claims import Claim


class Step(IntEnum):
    """What is done to an object. One may have two steps: they run in this order."""

    GROW = 0
    DELETE = 1
    APPLY = 2


class Node(NamedTuple):
    """One step of one object."""

    key: ObjectKey
    step: Step


class Tie(StrEnum):
    """Why one step comes before another."""

    REFERENCE = "reference"
    """The second refers to what the first makes."""
    ORDER = "order"
    """So it does, by way of objects that stay as they are: if the first fails, the second is tried all the same."""
    CLAIM = "claim"
    """The second wants what the first gives up."""
    RELEASE = "release"
    """The first stops using what the second takes away."""
    SAME = "same"
    """Both are steps of one object."""


class Link(NamedTuple):
    tie: Tie
    claim: Claim | None = None


class Graph:
    """Nodes, and links from earlier ones to later ones."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes = frozenset(nodes)
        self.before: defaultdict[Node, dict[Node, Link]] = defaultdict(dict)
        """By node, what comes before it."""
        self.after: defaultdict[Node, dict[Node, Link]] = defaultdict(dict)

    def link(self, first: Node, then: Node, link: Link) -> None:
        """The first link of two nodes stays: it says why."""
        self.before[then].setdefault(first, link)
        self.after[first].setdefault(then, link)

    @cached_property
    def steps(self) -> Mapping[ObjectKey, list[Node]]:
        """The steps of each object."""
        found: defaultdict[ObjectKey, list[Node]] = defaultdict(list)
        for node in self.nodes:
            found[node.key].append(node)
        return found

    def behind(self, keys: Iterable[ObjectKey], known: set[ObjectKey]) -> set[ObjectKey]:
        """These objects, and all of which some step comes behind one of theirs: an object has all of its steps or none.
        Without those that are `known`, to which the answer is added; what is behind those is known too.
        """
        found = set(keys) - known
        fresh = list(found)
        while fresh:
            more = {then.key for node in self.steps.get(fresh.pop(), ()) for then in self.after[node]} - known - found
            found |= more
            fresh.extend(more)
        known |= found
        return found

    def groups(self, rank: Callable[[Node], tuple[int, ...]]) -> tuple[list[list[Node]], set[Node]]:
        """The nodes in groups, each behind what comes before it, and of those that could be next always all of the
        lowest rank. And the nodes that have no order: those in circles, and what comes behind them.
        """
        left = {node: len(self.before[node]) for node in self.nodes}
        ready: defaultdict[tuple[int, ...], list[Node]] = defaultdict(list)
        ranks: list[tuple[int, ...]] = []

        def add(nodes: Iterable[Node]) -> None:
            for node in nodes:
                del left[node]
                if not ready[rank(node)]:
                    heappush(ranks, rank(node))
                ready[rank(node)].append(node)

        add([node for node, count in left.items() if not count])
        found: list[list[Node]] = []
        while ranks:
            group = sorted(ready.pop(heappop(ranks)))
            found.append(group)
            for then in (then for node in group for then in self.after[node]):
                left[then] -= 1
            add(sorted({then for node in group for then in self.after[node] if then in left and not left[then]}))
        return found, set(left)

    def untangle(self, among: AbstractSet[Node], cut: Callable[[list[Node]], AbstractSet[Node]]) -> None:
        """Find circles among these nodes, one by one, until there is none left. Of each, in order, `cut` says which
        nodes need not be looked at any more: one of the circle at least. (A search forward from the least node.)
        """
        over = set[Node]()
        ahead = {node: sorted(self.after[node].keys() & among, reverse=True) for node in among}
        for start in sorted(among):
            path = {} if start in over else {start: 0}
            while path:
                last = next(reversed(path))
                then = _next(ahead[last], over)
                if then is None:
                    over.add(last)
                    del path[last]
                elif then not in path:
                    path[then] = len(path)
                else:
                    way = list(path)
                    gone = cut(way[path[then] :])
                    over |= gone
                    # What came behind it on the way may be in other circles.
                    for node in way[min(path[node] for node in gone & path.keys()) :]:
                        del path[node]


def _next(ahead: list[Node], over: AbstractSet[Node]) -> Node | None:
    """The least of those ahead that are not over; those that are leave the list."""
    while ahead and ahead[-1] in over:
        ahead.pop()
    return ahead[-1] if ahead else None
