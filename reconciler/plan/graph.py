"""Steps of a plan and what stands between them: which order they can have, and where they go round in circles."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum, StrEnum
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model.objects import ObjectKey  # noqa: TC001 - the fields of a named tuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
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

    def reachable(self, starts: Iterable[Node]) -> set[Node]:
        """These nodes and all that come behind one of them."""
        found = set(starts)
        fresh = list(found)
        while fresh:
            behind = self.after[fresh.pop()].keys() - found
            found |= behind
            fresh.extend(behind)
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

    def circles(self, among: AbstractSet[Node]) -> list[set[Node]]:
        """The sets of nodes of which each comes before each; by their least node. (Kosaraju's algorithm.)"""
        found, seen = [], set[Node]()
        for start in reversed(self._finished(among)):
            circle, fresh = set[Node](), [start]
            while fresh:
                node = fresh.pop()
                if node not in seen and node in among:
                    seen.add(node)
                    circle.add(node)
                    fresh.extend(self.before[node])
            if len(circle) > 1:
                found.append(circle)
        return sorted(found, key=min)

    def _finished(self, among: AbstractSet[Node]) -> list[Node]:
        """The nodes in the order in which a search forward is done with them."""
        finished: list[Node] = []
        seen: set[Node] = set()
        for start in sorted(among):
            stack = [(start, False)]
            while stack:
                node, is_done = stack.pop()
                if is_done:
                    finished.append(node)
                elif node not in seen:
                    seen.add(node)
                    stack.append((node, True))
                    stack.extend((then, False) for then in sorted(self.after[node].keys() & among, reverse=True))
        return finished
