"""The nodes of one document as the parser's events mark them in its text. Marks count characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml.events import Event


class Node:
    """A node: its first event is number `first` of `events`, what follows it begins at `behind`."""

    def __init__(self, events: Sequence[Event], first: int) -> None:
        self._events = events
        self.first = first
        self.event = events[first]
        self.behind = _behind(events, first)

    @property
    def start(self) -> int:
        """Where its text begins: with its anchor or tag, where it has one."""
        return _start(self.event)

    @property
    def end(self) -> int:
        """Where its text ends: that of its last scalar, or the bracket that closes it."""
        return text_end(self._events[self.first : self.behind])

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.event, MappingStartEvent)

    @property
    def is_sequence(self) -> bool:
        return isinstance(self.event, SequenceStartEvent)

    @property
    def is_scalar(self) -> bool:
        return isinstance(self.event, ScalarEvent)

    @property
    def is_flow(self) -> bool:
        return isinstance(self.event, CollectionStartEvent) and bool(self.event.flow_style)

    @property
    def opened(self) -> int:
        """Behind the bracket that opens a flow mapping or sequence."""
        return _end(self.event)

    def items(self) -> Iterator[Node]:
        """The nodes right below: of a mapping, keys and values by turns."""
        number = self.first + 1
        while number < self.behind - 1:
            node = Node(self._events, number)
            number = node.behind
            yield node

    def members(self) -> dict[str, tuple[Node, Node]]:
        """Key and value of each member of a mapping whose key is plain text."""
        nodes = self.items()
        pairs = zip(nodes, nodes, strict=True)
        return {key.event.value: (key, value) for key, value in pairs if isinstance(key.event, ScalarEvent)}


def root(events: Sequence[Event]) -> Node:
    """The one node of a document that was parsed to its end."""
    kinds = CollectionStartEvent | ScalarEvent
    return Node(events, next(number for number, event in enumerate(events) if isinstance(event, kinds)))


def text_end(events: Sequence[Event]) -> int:
    """Where the last of what these events stand for ends. The end of a block has no text: its mark is that of what
    comes next, behind any comments.
    """
    return next((_end(event) for event in reversed(events) if _has_end(event)), 0)


def _has_end(event: Event) -> bool:
    if isinstance(event, CollectionEndEvent):
        return _end(event) > _start(event)
    return isinstance(event, ScalarEvent | AliasEvent)


def _behind(events: Sequence[Event], first: int) -> int:
    depth = 0
    for number in range(first, len(events)):
        event = events[number]
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth == 0:
            return number + 1
    raise ValueError("the node has no end")


def _start(event: Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: Event) -> int:
    return event.end_mark.index if event.end_mark else 0
