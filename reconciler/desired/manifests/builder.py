"""One YAML document, from parser events to a JSON value, without recursion and within limits.

Composing a document with libyaml's own composer is out of the question: its recursion ends the process with a
segmentation fault at about 30,000 levels. Here the depth is known at each event, before anything is built on it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.desired.manifests.places import Finding, Lines
from reconciler.desired.manifests.scalars import (
    TAG,
    ScalarError,
    differs_in_yaml_1_2,
    readable_tag,
    resolve,
    resolve_tagged,
)
from reconciler.model.problems import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import CollectionStartEvent, Event

    from reconciler.model.json import JSON
    from reconciler.model.problems import Path

MAX_DEPTH = 64
MAX_ALIASES = 100
MAX_NODES = 50_000
"""Scalars, keys, mappings and sequences of a document; those that an alias repeats count each time."""

MAX_FINDINGS = 20
"""Findings kept of one document: more would tell its author nothing new. The first refusal is kept in any case."""

_NO_KEY = object()
_REFUSED_KEY = object()
"""Stands for the key of a value that is read and dropped: the key is there already, or cannot be one."""


class UnreadableError(Exception):
    """The rest of the document is not worth reading: a limit is exceeded, or its structure has no JSON form."""


@dataclass(slots=True)
class _Anchor:
    value: JSON
    nodes: int
    is_complete: bool = True


@dataclass(slots=True)
class _Frame:
    """A mapping or sequence whose end has not come yet."""

    value: Any
    lines: Lines
    anchor: _Anchor | None
    nodes_before: int
    is_placed: bool
    """Whether the parent holds the value already; a mapping that is merged has to be whole first."""
    key: Any = _NO_KEY
    """The key whose value comes next."""
    key_line: int = 0
    last_key: Any = _NO_KEY
    """The key that got its value last: while a child is open, the child's."""
    is_merge: bool = False
    """Whether the value that comes next belongs to a merge key."""
    merged: set[str] = field(default_factory=set)
    """Keys that only merges brought: a key in the mapping itself may follow and win."""

    def next_step(self) -> Iterator[str | int]:
        """What leads to the value that comes next, where it is known already."""
        if isinstance(self.value, list):
            yield len(self.value)
        elif self.is_merge:
            yield "<<"
        elif isinstance(self.key, str):
            yield self.key

    def open_step(self) -> Iterator[str | int]:
        """What leads to the child that is open."""
        if isinstance(self.value, list):
            yield len(self.value) - 1
        elif self.is_merge:
            yield "<<"
        elif isinstance(self.last_key, str):
            yield self.last_key


class Builder:
    """Takes the events of one document; then `root` is its value. `first_line` is that of the parser's line 0.

    Faults that leave the structure known (a duplicate key, a scalar without a JSON form) become findings and
    reading goes on, so that the document's identity and its other faults come to light.
    """

    def __init__(self, first_line: int) -> None:
        self.root: JSON = None
        self.line = first_line
        self.lines: dict[int, Lines] = {}
        self.findings: list[Finding] = []
        self._first_line = first_line
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._aliases = 0
        self._nodes = 0

    def take(self, event: Event) -> None:
        """Build on. Raises UnreadableError, with the finding recorded."""
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent):
            self._start(event, {}, "map")
        elif isinstance(event, SequenceStartEvent):
            self._start(event, [], "seq")
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)

    @property
    def is_refused(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def refuse(self, rule: str, message: str, line: int, key: str | None = None) -> None:
        """Record a fault for which the document is refused, at the place that is read next or at `key` in there."""
        self._record(Finding(rule, message, line, self._path(key), Severity.ERROR))

    def _warn(self, rule: str, message: str, line: int, key: str | None = None) -> None:
        self._record(Finding(rule, message, line, self._path(key), Severity.WARNING))

    def _path(self, key: str | None) -> Path:
        """The path of the value that is read next, or of `key` in the innermost mapping."""
        if not self._stack:
            return ()
        *parents, innermost = self._stack
        steps = [step for frame in parents for step in frame.open_step()]
        return (*steps, *(innermost.next_step() if key is None else (key,)))

    def _record(self, finding: Finding) -> None:
        if len(self.findings) < MAX_FINDINGS or (finding.severity is Severity.ERROR and not self.is_refused):
            self.findings.append(finding)

    def _give_up(self, rule: str, message: str, line: int) -> NoReturn:
        self.refuse(rule, message, line)
        raise UnreadableError(message)

    def _line(self, event: Event) -> int:
        return self._first_line + (event.start_mark.line if event.start_mark else 0)

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._give_up("TooManyNodes", f"more than {MAX_NODES:,} values and keys in one document", line)

    def _scalar(self, event: ScalarEvent) -> None:
        line = self._line(event)
        self._count(1, line)
        text: str = event.value
        if event.tag is not None:
            value = self._tagged(event.tag, text, line)
        elif not event.implicit[0]:
            value = text
        elif text == "<<" and self._awaits_key():
            self._stack[-1].is_merge = True
            return
        else:
            value = self._plain(text, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value, 1)
        self._put(value, line)

    def _awaits_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and isinstance(frame.value, dict) and frame.key is _NO_KEY and not frame.is_merge

    def _tagged(self, tag: str, text: str, line: int) -> JSON:
        try:
            return resolve_tagged(tag, text)
        except ScalarError as error:
            self.refuse("UnsupportedTag", str(error), line)
            return text

    def _plain(self, text: str, line: int) -> JSON:
        try:
            value = resolve(text)
        except ScalarError as error:
            self.refuse("InvalidNumber", str(error), line)
            return text
        if differs_in_yaml_1_2(text, value):
            meaning = json.dumps(value)
            message = (
                f"{text} is read as {meaning}, as kubectl reads it; YAML 1.2 differs: write {meaning}, or quote it"
            )
            self._warn("AmbiguousScalar", message, line, text if self._awaits_key() else None)
        return value

    def _alias(self, event: AliasEvent) -> None:
        line = self._line(event)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._give_up("TooManyAliases", f"more than {MAX_ALIASES} aliases in one document", line)
        anchor = self._anchors.get(event.anchor or "")
        if anchor is None:
            self._give_up("UnknownAlias", f"*{event.anchor} names no anchor before it", line)
        if not anchor.is_complete:
            self._give_up("RecursiveAlias", f"*{event.anchor} stands inside of what it names", line)
        self._count(anchor.nodes, line)
        if len(self._stack) + _height(anchor.value) > MAX_DEPTH:
            self._give_up("TooDeep", f"more than {MAX_DEPTH} levels of nesting, with what *{event.anchor} names", line)
        self._put(anchor.value, line)

    def _start(self, event: CollectionStartEvent, value: JSON, type_: str) -> None:
        line = self._line(event)
        self._count(1, line)
        if len(self._stack) >= MAX_DEPTH:
            self._give_up("TooDeep", f"more than {MAX_DEPTH} levels of nesting", line)
        if event.tag not in (None, "!", TAG + type_):
            self.refuse("UnsupportedTag", f"the tag {readable_tag(event.tag)} is not one of JSON's types", line)
        anchor = None
        if event.anchor is not None:
            anchor = self._anchors[event.anchor] = _Anchor(value, 0, is_complete=False)
        is_placed = not (self._stack and self._stack[-1].is_merge)
        if is_placed:
            # Before its content, so that a document which breaks off later still has its identity.
            self._put(value, line)
        lines = self.lines[id(value)] = {}
        self._stack.append(_Frame(value, lines, anchor, self._nodes - 1, is_placed))

    def _end(self, event: Event) -> None:
        frame = self._stack.pop()
        if frame.anchor is not None:
            frame.anchor.nodes = self._nodes - frame.nodes_before
            frame.anchor.is_complete = True
        if not frame.is_placed:
            self._put(frame.value, self._line(event))

    def _put(self, value: JSON, line: int) -> None:
        """Give a value its place: in the innermost sequence or mapping (as key, value or merge), or as the root."""
        if not self._stack:
            self.root, self.line = value, line
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.lines[len(frame.value)] = line
            frame.value.append(value)
        elif frame.is_merge:
            self._merge(frame, value, line)
        elif frame.key is _NO_KEY:
            self._key(frame, value, line)
        else:
            if frame.key is not _REFUSED_KEY:
                frame.lines[frame.key] = frame.key_line
                frame.value[frame.key] = value
            frame.last_key, frame.key = frame.key, _NO_KEY

    def _key(self, frame: _Frame, value: JSON, line: int) -> None:
        if isinstance(value, dict | list):
            self._give_up("InvalidKey", "a mapping or sequence cannot be a key", line)
        key = _key_text(value)
        frame.key, frame.key_line = _REFUSED_KEY, line
        if key is None:
            self.refuse("InvalidKey", f"the key {'null' if value is None else value} is not text: quote it", line)
        elif key in frame.value and key not in frame.merged:
            self.refuse("DuplicateKey", f"stands already in line {frame.lines[key]}", line, key)
        else:
            frame.key = key
            frame.merged.discard(key)

    def _merge(self, frame: _Frame, value: JSON, line: int) -> None:
        """Merge as goyaml.v2 does: in the order of the text, so that a merge wins over the keys before it."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self._give_up("InvalidMerge", "<< takes a mapping or a sequence of mappings", line)
        brought = {key: item for source in reversed(sources) for key, item in source.items()}
        for key in brought:
            if key in frame.value and key not in frame.merged:
                message = f"<< replaces the key {key[:100]!r} of line {frame.lines[key]}, as in kubectl: put << first"
                self._warn("AmbiguousMerge", message, line)
            else:
                frame.merged.add(key)
            frame.lines[key] = line
        frame.value.update(brought)
        frame.is_merge = False


def _key_text(value: JSON) -> str | None:
    """A key as kubectl writes it in JSON; None for null and for floats, which it would reformat."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def _height(value: JSON) -> int:
    """Levels of nesting below and with a value; at most `MAX_DEPTH`, because every anchor was held to it."""
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0
